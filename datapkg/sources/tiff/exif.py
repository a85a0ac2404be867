"""EXIF, which cameras put into images of other formats: a little TIFF without pixels."""

from __future__ import annotations

from typing import Any

from ...errors import SourceError
from .file import decoding, open_pages
from .metadata import as_json, page_tags

HEAD = b"Exif\0\0"


def exif_tags(data: bytes, path: str) -> Any:
    """The tags by name, or where they cannot be read the bytes as they are."""
    data = data.removeprefix(HEAD)
    try:
        with open_pages(memoryview(data), path) as tiff, decoding(path):
            return page_tags(tiff, tiff.file.pages.first)
    except SourceError:
        return as_json(data)


def orientation(tags: Any) -> int | None:
    """How the camera was held, 1 to 8 as EXIF counts; the pixels are never turned."""
    found = tags.get("Orientation") if isinstance(tags, dict) else None
    return found if isinstance(found, int) else None
