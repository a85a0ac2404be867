"""Where images lie in a data file that are not all alike, or packed: what the engine says of its pages, if it is understood.

Kinds of pages are: `lines`, whole rows of pixels one after the other, each behind a head; `chunks` of numbers (`chunks`);
and `values`, packed images and files, of any length, with an index. Of lines and chunks the lengths of the lists are not
read: the forms of the images, which are written beside, say them. Where images are missing, or pages are coded in several
ways, the kinds have other names (`GAPPED`, `CODED`), so that older readers leave them to the engine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .chunks import ALIGNED, ENTRY, PACKED, PLAIN, ChunkForm, index_of, numbers
from .codings import LISTS, MISSING, SAME, Coding, all_missing, coding, values
from .forms import MISSING as ABSENT
from .forms import Forms, looks, packed_text

LINES, CHUNKS, VALUES = "lines", "chunks", "values"
GAPPED, CODED = "lines, gapped", "chunks, coded"
FULL_ZIP = re.compile(
    r"PageLayout\{layout:Some\(FullZipLayout\(FullZipLayout\{bits_rep:(?P<rep>\d+),bits_def:(?P<defined>\d+),"
    r"num_items:(?P<items>\d+),num_visible_items:(?P<visible>\d+),value_compression:Some\((?P<values>.*)\),"
    rf"{LISTS}details:Some\(BitsPerValue\(\d+,\),\),\}},\),\),\}}"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of images in a file: its pixels' dtype, the shape of an item, whether lists stand around these.

    Of its images: how many items each has, and which are missing.
    """

    dtype: np.dtype[Any]
    item: tuple[int, ...]
    lists: bool
    items: NDArray[np.int64]
    missing: NDArray[np.bool_]


def placed(
    path: Path, pages: Sequence[Any], rows: Sequence[int], kind: pa.DataType, forms: Forms
) -> dict[str, Any] | None:
    """Where the images of a column of lists lie in a file; None where a page of it is not understood.

    Parameters
    ----------
    pages, rows
        The engine's description of the column's pages, and how many rows each has.
    kind
        The column's type.
    """
    dtype, item = _item(kind)
    of_rows = forms.of_rows
    if not pages or dtype is None or not forms.known or len(pages) != len(rows) or sum(rows) != len(of_rows):
        return None
    lists, count = pa.types.is_large_list(kind), prod(item)
    if not count or any(form != ABSENT and prod(form[1]) % count for form in forms.all):
        return None
    items = [int(not lists) if form == ABSENT else prod(form[1]) // count for form in forms.all]
    absent = np.array([form == ABSENT for form in forms.all])
    column = Column(dtype, item, lists, np.array(items, np.int64)[of_rows], absent[of_rows])
    found = _lines(column, pages, rows) or _chunks(path, column, pages, rows)
    if found is None:
        return None
    how, extra, places = found
    return {"kind": how, "dtype": dtype.name, "item": count, **extra, **looks(forms), "pages": places}


Found = tuple[str, dict[str, Any], list[int]]


def _lines(column: Column, pages: Sequence[Any], rows: Sequence[int]) -> Found | None:
    """Pages of whole rows of pixels: the rows of each, where they begin, and the bytes before each row of pixels."""
    places: list[int] = []
    heads = set()
    first = 0
    size = prod(column.item) * column.dtype.itemsize
    for page, count in zip(pages, rows, strict=True):
        text = re.sub(r"\s", "", page.encoding)
        items, missing = column.items[first : first + count], column.missing[first : first + count]
        first += count
        if missing.all() and all_missing(text):
            places += [count, 0, 0]
            continue
        found = FULL_ZIP.fullmatch(text)
        if not found or found["values"] != values(column.dtype, column.item):
            return None
        bits = int(found["rep"]) + int(found["defined"])
        head, alone = int(bits > 0), int((items == 0).sum())
        shown = int(items.sum())
        fits = (int(found["items"]), int(found["visible"])) == (shown + alone, shown)
        indexed = 1 + bool(found["lists"])
        if bits > 8 or not fits or len(page.buffers) != indexed or bool(found["lists"]) != column.lists:
            return None
        if page.buffers[0].size != shown * (head + size) + alone * head or (alone and not head):
            return None
        places += [count, page.buffers[0].position, head]
        heads.add(head)
    if not heads or first != len(column.items):
        return None
    if len(heads) == 1 and not column.missing.any() and column.items.all():
        del places[2::3]
        return LINES, {"head": heads.pop()}, places
    return GAPPED, {"empty": int(not column.lists)}, places


def _chunks(path: Path, column: Column, pages: Sequence[Any], rows: Sequence[int]) -> Found | None:
    """Pages of chunks: the rows of each, where its index begins, its chunks, where these begin, and their bytes.

    Where pages are coded in several ways, then which coding a page has, and where its dictionary begins, with its bytes.
    """
    places: list[list[int]] = []
    codings: list[Coding] = []
    indexes: dict[str, str] = {}
    first = 0
    for page, count in zip(pages, rows, strict=True):
        those = slice(first, first + count)
        first += count
        items = int(column.items[those].sum())
        found = coding(page.encoding, column.dtype, column.item, bool(column.missing[those].all()))
        if found is None:
            return None
        how, said = found
        if how not in codings:
            codings.append(how)
        place = [count, 0, 0, 0, 0, codings.index(how), 0, 0]
        if how.how not in (SAME, MISSING):
            index, content, *more = page.buffers
            read = _whole(path, how.form(column.dtype, prod(column.item)), index, content, items)
            if said != items or read is None:
                return None
            place[1:5] = [index.position, index.size // ENTRY.itemsize, content.position, content.size]
            if how.entries:
                place[6:] = [more[0].position, more[0].size]
                indexes[str(len(places))] = packed_text(read)
        places.append(place)
    plain = codings[0].how in (PLAIN, PACKED) and not codings[0].entries and codings[0].levels == column.lists
    if len(codings) == 1 and plain and not column.missing.any() and column.items.all():
        extra: dict[str, Any] = {"packed": codings[0].how == PACKED, "lists": column.lists}
        return CHUNKS, extra, [one for place in places for one in place[:5]]
    extra = {"empty": int(not column.lists), "codings": [one.listed() for one in codings], "indexes": indexes}
    return CODED, extra, [one for place in places for one in place]


def _whole(path: Path, form: ChunkForm, index: Any, values: Any, items: int) -> bytes | None:
    """A page's index, if it leads through all of its chunks, and the first and the last are as they should be."""
    if index.size % ENTRY.itemsize or not index.size or values.position % ALIGNED:
        return None
    with open(path, "rb", buffering=0) as file:
        file.seek(index.position)
        read = file.read(index.size)
        try:
            begins, firsts = index_of(read, items)
            if begins[-1] != values.size:
                return None
            for chunk in (0, len(begins) - 2):
                file.seek(values.position + int(begins[chunk]))
                content = np.frombuffer(file.read(int(begins[chunk + 1] - begins[chunk])), np.uint8)
                numbers(form, content, [0], [int(firsts[chunk + 1] - firsts[chunk])])
        except ValueError:
            return None
    return read


def _item(kind: pa.DataType) -> tuple[np.dtype[Any] | None, tuple[int, ...]]:
    """The dtype of a column of lists, and the shape of what lies together in it whatever the images' shapes."""
    shape: list[int] = []
    while pa.types.is_large_list(kind):
        kind = kind.value_type
    while pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size)
        kind = kind.value_type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None, ()
    return np.dtype(kind.to_pandas_dtype()), tuple(shape)
