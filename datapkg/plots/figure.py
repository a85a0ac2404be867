"""A figure that a notebook shows once, and that no other program's figures interfere with.

pyplot keeps its figures in a list of its own and shows them at the end of a cell, so that a returned one appears twice.
Ours are not in that list: they show themselves.
"""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 110


class Plot(Figure):
    """A matplotlib figure; ``savefig`` writes it."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=DPI, bbox_inches="tight")
        return content.getvalue()


def plain(axes: Axes, title: str) -> Axes:
    """Give axes a title and take away what carries no meaning."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return axes
