"""Write a draft as YAML with comments, in words of somebody who has never seen a manifest."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..manifest.kinds import HINTS, suffix_of
from ..manifest.missing import first_names
from ..manifest.names import package_name, without_accents
from ..report import count_of, size
from .entry import Entry
from .folder import Folder
from .glance import one_line
from .globs import escaped, suffix
from .keys import ForeignKey

WIDTH = 110
LONGEST = 2000
"""Characters of one comment."""
NOTE_AT = 33
"""The column in which comments stand behind short values."""
PLAIN = re.compile(
    r"(?!(?i:true|false|yes|no|on|off|null|nan)$)[A-Za-z][A-Za-z0-9_./()-]*( [A-Za-z0-9_./()-]+)*"
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is in the folder and in no resource: texts that are no tables, files of 0 bytes, files with a reason."""

    folder: Folder
    prose: Sequence[str] = ()
    empty: Sequence[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def written(folder: str, root: str, entries: Sequence[Entry], left_out: LeftOut) -> str:
    """The manifest's text."""
    lines = [*_head(folder, root, entries)]
    for entry in entries:
        lines += [*_resource(entry), ""]
    lines += _left_out(left_out)
    return "\n".join(lines).rstrip() + "\n"


def quoted(text: str) -> str:
    """Text as YAML has it.

    Examples
    --------
    >>> quoted("Cells.csv"), quoted("*/Cells.csv"), quoted("yes"), quoted("1.0")
    ('Cells.csv', '"*/Cells.csv"', '"yes"', '"1.0"')
    """
    return text if PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _head(folder: str, root: str, entries: Sequence[Entry]) -> Iterator[str]:
    files = [file for entry in entries for file in entry.files]
    total = size(sum(file.bytes for file in files))
    yield from _comment(
        f"Drafted from {len(files):,} file{'s' * (len(files) != 1)} ({total}) of the folder {one_line(folder)}. Names "
        "and groups are guesses: look them over, and change what you know better. Then run `datapkg check` and "
        "`datapkg build` with this file."
    )
    if any(entry.kind != "table" for entry in entries):
        yield from _comment(
            "Of images and movies only headers were read: a build may still find damage, and says where."
        )
    name = package_name(without_accents(folder))
    yield ""
    yield _noted(f"name: {quoted(name)}", f"the package becomes {name}.datapkg")
    yield _noted('version: "1.0.0"', "the release that a build makes; quoted, because it is text")
    yield _noted(
        f"title: {quoted(one_line(folder) or name)}", "what a reader sees first: say what the data are"
    )
    yield '# licenses: [{name: CC-BY-4.0, path: "https://creativecommons.org/licenses/by/4.0/"}]   # what others may do'
    yield "# contributors: [{title: Your Name, roles: [author]}]"
    yield _noted(f"root: {quoted(root)}", "where the paths below start, seen from this file")
    yield ""
    yield "resources:"


def _resource(entry: Entry) -> Iterator[str]:
    yield from _comment(entry.about, "  ")
    if entry.guess is not None:
        columns = ", ".join(f"{name} = {value}" for name, value in entry.guess.example.items())
        yield from _comment(
            f"The pattern makes columns of the path: {entry.files[0].path} gives {columns}.", "  "
        )
    yield f"  - name: {quoted(entry.name)}"
    yield from _listed("path", entry.path)
    yield from _excluded(entry)
    if entry.empty:
        yield _noted("    empty: skip", f"empty files: {_few(entry.empty)}")
    if entry.guess is not None:
        yield f"    pattern: {json.dumps(entry.guess.pattern, ensure_ascii=False)}"
    elif entry.odd_name:
        yield from _no_pattern(entry)
    if entry.keep:
        yield _noted("    keep: [bytes, array]", f"stores {entry.keep}; [bytes] or [array] stores one")
    yield from _schema(entry)


def _listed(key: str, paths: Sequence[str]) -> Iterator[str]:
    if len(paths) == 1:
        yield f"    {key}: {quoted(paths[0])}"
        return
    yield f"    {key}:"
    yield from (f"      - {quoted(path)}" for path in paths)


def _excluded(entry: Entry) -> Iterator[str]:
    if not (entry.strangers or entry.broken):
        return
    yield "    exclude:"
    yield from (f"      - {quoted(path)}" for path in entry.strangers)
    for paths, why in _by_reason(entry.broken):
        yield from _comment(f"A build would refuse {_these(paths)}: {why}", "      ")
        yield from (f"      - {quoted(escaped(path))}" for path in paths)


def _no_pattern(entry: Entry) -> Iterator[str]:
    yield from _comment(
        f"The names follow no one pattern (one that differs: {one_line(entry.odd_name)}), so they give no columns. If "
        "you know one that fits all of them, write it as in the next line.",
        "    ",
    )
    yield f'    # pattern: "{{Plate}}/{{Well}}_{{Site}}_{{Channel}}{suffix(entry.odd_name)}"'


def _schema(entry: Entry) -> Iterator[str]:
    if entry.primary_key and entry.cells is not None:
        yield "    schema:"
        yield f"      # No two of the {entry.cells.rows:,} rows have the same values here:"
        yield f"      primaryKey: [{', '.join(map(quoted, entry.primary_key))}]"
    if not entry.foreign_keys:
        return
    names = [key.fields[-1] for key in entry.foreign_keys]
    what = f"All values of {first_names(names)} are names of image files here."
    start = "      # " if entry.primary_key else "    # "
    yield from _comment(f"{what} To say so (it is checked from a later release on):", start[:-2])
    if not entry.primary_key:
        yield f"{start}schema:"
        start += "  "
    yield f"{start}foreignKeys:"
    yield from (f"{start}  - {_foreign_key(key)}" for key in entry.foreign_keys)


def _foreign_key(key: ForeignKey) -> str:
    fields, columns = ", ".join(map(quoted, key.fields)), ", ".join(map(quoted, key.columns))
    return f"{{fields: [{fields}], reference: {{resource: {quoted(key.table)}, fields: [{columns}]}}}}"


def _left_out(left_out: LeftOut) -> Iterator[str]:
    lines = [*_unread(left_out.folder)]
    if left_out.prose:
        lines.append(f"{_files(left_out.prose)} of text that is no table: {_few(left_out.prose)}")
    if left_out.empty:
        lines.append(f"{_files(left_out.empty)} without content: {_few(left_out.empty)}")
    for paths, why in _by_reason(left_out.refused):
        lines.append(f"{_few(paths)}: {why}")
    for found, what in (
        (left_out.folder.links, "links to folders"),
        (left_out.folder.stores, "folders of programs"),
    ):
        if found:
            lines.append(f"{what}, which were not entered: {_few(found)}")
    if lines:
        yield "# Left out:"
        for line in lines:
            yield from _comment(line, bullet="- ")


def _unread(folder: Folder) -> Iterator[str]:
    by_suffix: dict[str, list[str]] = {}
    for path in folder.others:
        by_suffix.setdefault(suffix_of(path), []).append(path)
    for ending, paths in sorted(by_suffix.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        kind = f"{_files(paths)} of .{ending}" if ending else f"{_files(paths)} without a suffix"
        hint = f" ({HINTS[ending]} to have {'it' if len(paths) == 1 else 'them'})" if ending in HINTS else ""
        yield f"{kind}{hint}: {_few(paths)}"


def _comment(text: str, indent: str = "", bullet: str = "") -> Iterator[str]:
    start = f"{indent}# "
    wrapper = textwrap.TextWrapper(WIDTH, start + bullet, start + " " * len(bullet))
    wrapper.break_long_words = wrapper.break_on_hyphens = False  # names of files stay whole
    yield from wrapper.wrap(one_line(text, LONGEST))


def _by_reason(broken: Mapping[str, str]) -> list[tuple[list[str], str]]:
    """Files with the same reason, but for numbers and quoted text, and the reason of the first."""
    found: dict[str, tuple[list[str], str]] = {}
    for path, why in broken.items():
        found.setdefault(re.sub(r"[0-9,.]+|`[^`]*`", "", why), ([], why))[0].append(path)
    return list(found.values())


def _these(paths: Sequence[str]) -> str:
    return "this" if len(paths) == 1 else f"these {len(paths):,}, the first since"


def _noted(value: str, note: str) -> str:
    """A value with a comment behind it."""
    return f"{value.ljust(NOTE_AT - 1)} # {note}"


def _files(paths: Sequence[str]) -> str:
    return count_of(len(paths), "file", "files")


def _few(paths: Sequence[str]) -> str:
    return first_names([one_line(path) for path in paths])
