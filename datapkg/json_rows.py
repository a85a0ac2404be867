"""Rows of columns as JSON, made by columns: a hundred thousand rows one by one take longer than to hash them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from .durable import compact

ODD = r'[\x00-\x1f"\\]'
"""What JSON writes in another way than it stands."""
ROWS = 8192


def quoted(texts: pa.Array) -> pa.Array:
    """Each text as JSON writes it.

    Examples
    --------
    >>> quoted(pa.array(["a.tif", 'ü"'])).to_pylist()
    ['"a.tif"', '"ü\\\\""']
    """
    if not _plain(texts.buffers()[2]) and pc.any(pc.match_substring_regex(texts, ODD)).as_py():
        return pa.array([compact(text) for text in texts.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', texts, '"', "")


def _plain(held: pa.Buffer | None) -> bool:
    """Whether no text of some bytes can be odd; it is not sure of those that cannot be printed."""
    text = "" if held is None else str(memoryview(held), "utf-8")
    return text.isprintable() and '"' not in text and "\\" not in text


def in_pieces(rows: int, pieces: Iterable[pa.Array | str], between: str) -> Iterator[str]:
    """All rows, each made of its pieces, as text in parts; `between` stands between two rows, and nothing between two parts.

    Examples
    --------
    >>> list(in_pieces(2, ["[", pa.array(["1", "2"]), "]"], ", "))
    ['[1], [2]']
    """
    parts = list(pieces)
    for start in range(0, rows, ROWS):
        some = [part if isinstance(part, str) else part.slice(start, ROWS) for part in parts]
        text = pc.binary_join_element_wise(*some, between, "").buffers()[2]
        content = str(memoryview(text), "utf-8")
        yield content[: -len(between)] if start + ROWS >= rows else content
