"""What must be true across the parts of a manifest: names, options that fit a type, keys between tables.

The rules look at plain values beside the YAML tree, not at the models: one wrong value must not hide what is wrong
elsewhere, so they take every part as it comes and pass over what the models refuse anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..addresses import ARCHIVES, scheme_of
from ..errors import nearest
from .addresses import is_archive
from .derivations import check_derive, given_files
from .document import Node
from .kinds import is_many
from .mistakes import Mistakes
from .tables import entries, is_table, known_tables, makes

IMAGE_OPTIONS = ("keep", "array", "rows")
TEXT_OPTIONS = ("schema", "dialect", "encoding", "source")
FILE_OPTIONS = ("path", "members", "exclude", "optional", "pattern", "empty", "hash", "bytes")
"""What has no meaning where the rows stand in the manifest itself."""
MOVIE_OPTIONS = ("positions", "channels", "regions", "frames")
DATABASE_OPTIONS = ("table", "query", "image")
CLOSED_MATCHES = ("exact", "equal", "superset")
"""With these a file has no columns beyond the declared ones."""


def check(data: dict[str, Any], root: Node, mistakes: Mistakes) -> None:
    """Find every mistake that no single value shows."""
    _check_table_names(data, root, mistakes)
    for at, resource in entries(data, "resources"):
        node = root.get("resources", at)
        if node is not None:
            _check_path_or_data(resource, node, mistakes)
            _check_options(resource, node, mistakes)
            _check_one_file(resource, node, mistakes)
            _check_members(resource, node, mistakes)
            _check_schema(resource, node, mistakes)
    _check_references(data, root, mistakes)
    check_derive(data, root, mistakes, known_tables(data))


def _check_table_names(data: dict[str, Any], root: Node, mistakes: Mistakes) -> None:
    kinds = {
        entry["name"]: entry.get("type")
        for _, entry in entries(data, "resources")
        if isinstance(entry.get("name"), str)
    }
    seen: dict[str, str] = {}
    for list_key, name_key in (("resources", "name"), ("derive", "into")):
        for at, entry in entries(data, list_key):
            name, node = entry.get(name_key), root.get(list_key, at, name_key)
            if not isinstance(name, str) or node is None:
                continue
            first = seen.setdefault(name.casefold(), name)
            maker = next((other for other in kinds if makes(other, kinds[other], name)), None)
            if node is not _first_node(root, data, name.casefold()):
                how = "" if first == name else f" (as {first!r}; names must differ in more than case)"
                mistakes.add(node.place, f"the table name {name!r} is given twice{how}", "rename one of them")
            elif maker is not None:
                what = f"{name!r} is the name of a table that the resource {maker!r} makes"
                mistakes.add(node.place, what, "rename one of them")


def _first_node(root: Node, data: dict[str, Any], folded: str) -> Node | None:
    for list_key, name_key in (("resources", "name"), ("derive", "into")):
        for at, entry in entries(data, list_key):
            if isinstance(entry.get(name_key), str) and entry[name_key].casefold() == folded:
                return root.get(list_key, at, name_key)
    return None


def _check_options(resource: dict[str, Any], node: Node, mistakes: Mistakes) -> None:
    kind = resource.get("type")
    wrong = {
        "table": (*IMAGE_OPTIONS, *MOVIE_OPTIONS, *DATABASE_OPTIONS),
        "images": (*TEXT_OPTIONS, *MOVIE_OPTIONS, *DATABASE_OPTIONS),
        "ch5": ("rows", "pattern", *TEXT_OPTIONS, *DATABASE_OPTIONS),
        "sqlite": ("rows", "pattern", "dialect", "encoding", "source", *MOVIE_OPTIONS),
    }.get(str(kind), ())
    of = {"table": "a text table", "images": "images", "ch5": "a ch5 movie", "sqlite": "a database"}
    for option in wrong:
        if option in resource:
            what = f"{option} has no meaning for {of[str(kind)]} (type {kind})"
            mistakes.add(
                node.key_place(option), what, f"remove {option}, or give the type that it belongs to"
            )
    if kind == "sqlite":
        _check_database(resource, node, mistakes)
    kept = resource.get("keep")
    keep_node = node.get("keep")
    if kind == "ch5" and keep_node is not None and "bytes" in (kept if isinstance(kept, list) else [kept]):
        what = "the planes of a ch5 movie are no files, so there are no bytes to keep"
        mistakes.add(keep_node.place, what, "remove keep, or write keep: array")


def _check_database(resource: dict[str, Any], node: Node, mistakes: Mistakes) -> None:
    if "table" in resource and "query" in resource:
        fix = "remove one of them: a query says itself which tables it reads"
        mistakes.add(node.key_place("table"), "both table and query say which rows are read", fix)
    for option in ("keep", "array"):
        if option in resource and "image" not in resource:
            what = f"{option} has no meaning where no column holds images"
            mistakes.add(node.key_place(option), what, f"remove {option}, or say image: COLUMN")
    schema = resource.get("schema")
    for at, field in entries(schema, "fields") if isinstance(schema, dict) else ():
        typed = node.get("schema", "fields", at, "type") if "type" in field else None
        if typed is not None:
            fix = "remove type; to convert values, write a query: select cast(Count as integer) as Count ..."
            mistakes.add(typed.place, "the columns of a database have the types of their values", fix)


def _check_path_or_data(resource: dict[str, Any], node: Node, mistakes: Mistakes) -> None:
    if "data" not in resource:
        if "path" not in resource:
            what = "path has no value" if "path" in node.keys else "path is missing"
            mistakes.add(node.key_place("path"), what, 'write path: "profiles/*.csv"')
        return
    for option in FILE_OPTIONS:
        if option in resource:
            what = f"{option} has no meaning where data stand in the manifest"
            mistakes.add(node.key_place(option), what, f"remove {option}, or give a path without data")
    if resource.get("type") != "table":
        what = "data that stand in the manifest are a text table"
        mistakes.add(node.key_place("type"), what, "remove type")


def _check_one_file(resource: dict[str, Any], node: Node, mistakes: Mistakes) -> None:
    path = resource.get("path")
    if not is_many(path) or (isinstance(path, list) and len(path) == 1 and not is_many(path[0])):
        return
    for key in ("hash", "bytes"):
        if key in resource:
            what = f"{key} describes one file, but the path can name several"
            mistakes.add(node.key_place(key), what, f"remove {key}; the lock file has every file's hash")


def _check_members(resource: dict[str, Any], node: Node, mistakes: Mistakes) -> None:
    """Files are chosen of archives only; what an address is of shows when it is opened."""
    written = resource.get("path")
    paths = [written] if isinstance(written, str) else written if isinstance(written, list) else []
    if "members" not in resource:
        return
    for path in paths:
        if isinstance(path, str) and not scheme_of(path) and not is_archive(path):
            what = f"members chooses files of an archive, and {path!r} is none"
            fix = f"name archives ({', '.join(ARCHIVES)}), or remove members"
            mistakes.add((node.get("path") or node).place, what, fix)


def _check_schema(resource: dict[str, Any], node: Node, mistakes: Mistakes) -> None:
    schema, schema_node = resource.get("schema"), node.get("schema")
    if not isinstance(schema, dict) or schema_node is None:
        return
    names: list[str] = []
    for at, field in entries(schema, "fields"):
        name, name_node = field.get("name"), schema_node.get("fields", at, "name")
        if isinstance(name, str) and name_node is not None:
            if name in names:
                mistakes.add(name_node.place, f"the column {name!r} is declared twice", "keep one of the two")
            else:
                names.append(name)
    if names and schema.get("fieldsMatch") in CLOSED_MATCHES:
        for key_node in _key_columns(schema_node):
            if key_node.content not in names:
                what = f"the key names the column {key_node.content!r}, which fields does not declare"
                mistakes.add(key_node.place, what, nearest(str(key_node.content), names))


def _key_columns(schema: Node) -> Iterator[Node]:
    """The columns of this table that keys name."""
    keys = [schema.get("primaryKey"), *_items(schema.get("uniqueKeys"))]
    keys += [key.get("fields") for key in _items(schema.get("foreignKeys"))]
    for key in keys:
        for column in [key, *_items(key)] if key is not None else []:
            if isinstance(column.content, str):
                yield column


def _items(node: Node | None) -> list[Node]:
    return node.items() if node is not None else []


def _check_references(data: dict[str, Any], root: Node, mistakes: Mistakes) -> None:
    tables = known_tables(data)
    for at, resource in entries(data, "resources"):
        schema = resource.get("schema")
        for number, key in entries(schema, "foreignKeys") if isinstance(schema, dict) else ():
            node = root.get("resources", at, "schema", "foreignKeys", number)
            reference = key.get("reference")
            if node is None or not isinstance(reference, dict):
                continue
            target, target_node = reference.get("resource", ""), node.get("reference", "resource")
            if isinstance(target, str) and target and target_node and not is_table(target, tables):
                what = f"the foreign key points to {target!r}, which is no table of this manifest"
                mistakes.add(target_node.place, what, nearest(target, tables))
            here, there = _count(key.get("fields")), _count(reference.get("fields"))
            if here and there and here != there:
                what = f"the foreign key has columns: {here} here, but {there} in the table it points to"
                mistakes.add(node.place, what, "name as many columns on both sides, in the same order")


def _count(fields: Any) -> int:
    return 1 if isinstance(fields, str) else len(fields) if isinstance(fields, list) else 0


def check_allow(data: dict[str, Any], root: Node, given: set[str], mistakes: Mistakes) -> None:
    """Make sure that each ``@name/`` is a folder of `allow`, and that each folder `given` by an option is used."""
    declared = set(data["allow"]) if isinstance(data.get("allow"), dict) else set()
    used: set[str] = set()
    for at, _ in entries(data, "resources"):
        for key in ("path", "exclude"):
            listed = root.get("resources", at, key)
            for node in [listed, *listed.items()] if listed is not None else []:
                if isinstance(node.content, str) and node.content.startswith("@"):
                    name = node.content[1:].partition("/")[0]
                    used.add(name)
                    if name not in declared | given:
                        _say_no_folder(name, declared, node, mistakes)
    for at, entry in entries(data, "derive"):
        for _, text in given_files(entry.get("args")):
            name = text[1:].partition("/")[0]
            if text.startswith("@"):
                used.add(name)
                if name not in declared | given:
                    _say_no_folder(name, declared, root.get("derive", at, "args") or root, mistakes)
    for name in sorted(given - declared - used):
        fix = nearest(name, declared | used)
        mistakes.add((1, 1), f"no path begins with @{name}, which was given as an allowed folder", fix)


def _say_no_folder(name: str, declared: set[str], node: Node, mistakes: Mistakes) -> None:
    fix = nearest(name, declared) or f"add allow: {{{name}: FOLDER}}"
    mistakes.add(node.place, f"@{name} is no folder of allow", fix)
