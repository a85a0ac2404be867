"""matplotlib is an extra: who has it not is told how to get it."""

from __future__ import annotations

from importlib import import_module

from ..errors import ExportError


def need_matplotlib() -> None:
    """Raise ExportError where matplotlib cannot be imported."""
    try:
        import_module("matplotlib.figure")
    except ImportError:
        fix = 'install it with `pip install "lance-datapkg[plot]"`'
        raise ExportError("plots need matplotlib, which is not installed", "plot", fix) from None
