"""One thumbnail: a plane of an image as a small PNG, with what was done to its contrast in words."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from ..contrast import PERCENTILES, contrast_range, stretched
from ..lazy.cells import image_label
from .colours import Channel, as_hex, channel_colours, composite, label_colours
from .outlines import Outline, Window, overlay, window_of
from .planes import Shown, shown_plane

MOST_MAGNIFIED = 8
AS_STORED = ("uint8", "bool")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a table says of an image beside its pixels; `labels`: its pixels are objects' numbers."""

    axes: str = ""
    pixel_size_um: float | None = None
    channels: tuple[Channel, ...] = ()
    labels: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """How thumbnails are drawn.

    `size` is the longer side on the screen, in pixels; `whole` shows all of the image where a row is about one object.
    """

    size: int = 160
    percentiles: tuple[float, float] = PERCENTILES
    brightness: float = 1.0
    whole: bool = False


def thumbnail(
    image: NDArray[Any],
    facts: ImageFacts,
    style: Style,
    around: Sequence[Outline] = (),
    among: Sequence[Outline] = (),
) -> str:
    """Draw an image as HTML.

    Parameters
    ----------
    around
        Outlines of the object that this is about: its surroundings are shown, unless `style` says otherwise.
    among
        Outlines of further objects in the image.
    """
    if not image.size:
        return note(image_label(image.dtype.name, image.shape), "no pixels")
    shown = shown_plane(image, facts.axes)
    pixels, told, names = _coloured(shown, facts, style)
    height, width = pixels.shape[:2]
    window = window_of(() if style.whole else around, height, width)
    which = list(shown.which)
    if (window.width, window.height) != (width, height):
        which.append(f"x {window.left} to {window.right - 1}, y {window.top} to {window.bottom - 1}")
    pixels = pixels[window.top : window.bottom, window.left : window.right]
    picture = _framed(pixels, window, facts, style, [*among, *around])
    label = image_label(image.dtype.name, image.shape)
    return f"{picture}{names}{note(label, ', '.join(which), told)}"


def composite_thumbnail(
    images: Sequence[NDArray[Any]],
    facts: Sequence[ImageFacts],
    style: Style,
    around: Sequence[Outline] = (),
    among: Sequence[Outline] = (),
) -> str | None:
    """Draw a row's images of one channel each as one picture in colours; None where they do not fit each other."""
    shown = [shown_plane(image, of.axes) for image, of in zip(images, facts, strict=True)]
    planes = [one.pixels for one in shown]
    if any(
        one.rgb or plane.shape[0] != 1 or not plane.size for one, plane in zip(shown, planes, strict=True)
    ):
        return None
    if len({plane.shape for plane in planes}) > 1 or any(of.labels for of in facts):
        return None
    common = np.result_type(*planes)
    merged = np.concatenate([plane.astype(common, copy=False) for plane in planes])
    channels = tuple(of.channels[0] if of.channels else Channel() for of in facts)
    together = replace(facts[0], axes="CYX", channels=channels)
    return thumbnail(merged, together, style, around, among)


def note(*lines: str) -> str:
    """Small lines under a thumbnail, or in its place."""
    return f'<div class="datapkg-note">{"<br>".join(escape(line) for line in lines if line)}</div>'


def _coloured(shown: Shown, facts: ImageFacts, style: Style) -> tuple[NDArray[np.uint8], str, str]:
    """The picture at full size, what was done to its contrast, and the HTML that names its channels."""
    planes = shown.pixels
    if facts.labels:
        return label_colours(planes[0]), "labels, each in a colour", ""
    if shown.rgb:
        grey, told = _grey(planes, style)
        return grey, told, ""
    parts = [_grey(plane, style) for plane in planes]
    if len(parts) == 1:
        return parts[0][0], parts[0][1], _legend(facts.channels[:1], [])
    colours, recorded = channel_colours(facts.channels, len(parts))
    told = (
        parts[0][1] if parts[0][1] == _as_stored(planes) else f"contrast of each channel {_range_text(style)}"
    )
    channels = [*facts.channels[: len(parts)], *[Channel()] * (len(parts) - len(facts.channels))]
    legend = _legend(channels, [as_hex(colour) for colour in colours], [told for _, told in parts])
    told += "" if recorded else "; colours are not recorded"
    return composite([grey for grey, _ in parts], colours), told, legend


def _grey(plane: NDArray[Any], style: Style) -> tuple[NDArray[np.uint8], str]:
    if plane.dtype.name in AS_STORED:
        return (plane if plane.dtype == np.uint8 else plane.astype(np.uint8) * np.uint8(255)), _as_stored(
            plane
        )
    low, high = contrast_range([plane], style.percentiles)
    return stretched(plane, low, high), f"contrast {low:.5g} to {high:.5g} ({_range_text(style)})"


def _as_stored(plane: NDArray[Any]) -> str:
    return "contrast as stored" if plane.dtype.name in AS_STORED else ""


def _range_text(style: Style) -> str:
    return f"{style.percentiles[0]:g} to {style.percentiles[1]:g} %"


def _legend(channels: Sequence[Channel], colours: Sequence[str], told: Sequence[str] = ()) -> str:
    """Names of channels, in a picture of several with their colours."""
    words = []
    for at, channel in enumerate(channels):
        name = escape(channel.name or (f"channel {at + 1}" if colours else ""))
        title = f' title="{escape(told[at])}"' if told else ""
        swatch = f'<b style="background:{colours[at]}"></b>' if colours else ""
        words.append(f"<span{title}>{swatch}{name}</span>" if name else "")
    return f'<div class="datapkg-channels">{" ".join(words)}</div>' if any(words) else ""


def _framed(
    pixels: NDArray[np.uint8], window: Window, facts: ImageFacts, style: Style, outlines: Sequence[Outline]
) -> str:
    """The picture with what is drawn over it."""
    factor = min(style.size / max(window.width, window.height), MOST_MAGNIFIED)
    wide, high = max(1, round(window.width * factor)), max(1, round(window.height * factor))
    picture = Picture.fromarray(np.ascontiguousarray(pixels))
    if factor < 1:
        kind = Picture.Resampling.NEAREST if facts.labels else Picture.Resampling.BOX
        picture = picture.resize((wide, high), kind)
    content = io.BytesIO()
    picture.save(content, "PNG")
    data = base64.b64encode(content.getvalue()).decode()
    over = overlay(outlines, window, facts.pixel_size_um, high)
    place = f'style="width:{wide}px;height:{high}px"'
    return f'<div class="datapkg-image" {place}><img {place} src="data:image/png;base64,{data}">{over}</div>'
