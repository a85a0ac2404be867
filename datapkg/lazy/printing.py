"""How a lazy column is printed on its own: labels of its first and last cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

SHOWN = 10
LABEL_WIDTH = 60


def shown(name: str, labels: Callable[[slice], Sequence[Any]], length: int, dtype: str) -> str:
    """The text of an array.

    Examples
    --------
    >>> print(shown("LazyArray", lambda part: ["uint8 4x6", None][part], 2, "datapkg[image]"))
    <LazyArray>
    [uint8 4x6, None]
    Length: 2, dtype: datapkg[image]
    """
    if length > SHOWN:
        half = SHOWN // 2
        words = [*labels(slice(half)), "...", *labels(slice(length - half, None))]
    else:
        words = list(labels(slice(None)))
    texts = [
        str(word) if len(str(word)) <= LABEL_WIDTH else f"{str(word)[:LABEL_WIDTH]}..." for word in words
    ]
    return f"<{name}>\n[{', '.join(texts)}]\nLength: {length}, dtype: {dtype}"
