"""What must be true across the entries of `derive`: tables that are there, columns and types that fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..companions import companions
from ..errors import nearest
from .document import Node
from .mistakes import Mistakes
from .tables import entries, is_table, known_tables
from .types import IMAGE


def check_derive(data: dict[str, Any], root: Node, mistakes: Mistakes, made: Mapping[str, str]) -> None:
    """Find the mistakes that no single value of an entry shows; `made` are all tables of the manifest."""
    tables = known_tables({"resources": data.get("resources")})
    columns: set[tuple[str, str]] = set()
    for at, entry in entries(data, "derive"):
        node = root.get("derive", at)
        if node is None:
            continue
        table, into = entry.get("table"), entry.get("into")
        if isinstance(table, str) and not is_table(table, tables):
            later = table in made
            what = (
                f"{table!r} is made by a later entry" if later else f"{table!r} is no table of this manifest"
            )
            fix = "move that entry before this one" if later else nearest(table, tables)
            mistakes.add((node.get("table") or node).place, what, fix)
        _check_target(entry, node, mistakes)
        if isinstance(table, str):
            for name in _columns(entry):
                if (table, name) in columns:
                    mistakes.add(
                        node.place, f"the column {name!r} of {table!r} is derived twice", "rename one"
                    )
                columns.add((table, name))
        if isinstance(into, str):
            tables[into] = "derived"


def mend_on_error(data: dict[str, Any], root: Node) -> None:
    """``on_error: null`` means the word: YAML takes it for no value at all."""
    for at, entry in entries(data, "derive"):
        node = root.get("derive", at, "on_error")
        if node is not None and node.content is None and node.written:
            entry["on_error"] = "null"


def given_kind(value: Any) -> str:
    """Whether an argument stands for a ``file`` or a ``folder``; empty if it is a value.

    Examples
    --------
    >>> given_kind({"file": "model.pt"}), given_kind({"file": "a", "mode": "b"}), given_kind("model.pt")
    ('file', '', '')
    """
    kinds = [kind for kind in ("file", "folder") if isinstance(value, dict) and list(value) == [kind]]
    return kinds[0] if kinds and isinstance(value[kinds[0]], str) else ""


def given_files(args: Any) -> Iterator[tuple[str, str]]:
    """The files and folders that arguments stand for, wherever in them: kind and name."""
    if kind := given_kind(args):
        yield kind, args[kind]
    elif isinstance(args, dict | list | tuple):
        for value in args.values() if isinstance(args, dict) else args:
            yield from given_files(value)


def check_function_files(data: dict[str, Any], root: Node, folder: Path, mistakes: Mistakes) -> None:
    """Make sure that the .py files of `derive` are there, and the files that arguments name; nothing is imported."""
    for at, entry in entries(data, "derive"):
        _check_given(entry, root.get("derive", at, "args"), folder, mistakes)
        function, node = entry.get("function"), root.get("derive", at, "function")
        if node is None or mistakes.at(node.place):
            continue
        if isinstance(function, str) and ".py:" in function:
            file = function.rpartition(":")[0]
            if not (folder / file).is_file():
                beside = sorted(path.name for path in folder.glob("*.py"))
                mistakes.add(
                    node.place, f"there is no file {file!r} beside the manifest", nearest(file, beside)
                )


def _check_given(entry: Mapping[str, Any], node: Node | None, folder: Path, mistakes: Mistakes) -> None:
    for kind, text in given_files(entry.get("args")):
        if node is None or mistakes.at(node.place) or text.startswith("@"):
            continue
        if Path(text).is_absolute() or ".." in Path(text).parts:
            fix = f"list its folder under allow, and write @name/... for the {kind}"
            mistakes.add(node.place, f"the {kind} {text!r} lies outside of the manifest's folder", fix)
        elif not ((folder / text).is_file() if kind == "file" else (folder / text).is_dir()):
            beside = sorted(path.name for path in (folder / text).parent.glob("*"))
            what = f"there is no {kind} {text!r} beside the manifest"
            mistakes.add(node.place, what, nearest(Path(text).name, beside))


def _check_target(entry: Mapping[str, Any], node: Node, mistakes: Mistakes) -> None:
    column, into, output = (entry.get(key) for key in ("column", "into", "output"))
    if (column is None) == (into is None):
        what = f"{'both column and' if into else 'neither column nor'} into {'are' if into else 'is'} given"
        mistakes.add(node.place, what, "give column for a new column, or into for a new table")
        return
    place = (node.get("output") or node).place
    if into is not None and output is not None and not isinstance(output, dict):
        fix = "write output: {label: int32, area: float32}"
        mistakes.add(place, "a table needs the name and type of each of its columns", fix)
    if into is None and isinstance(output, dict):
        mistakes.add(
            place, "names of columns stand in column", "write column: [a, b] and output: [int32, float32]"
        )
    names = [column] if isinstance(column, str) else column
    if isinstance(names, list) and isinstance(output, list | str):
        types = 1 if isinstance(output, str) else len(output)
        if types != len(names):
            what = f"{len(names)} columns have {types} types"
            mistakes.add(place, what, "give output one type for each column")


def _columns(entry: Mapping[str, Any]) -> Iterator[str]:
    """All columns that an entry adds to its table, as far as it says so."""
    column, output = entry.get("column"), entry.get("output")
    names = [column] if isinstance(column, str) else column if isinstance(column, list) else []
    types = output if isinstance(output, list) else [output] * len(names)
    names = [name for name in names if isinstance(name, str)]
    yield from names
    for name, kind in zip(names, types, strict=False):
        if kind == IMAGE:
            yield from companions(name).names
    if names and entry.get("on_error") == "null":
        yield f"{names[0]}_error"
