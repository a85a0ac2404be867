"""What a version's list of files says of where images lie: from what was written, and from the version before.

`FilesList.pixels` tells of columns of equal images and of bytes, `FilesList.placed` of others: older readers pass over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .records import FilesList
from .store import Fragment, Layer


def take_over(files: FilesList, before: FilesList, table: str, runs: Sequence[int]) -> None:
    """Say of a table what another list says, for the fragments that have rows."""
    stay = {str(number) for number in runs[::3]}
    pixels: dict[str, dict[str, Any]] = {}
    for name, column in before.pixels.get(table, {}).items():
        if kept := {number: pages for number, pages in column["fragments"].items() if number in stay}:
            pixels[name] = {**column, "fragments": kept}
    placed: dict[str, dict[str, Any]] = {}
    for name, fragments in before.placed.get(table, {}).items():
        if kept := {number: pages for number, pages in fragments.items() if number in stay}:
            placed[name] = kept
    if pixels:
        files.pixels[table] = pixels
    if placed:
        files.placed[table] = placed


def add_places(
    files: FilesList,
    table: str,
    numbers: Sequence[tuple[int, int]],
    fragments: Sequence[Fragment],
    layers: Sequence[Layer] = (),
) -> None:
    """Add what was written: new fragments with their (number, rows), and what layers have beside them and older ones."""
    for number, fragment in _numbered([number for number, _ in numbers], fragments, layers):
        for name, pages in fragment.pixels.items():
            form = {"dtype": pages.dtype, "shape": list(pages.shape)}
            column = files.pixels.setdefault(table, {}).setdefault(name, {**form, "fragments": {}})
            if form.items() <= column.items():
                column["fragments"][str(number)] = [pages.path, *pages.places]
        for name, entry in fragment.placed.items():
            files.placed.setdefault(table, {}).setdefault(name, {})[str(number)] = dict(entry)


def _numbered(
    numbers: Sequence[int], fragments: Sequence[Fragment], layers: Sequence[Layer]
) -> Iterator[tuple[int, Fragment]]:
    yield from zip(numbers, fragments, strict=True)
    for layer in layers:
        for at, fragment in layer.files.items():
            yield (at if at >= 0 else numbers[-1 - at]), fragment
