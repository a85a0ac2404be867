"""What is drawn over a thumbnail: outlines and boxes of objects, and a scale bar where the pixel size is known.

It is SVG in the image's own pixels, so that it stays sharp, and a browser names an object under the mouse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .colours import as_hex, hex_colour

EDGES = re.compile(r"^(?:(.+)_)?AreaShape_BoundingBox(Minimum|Maximum)_([XY])$")
"""CellProfiler's columns of bounding boxes, by compartment."""
PLAIN = "#ffd400"
MOST_POINTS = 400
LETTER = 0.6
"""The width of a letter, about, in parts of its height."""
BAR_PART = 1 / 3
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an image that is shown, in pixels; ends lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels from side to side."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Outline:
    """One object over its image: its box (left, top, right, bottom; ends lie outside), its rim, colour and name."""

    box: Box | None
    points: tuple[tuple[float, float], ...] = ()
    colour: str = PLAIN
    name: str = ""


def outlines_of(row: Mapping[Any, Any]) -> list[Outline]:
    """The objects that a row of a table tells of, by CellH5's columns or by CellProfiler's.

    Examples
    --------
    >>> row = {"bounding_box": {"left": 3, "right": 9, "top": 1, "bottom": 5}, "class_color": "#ff0000", "label": 7}
    >>> outlines_of(row)
    [Outline(box=(3.0, 1.0, 9.0, 5.0), points=(), colour='#ff0000', name='object 7')]
    """
    box, rim = row.get("bounding_box"), row.get("contour")
    found = []
    if isinstance(box, Mapping) or isinstance(rim, list | tuple):
        colour = hex_colour(row.get("class_color"))
        found.append(
            Outline(
                _numbers([box.get(edge) for edge in ("left", "top", "right", "bottom")])
                if isinstance(box, Mapping)
                else None,
                tuple(_points(rim)) if isinstance(rim, list | tuple) else (),
                PLAIN if colour is None else as_hex(colour),
                _name(row),
            )
        )
    edges: dict[str, dict[str, Any]] = {}
    for column, value in row.items():
        if isinstance(column, str) and (part := EDGES.match(column)):
            edges.setdefault(part[1] or "object", {})[part[2] + part[3]] = value
    for compartment, of in edges.items():
        corners = [of.get(edge) for edge in ("MinimumX", "MinimumY", "MaximumX", "MaximumY")]
        if (known := _numbers(corners)) is not None:
            found.append(Outline(known, name=compartment))
    return [one for one in found if one.box is not None or one.points]


def window_of(outlines: Sequence[Outline], height: int, width: int) -> Window:
    """The surroundings of objects: twice as wide and high as they are, within the image; all of it without objects."""
    boxes = [one.box or _box(one.points) for one in outlines]
    left, top = (min((box[at] for box in boxes), default=0.0) for at in (0, 1))
    right, bottom = (max((box[at] for box in boxes), default=0.0) for at in (2, 3))
    side = max(right - left, bottom - top)
    if not side or left >= width or top >= height or right <= 0 or bottom <= 0:
        return Window(0, 0, width, height)
    x, y = (left + right) / 2, (top + bottom) / 2
    return Window(
        max(0, math.floor(x - side)),
        max(0, math.floor(y - side)),
        min(width, math.ceil(x + side)),
        min(height, math.ceil(y + side)),
    )


def overlay(outlines: Sequence[Outline], window: Window, pixel_size_um: float | None, high: float) -> str:
    """The SVG over a picture of `window` that is `high` screen pixels high; empty where there is nothing to draw."""
    parts = [_drawn(one, window) for one in outlines]
    if pixel_size_um is not None:
        parts.append(_scale_bar(window, pixel_size_um, high))
    if not any(parts):
        return ""
    box = f"0 0 {window.width} {window.height}"
    return f'<svg viewBox="{box}" preserveAspectRatio="none">{"".join(parts)}</svg>'


def bar_length_um(width_um: float) -> float:
    """The longest of 1, 2, 5, 10, 20 ... micrometres that is at most a third of a width.

    Examples
    --------
    >>> bar_length_um(82.56), bar_length_um(1.2)
    (20.0, 0.2)
    """
    most = width_um * BAR_PART
    power = 10.0 ** math.floor(math.log10(most))
    return float(f"{max(step * power for step in (1, 2, 5) if step * power <= most):.6g}")


def length_text(length_um: float) -> str:
    """A length with the unit that people read it in.

    Examples
    --------
    >>> length_text(20.0), length_text(0.2), length_text(5000.0)
    ('20 µm', '200 nm', '5 mm')
    """
    for unit, of in (("mm", 1000.0), ("µm", 1.0)):
        if length_um >= of:
            return f"{length_um / of:g} {unit}"
    return f"{length_um * 1000:g} nm"


def _drawn(one: Outline, window: Window) -> str:
    colour = escape(one.colour)
    style = f'fill="none" stroke="{colour}" vector-effect="non-scaling-stroke"'
    told = f"<title>{escape(one.name)}</title>"
    if one.points:
        step = max(1, len(one.points) // MOST_POINTS)
        points = " ".join(
            f"{x - window.left + 0.5:g},{y - window.top + 0.5:g}" for x, y in one.points[::step]
        )
        return f'<polygon points="{points}" {style} stroke-width="1.5">{told}</polygon>'
    left, top, right, bottom = one.box or (0, 0, 0, 0)
    place = f'x="{left - window.left:g}" y="{top - window.top:g}" width="{right - left:g}" height="{bottom - top:g}"'
    return f'<rect {place} {style} stroke-width="1.5">{told}</rect>'


def _scale_bar(window: Window, pixel_size_um: float, high: float) -> str:
    length = bar_length_um(window.width * pixel_size_um)
    unit = window.height / high  # of the screen's pixels
    across, thick, size = length / pixel_size_um, 3 * unit, 11 * unit
    text = length_text(length)
    wide = max(across, LETTER * size * len(text)) + 6 * unit
    x, y = window.width - wide / 2 - across / 2 - 2 * unit, window.height - 6 * unit - thick
    shade = f'x="{window.width - wide - 2 * unit:g}" y="{y - size - 3 * unit:g}" width="{wide:g}" height="{size + 9 * unit:g}"'
    return (
        f'<rect {shade} rx="{2 * unit:g}" fill="#000" fill-opacity="0.5"/>'  # bright cells would swallow the letters
        f'<rect class="datapkg-bar" x="{x:g}" y="{y:g}" width="{across:g}" height="{thick:g}" fill="#fff"/>'
        f'<text x="{x + across / 2:g}" y="{y - 3 * unit:g}" text-anchor="middle" font-size="{size:g}" '
        f'font-family="sans-serif" fill="#fff">{text}</text>'
    )


def _name(row: Mapping[Any, Any]) -> str:
    label = row.get("label", row.get("object_index"))
    kind = row.get("class_name")
    return f"object {label}" + (f", {kind}" if isinstance(kind, str) else "")


def _points(rim: Sequence[Any]) -> Iterator[tuple[float, float]]:
    for point in rim:
        if (
            isinstance(point, Mapping)
            and (known := _numbers([point.get("x"), point.get("y")] * 2)) is not None
        ):
            yield known[0], known[1]


def _box(points: Sequence[tuple[float, float]]) -> Box:
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across) + 1, max(down) + 1


def _numbers(values: Sequence[Any]) -> Box | None:
    """Four numbers; None where one is missing."""
    try:
        left, top, right, bottom = (float(value) for value in values)
    except (TypeError, ValueError):
        return None
    return (left, top, right, bottom) if all(map(math.isfinite, (left, top, right, bottom))) else None
