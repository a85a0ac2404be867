"""Work that is short, and that no file can turn against the process which does it: no worker is started for that.

To start workers takes a third of a second, a changed image or a small table a few milliseconds. What a library decodes that a
broken file may crash is left to workers, however short; text and plain TIFFs are not of that kind.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import sources
from .manifest.models import Resource
from .reading import SourceFile

MOST_FILES = 1000
MOST_BYTES = 8 << 20
"""What is stored of all files together: some 50 ms of text."""
MOST_PIXELS = 32 << 20


def is_short(resource: Resource, files: Iterable[SourceFile]) -> bool:
    """Whether files of a resource are best read by the process that builds."""
    some: list[SourceFile] = []
    size = 0
    for file in files:
        some.append(file)
        size += file.bytes
        if len(some) > MOST_FILES or size > MOST_BYTES:
            return False
    return sources.unpacked_bytes(resource, some, MOST_PIXELS) <= MOST_PIXELS
