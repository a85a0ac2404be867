"""Where images lie in a data file that are not all alike, or packed: what the engine says of its pages, if it is understood.

Three kinds of pages are: `lines`, whole rows of pixels one after the other, each behind `head` bytes; `chunks` of numbers
(`chunks`); and `values`, packed images and files, of any length, with an index. Of lines and chunks the lengths of the lists are not read:
the forms of the images, which are written beside, say them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .chunks import ALIGNED, ENTRY, ChunkForm, index_of, numbers
from .forms import Forms, as_text

LINES, CHUNKS, VALUES = "lines", "chunks", "values"
FLAT = "CompressiveEncoding{{compression:Some(Flat(Flat{{bits_per_value:{},data:None,}},),),}}"
INLINE = (
    "CompressiveEncoding{{compression:Some(InlineBitpacking(InlineBitpacking{{"
    "uncompressed_bits_per_value:{},values:None,}},),),}}"
)
LISTS = r"layers:\[RepdefAllValidItem,(?P<lists>(?:RepdefAllValidList,)*)\],"
FULL_ZIP = re.compile(
    r"PageLayout\{layout:Some\(FullZipLayout\(FullZipLayout\{bits_rep:(?P<rep>\d+),bits_def:0,num_items:(?P<items>\d+),"
    rf"num_visible_items:(?P=items),value_compression:Some\((?P<values>.*)\),{LISTS}"
    r"details:Some\(BitsPerValue\(\d+,\),\),\},\),\),\}"
)
MINI_BLOCK = re.compile(
    r"PageLayout\{layout:Some\(MiniBlockLayout\(MiniBlockLayout\{rep_compression:(?:None|Some\(.*?\)),def_compression:None,"
    r"value_compression:Some\((?P<values>.*)\),dictionary:None,num_dictionary_items:0,"
    rf"{LISTS}num_buffers:1,repetition_index_depth:[01],num_items:(?P<items>\d+),has_large_chunk:true,\}},\),\),\}}"
)


def placed(path: Path, pages: Sequence[Any], kind: pa.DataType, forms: Forms) -> dict[str, Any] | None:
    """Where the images of a column of lists lie in a file; None where a page of it is not understood.

    Parameters
    ----------
    pages
        The engine's description of the column's pages.
    kind
        The column's type.
    """
    dtype, item = _item(kind)
    if not pages or dtype is None or not forms.known:
        return None
    count = prod(item)
    all_of = np.array([prod(shape) for _, shape in forms.all], np.int64)
    if not len(all_of) or (all_of % count).any() or not all_of.all():
        return None
    ends = (all_of[forms.of_rows] // count).cumsum()
    described = [re.sub(r"\s", "", page.encoding) for page in pages]
    found = _lines(pages, described, dtype, item, ends) or _chunks(path, pages, described, dtype, item, ends)
    if found is None:
        return None
    how, extra, places = found
    looks = {"forms": [[name, *shape] for name, shape in forms.all], "rows": as_text(forms.of_rows)}
    return {"kind": how, "dtype": dtype.name, "item": count, **extra, **looks, "pages": places}


def _lines(
    pages: Sequence[Any],
    described: Sequence[str],
    dtype: np.dtype[Any],
    item: Sequence[int],
    ends: np.ndarray[Any, Any],
) -> tuple[str, dict[str, Any], list[int]] | None:
    """Pages of whole rows of pixels: the rows of each, and where they begin."""
    places: list[int] = []
    heads = set()
    done = first = 0
    for page, text in zip(pages, described, strict=True):
        found = FULL_ZIP.fullmatch(text)
        if not found or found["values"] != _values(FLAT, dtype, item):
            return None
        head = 1 if int(found["rep"]) else 0
        items, lists = int(found["items"]), bool(found["lists"])
        size = items * (head + prod(item) * dtype.itemsize)
        last = int(np.searchsorted(ends, done + items))
        if lists != bool(head) or int(found["rep"]) > 8 or len(page.buffers) != 1 + head:
            return None
        if page.buffers[0].size != size or last == len(ends) or ends[last] != done + items:
            return None
        places += [last + 1 - first, page.buffers[0].position]
        heads.add(head)
        done, first = done + items, last + 1
    return (LINES, {"head": heads.pop()}, places) if len(heads) == 1 and first == len(ends) else None


def _chunks(
    path: Path,
    pages: Sequence[Any],
    described: Sequence[str],
    dtype: np.dtype[Any],
    item: Sequence[int],
    ends: np.ndarray[Any, Any],
) -> tuple[str, dict[str, Any], list[int]] | None:
    """Pages of chunks: the rows of each, where its index begins, its chunks, where these begin, and their bytes."""
    places: list[int] = []
    seen = set()
    done = first = 0
    for page, text in zip(pages, described, strict=True):
        found = MINI_BLOCK.fullmatch(text)
        if not found or len(page.buffers) < 2:
            return None
        packed = not item and found["values"] == f"{INLINE.format(8 * dtype.itemsize)},"
        if not packed and found["values"] != _values(FLAT, dtype, item):
            return None
        form = ChunkForm(dtype, prod(item), packed, bool(found["lists"]))
        index, values = page.buffers[:2]
        items = int(found["items"])
        last = int(np.searchsorted(ends, done + items))
        if last == len(ends) or ends[last] != done + items or not _is_whole(path, form, index, values, items):
            return None
        places += [
            last + 1 - first,
            index.position,
            index.size // ENTRY.itemsize,
            values.position,
            values.size,
        ]
        seen.add((packed, form.lists))
        done, first = done + items, last + 1
    if len(seen) != 1 or first != len(ends):
        return None
    ((packed, lists),) = seen
    return CHUNKS, {"packed": packed, "lists": lists}, places


def _is_whole(path: Path, form: ChunkForm, index: Any, values: Any, items: int) -> bool:
    """Whether a page's index leads through all of its chunks, and its first and last chunk are as they should be."""
    if index.size % ENTRY.itemsize or not index.size or values.position % ALIGNED:
        return False
    with open(path, "rb", buffering=0) as file:
        file.seek(index.position)
        try:
            begins, firsts = index_of(file.read(index.size), items)
            if begins[-1] != values.size:
                return False
            for chunk in (0, len(begins) - 2):
                file.seek(values.position + int(begins[chunk]))
                content = np.frombuffer(file.read(int(begins[chunk + 1] - begins[chunk])), np.uint8)
                numbers(form, content, [0], [int(firsts[chunk + 1] - firsts[chunk])])
        except ValueError:
            return False
    return True


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


def _values(inner: str, dtype: np.dtype[Any], item: Sequence[int]) -> str:
    """How the engine describes values that follow each other."""
    values = inner.format(8 * dtype.itemsize)
    for length in reversed(item):
        values = (
            "CompressiveEncoding{compression:Some(FixedSizeList(FixedSizeList{"
            f"items_per_value:{length},has_validity:false,values:Some({values},),"
            "},),),}"
        )
    return f"{values},"
