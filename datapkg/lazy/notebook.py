"""Thumbnails where a frame is the last line of a notebook's cell.

IPython keeps a list of functions that write HTML for types it does not own. datapkg puts one there for DataFrame and one
for Series when it is first loaded to read a table in a notebook. For all that has no images of ours they give what was
given before, by another library or by pandas. ``%unload_ext datapkg`` takes them away, ``%load_ext datapkg`` puts them
back. Nothing of pandas is changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pandas as pd

from .dtype import LazyDtype

Write = Callable[[Any], str | None]
BEFORE: dict[type, Write | None] = {}
"""What wrote these types before us, while we are registered."""


def tell_notebook() -> None:
    """Register where this is a notebook or an IPython shell; elsewhere nothing is loaded."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None:
        load(shell)


def load(shell: Any) -> None:
    """Register with an IPython shell; twice is once."""
    written_by = shell.display_formatter.formatters["text/html"]
    for kind, write in OURS.items():
        before = written_by.for_type(kind, write)
        if before is not write:
            BEFORE[kind] = before


def unload(shell: Any) -> None:
    """Give the types back to what wrote them before, unless somebody else has taken them meanwhile."""
    written_by = shell.display_formatter.formatters["text/html"]
    for kind, write in OURS.items():
        if written_by.for_type(kind) is write:
            written_by.pop(kind)
            if (before := BEFORE.pop(kind, None)) is not None:
                written_by.for_type(kind, before)


def has_images(frame: pd.DataFrame) -> bool:
    """Whether a frame has lazy image cells."""
    return any(is_image(kind) for kind in frame.dtypes)


def is_image(kind: object) -> bool:
    """Whether a column of this dtype holds lazy images."""
    return isinstance(kind, LazyDtype) and kind.cell == "image"


def frame_html(frame: pd.DataFrame) -> str | None:
    """The HTML of a frame: with thumbnails, if it has images and pandas is set to show tables as such."""
    shown = pd.get_option("display.notebook_repr_html") and pd.get_option("display.large_repr") == "truncate"
    if shown and has_images(frame):
        thumbnails = import_module("datapkg.display.thumbnails")  # it lies above this module
        return thumbnails.show_thumbnails(frame).html  # type: ignore[no-any-return]
    return _before(pd.DataFrame, frame)


def series_html(series: pd.Series) -> str | None:
    """The HTML of a column of images; other columns are left as they were."""
    return frame_html(series.to_frame()) if is_image(series.dtype) else _before(pd.Series, series)


OURS: dict[type, Write] = {pd.DataFrame: frame_html, pd.Series: series_html}


def _before(kind: type, value: Any) -> str | None:
    if (write := BEFORE.get(kind)) is not None:
        return write(value)
    own = getattr(value, "_repr_html_", None)
    return None if own is None else own()
