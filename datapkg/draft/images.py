"""Group image files into resources: by folder, by what they are (images, masks ...), and by pixel type.

Names of all files are looked at, headers of a sample of each group; where the sample shows a broken file, or pixel
types that no column holds together, the headers of as many as can be read in some seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from ..errors import SchemaError
from ..manifest import Resource
from ..pixels import common_dtype
from ..reading import SourceFile
from ..report import size
from . import words
from .entry import Entry
from .glance import scan, spread
from .globs import suffix
from .pattern import guess, odd_one

SAMPLE = 100
MOST_LOOKED_AT = 10_000
MANY_FOLDERS = 6
"""More folders than this beside each other, with files named alike, are one series however the folders are named."""
LOOK = Resource(name="images", path=("**",), type="images", empty="skip")


@dataclass(slots=True)
class Headers:
    """What headers told: dtypes by path, how many images of which kind, bytes of pixels, and broken files."""

    dtypes: dict[str, frozenset[str]] = field(default_factory=dict)
    kinds: Counter[tuple[str, tuple[int, ...]]] = field(default_factory=Counter)
    pixel_bytes: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def image_entries(files: Sequence[SourceFile]) -> list[Entry]:
    """Make resources of image files."""
    entries: list[Entry] = []
    for kind, group in _groups(files):
        full = [file for file in group if file.bytes]
        headers = look(spread(full, SAMPLE))
        if len(full) > SAMPLE and (headers.broken or len(together(headers.dtypes.values())) > 1):
            headers = look(spread(full, MOST_LOOKED_AT))
        entries += _split_by_type(_name(kind, group[0].path), group, headers)
    return entries


def look(files: Iterable[SourceFile]) -> Headers:
    """Read the files' headers."""
    headers = Headers()
    for file in files:
        told = scan(file, LOOK)
        if isinstance(told, str):
            headers.broken[file.path] = told
            continue
        images = told.evidence.get(LOOK.name, {}).get("images", ())
        dtypes = frozenset(dtype for dtype, _, _ in images)
        if not _fit(dtypes):
            held = " and ".join(sorted(dtypes))
            headers.broken[file.path] = f"it holds images of {held}, which no column can hold together"
            continue
        headers.dtypes[file.path] = dtypes
        for dtype, shape, count in images:
            headers.kinds[dtype, tuple(shape)] += count
        pixels = (count * prod(shape) * np.dtype(dtype).itemsize for dtype, shape, count in images)
        headers.pixel_bytes[file.path] = sum(pixels)
    return headers


def together(of_files: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """Pixel types in classes that fit one column each, the commonest first.

    Examples
    --------
    >>> [sorted(c) for c in together([frozenset({t}) for t in ("uint8", "uint8", "int64", "float32", "uint16")])]
    [['int64', 'uint16', 'uint8'], ['float32']]
    """
    classes: list[frozenset[str]] = []
    for dtypes, _ in Counter(of_files).most_common():
        at = next((at for at, one in enumerate(classes) if _fit(one | dtypes)), None)
        if at is None:
            classes.append(dtypes)
        else:
            classes[at] |= dtypes
    return classes


def _fit(dtypes: Iterable[str]) -> bool:
    try:
        common_dtype(dtypes)
    except SchemaError:
        return False
    return True


def _groups(files: Sequence[SourceFile]) -> list[tuple[str, list[SourceFile]]]:
    """Files by what they are, and by the shape of their folders and suffix; each group with what it is."""
    shapes: dict[str, tuple[str, ...]] = {}
    groups: dict[tuple[str, tuple[str, ...], str], list[SourceFile]] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if folder not in shapes:
            shapes[folder] = tuple(words.shape(part) for part in folder.split("/") if part)
        ending = suffix(name)
        kind = words.kind_of_image(name.removesuffix(ending))
        groups.setdefault((kind, shapes[folder], ending.lower()), []).append(file)
    series: dict[tuple[str, int, tuple[str, ...], str, str], list[list[SourceFile]]] = {}
    for (kind, folders, ending), group in groups.items():
        name = group[0].path.rpartition("/")[2].removesuffix(ending)
        series.setdefault((kind, len(folders), folders[:-1], ending, words.shape(name)), []).append(group)
    found: list[tuple[str, list[SourceFile]]] = []
    for key, beside in series.items():
        merged = [[file for group in beside for file in group]] if len(beside) > MANY_FOLDERS else beside
        found += [(key[0], group) for group in merged]
    return found


def _split_by_type(name: str, group: list[SourceFile], headers: Headers) -> list[Entry]:
    """One resource for each class of pixel types that no column holds together."""
    good = [file for file in group if file.bytes and file.path not in headers.broken]
    empty = [file.path for file in group if not file.bytes]
    entries = []
    classes = together(headers.dtypes.values()) or [frozenset()]
    for number, dtypes in enumerate(classes):
        files = [file for file in good if headers.dtypes.get(file.path, classes[0]) <= dtypes]
        entry = Entry("images", f"{name}_{sorted(dtypes)[0]}" if number else name, files)
        if number == 0:
            entry.empty, entry.broken = empty, headers.broken
        if files:
            _describe(entry, dtypes, headers)
        entries.append(entry)
    return entries


def _describe(entry: Entry, dtypes: frozenset[str], headers: Headers) -> None:
    files = entry.files
    looked = [headers.pixel_bytes[file.path] for file in files if file.path in headers.pixel_bytes]
    sampled = len(looked) < len(files)
    entry.about = _about(files, dtypes, headers, len(looked) if sampled else 0)
    pixels = sum(looked) * len(files) // max(len(looked), 1)
    entry.keep = (
        f"{size(sum(file.bytes for file in files))} as files, {'about ' * sampled}{size(pixels)} as pixels"
    )
    if len(files) > 1:
        paths = [file.path for file in files]
        entry.guess = guess(paths)
        entry.odd_name = "" if entry.guess else odd_one(paths)


def _about(files: Sequence[SourceFile], dtypes: frozenset[str], headers: Headers, looked: int) -> str:
    counts = [(kind, n) for kind, n in headers.kinds.most_common() if kind[0] in dtypes]
    kinds = [
        f"{dtype}, {' x '.join(map(str, shape))}" + (f" ({n:,})" if len(counts) > 1 else "")
        for (dtype, shape), n in counts[:3]
    ]
    if len(counts) > 3:
        kinds.append(f"and {len(counts) - 3} more kinds")
    number = f"{len(files):,} image file{'s' * (len(files) > 1)}"
    if looked:
        return f"{number}. Only {looked:,} of them were looked at: {'; '.join(kinds)}. A build reads all."
    return f"{number}: {'; '.join(kinds)}."


def _name(kind: str, path: str) -> str:
    """A table's name: the innermost folder that is named by a word, with what the files are."""
    folders = path.split("/")[:-1]
    word = next((f for f in reversed(folders) if words.shape(f) == f and f.isascii()), "")
    if kind == "images" or words.kind_of_image(word) == kind:
        return word or kind
    return f"{word}_{kind}" if word and word != "images" else kind
