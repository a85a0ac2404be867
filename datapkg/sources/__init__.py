"""Source formats, one each; the registry names them as strings, so that nothing loads until used."""

from __future__ import annotations

from importlib import import_module
from math import inf
from typing import TYPE_CHECKING

from ..installed import version_of
from .base import ImageSource, Source

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..files import Files
    from ..manifest import Resource
    from ..reading import Reading

FORMATS = {
    "table": "datapkg.sources.text.source:TextSource",
    "images": "datapkg.sources.images.source:ImagesSource",
    "ch5": "datapkg.sources.ch5.source:Ch5Source",
    "sqlite": "datapkg.sources.sqlite.source:SqliteSource",
}


def get(kind: str) -> Source:
    """Find the format for a resource's `type`."""
    module, name = FORMATS[kind].split(":")
    source: Source = getattr(import_module(module), name)()
    return source


def image_decoder() -> ImageSource:
    """The format that decodes image files which are kept as they are."""
    source: ImageSource = get("images")  # type: ignore[assignment]
    return source


def lines_of(reading: Reading, resource: Resource, rows: Collection[int]) -> dict[int, int]:
    """The lines, from 1, that rows of a text table begin in; rows are counted from 0 behind the header.

    A database has no lines: there it is the row's number, from 1.
    """
    if resource.type == "sqlite":
        return {row: row + 1 for row in rows}
    from .text.source import lines_of

    return lines_of(reading, resource, rows)


def unpacked_bytes(resource: Resource, files: Files, most: int) -> float:
    """What files take when they are read, where our own code or a library as safe reads them; infinite where another may."""
    if resource.type == "table":
        return int(files.sizes.sum())
    if resource.type == "images":
        from .images.at_once import pixels_of

        return pixels_of(files, most)
    return inf


def readers(kind: str) -> dict[str, str | int]:
    """What decides what a format reads: its own number, and the versions of the libraries it decodes with."""
    source = get(kind)
    return {"reads": source.reads, **{library: version_of(library) for library in source.libraries}}
