"""Ready-made functions for `derive`, one line of a manifest each, thin over scikit-image.

    - {table: frames, column: smooth, function: "datapkg.functions:blur", args: {sigma: 2}, input: image_array}

Each says itself what it gives, so that an entry needs no `output`. An image is an array (Y, X), or with channels in
the first or last axis; what comes back has the input's own dtype unless a function says otherwise.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])

BOX = {"y0": "int64", "x0": "int64", "y1": "int64", "x1": "int64"}
REGION = {
    "label": "int64",
    "area": "float64",
    "centroid_y": "float64",
    "centroid_x": "float64",
    **BOX,
    "eccentricity": "float64",
    "solidity": "float64",
    "mean_intensity": "float64",
}


def gives(output: str | Mapping[str, str]) -> Callable[[Function], Function]:
    """Say what a function gives: a type, or for a table the types of its columns."""

    def marked(function: Function) -> Function:
        function.output = output  # type: ignore[attr-defined]
        return function

    return marked


@gives("image")
def blur(image: Image, sigma: float | Sequence[float] = 1.0) -> Image:
    """Gaussian blur; `sigma` in pixels, for all axes or for each (0 leaves an axis alone, such as that of channels).

    Examples
    --------
    >>> blur(np.array([[0, 0, 90, 0, 0]], "u1"), sigma=[0, 1]).tolist()
    [[5, 22, 36, 22, 5]]
    """
    from skimage.filters import gaussian

    return _as(gaussian(image, sigma, preserve_range=True), image.dtype)


@gives("image")
def resize(image: Image, shape: Sequence[int]) -> Image:
    """Another height and width, smoothed before it shrinks; further axes stay, where `shape` names only two.

    Examples
    --------
    >>> resize(np.zeros((64, 48, 3), "u1"), [32, 24]).shape
    (32, 24, 3)
    """
    from skimage.transform import resize as resized

    small = resized(image, tuple(shape), preserve_range=True, anti_aliasing=True)
    return _as(small, image.dtype)


@gives("image")
def contrast(image: Image, low: float = 0.0, high: float = 100.0) -> Image:
    """8 bits: the percentiles `low` and `high` of the pixels become 0 and 255.

    Examples
    --------
    >>> contrast(np.array([[100, 150, 200]], "u2"))
    array([[  0, 128, 255]], dtype=uint8)
    """
    start, end = np.percentile(image, [low, high])
    scaled = (image.astype("float64") - start) / max(end - start, np.finfo("f8").tiny)
    return _as(np.clip(scaled, 0, 1) * 255, np.dtype("uint8"))


@gives("image")
def channels(image: Image, order: Sequence[int], axis: int = -1) -> Image:
    """The channels along an axis in another order, or some of them; ``order: [2, 1, 0]`` makes BGR of RGB.

    Examples
    --------
    >>> channels(np.arange(3).reshape(1, 1, 3), [2, 0]).tolist()
    [[[2, 0]]]
    """
    return np.take(image, list(order), axis=axis)


@gives("image")
def thumbnail(image: Image, size: int = 128) -> Image:
    """8 bits, and no side of the plane longer than `size`; of channels before the plane the first is shown.

    Examples
    --------
    >>> thumbnail(np.zeros((2, 512, 256), "u2"), 64).shape
    (64, 32)
    """
    colour = image.ndim == 3 and image.shape[-1] in (3, 4)
    while image.ndim > (3 if colour else 2):
        image = image[0]
    scale = size / max(image.shape[:2])
    if scale < 1:
        image = resize(image, [max(1, round(length * scale)) for length in image.shape[:2]])
    return image if image.dtype == np.uint8 else contrast(image)


@gives(REGION)
def regions(
    labels: Image, image: Image | None = None, properties: Sequence[str] | None = None
) -> Mapping[str, Any]:
    """One row for each labelled region (`into`): its label, area, place, box and shape, and its mean in `image`.

    Parameters
    ----------
    labels
        0 is background; a bool mask is labelled first.
    properties
        Names of `skimage.measure.regionprops_table` instead; the entry then needs `output`, with ``_`` for ``-``.

    Examples
    --------
    >>> found = regions(np.array([[1, 1, 0], [0, 0, 2]]))
    >>> found["label"].tolist(), found["area"].tolist(), found["x1"].tolist(), found["mean_intensity"]
    ([1, 2], [2.0, 1.0], [2, 3], [None, None])
    """
    from skimage.measure import regionprops_table

    labels = _labelled(labels)
    asked = (
        ("label", "area", "centroid", "bbox", "eccentricity", "solidity")
        if properties is None
        else properties
    )
    if properties is None and image is not None:
        asked = (*asked, "intensity_mean")
    found = regionprops_table(labels, image, properties=tuple(asked))
    if properties is not None:
        return {name.replace("-", "_"): values for name, values in found.items()}
    names = {
        "centroid-0": "centroid_y", "centroid-1": "centroid_x", "bbox-0": "y0", "bbox-1": "x0", "bbox-2": "y1",
        "bbox-3": "x1", "intensity_mean": "mean_intensity",
    }  # fmt: skip
    rows = {names.get(name, name): values for name, values in found.items()}
    return {"mean_intensity": [None] * len(rows["label"]), **rows}


@gives({"crop": "image", **BOX})
def crops(image: Image, boxes: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """One row for each box (`into`): the pixels of ``[y0, x0, y1, x1]``, half-open, in the last two axes of `image`.

    Examples
    --------
    >>> crops(np.arange(12).reshape(3, 4), [[0, 1, 2, 3]])[0]["crop"].tolist()
    [[1, 2], [5, 6]]
    """
    return [
        {"crop": image[..., y0:y1, x0:x1], "y0": y0, "x0": x0, "y1": y1, "x1": x1} for y0, x0, y1, x1 in boxes
    ]


@gives({"label": "int64", "crop": "image", **BOX})
def region_crops(image: Image, labels: Image, margin: int = 0) -> list[dict[str, Any]]:
    """One row for each labelled region (`into`): the pixels of its box, with a margin where the image goes on.

    Examples
    --------
    >>> found = region_crops(np.arange(12).reshape(3, 4), np.array([[0] * 4, [0, 7, 0, 0], [0] * 4]), margin=1)
    >>> found[0]["label"], found[0]["crop"].shape, found[0]["y0"]
    (7, (3, 3), 0)
    """
    from skimage.measure import regionprops

    found = []
    for region in regionprops(_labelled(labels)):
        y0, x0 = (max(0, start - margin) for start in region.bbox[:2])
        y1, x1 = (
            min(end + margin, length) for end, length in zip(region.bbox[2:], labels.shape, strict=True)
        )
        found.append({"label": int(region.label), **crops(image, [[y0, x0, y1, x1]])[0]})
    return found


@gives("image")
def outlines(image: Image, labels: Image) -> Image:
    """The image in 8 bits and colours, with the outlines of labelled regions drawn on it.

    Examples
    --------
    >>> outlines(np.zeros((8, 8), "u1"), np.pad(np.ones((3, 3), "i8"), 2)[:8, :8])[2, 3].tolist()
    Traceback (most recent call last):
    ValueError: the image is (8, 8), and its labels are (7, 7)
    """
    from skimage.segmentation import mark_boundaries

    if image.shape[:2] != labels.shape:
        raise ValueError(f"the image is {image.shape}, and its labels are {labels.shape}")
    shown = image if image.dtype == np.uint8 else contrast(image)
    return _as(mark_boundaries(shown / 255, _labelled(labels)) * 255, np.dtype("uint8"))


@gives("image")
def captions(image: Image, labels: Any, size: int = 14) -> Image:
    """The image in 8 bits with lines of text drawn on it.

    Parameters
    ----------
    labels
        A text, a list of texts, or a list of ``{label, score}``.
    size
        The height of a letter, in pixels.

    Examples
    --------
    >>> drawn = captions(np.zeros((40, 80), "u2"), [{"label": "anaphase", "score": 0.9}])
    >>> drawn.shape, drawn.dtype.name, bool(drawn.any())
    ((40, 80, 3), 'uint8', True)
    """
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    shown = image if image.dtype == np.uint8 else contrast(image)
    picture = Pictures.fromarray(shown).convert("RGB")
    drawing, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for row, line in enumerate(_lines(labels)):
        place = (2, 2 + row * (size + 2))
        drawing.text(place, line, fill=(255, 255, 0), font=font, stroke_width=1, stroke_fill=(0, 0, 0))
    return np.asarray(picture)


def grid(images: Iterable[Image | None], columns: int = 8, size: int = 128) -> Image:
    """Pictures side by side as one image of 8 bits and three channels, such as all cells of a column.

    Parameters
    ----------
    images
        Arrays of two axes, or with one or three channels behind; missing ones are left out.
    columns
        How many stand in a line.
    size
        The longer side of each, in pixels; larger ones are made smaller.

    Examples
    --------
    >>> grid([np.zeros((64, 32), "u2"), None, np.ones((32, 32, 3), "u1")], columns=2, size=32).shape
    (32, 64, 3)
    """
    shown = [thumbnail(one, size) for one in images if one is not None]
    if not shown:
        return np.zeros((0, 0, 3), np.uint8)
    lines = -(-len(shown) // columns)
    whole = np.zeros((lines * size, min(columns, len(shown)) * size, 3), np.uint8)
    for at, image in enumerate(shown):
        top, left = at // columns * size, at % columns * size
        coloured = image[..., np.newaxis] if image.ndim == 2 else image
        whole[top : top + image.shape[0], left : left + image.shape[1]] = coloured
    return whole


@gives("image")
def decode(content: bytes) -> Image | None:
    """The pixels of an image file that is kept as it is (`image_bytes`): JPEG, PNG and what else imagecodecs reads."""
    if content is None:
        return None
    import imagecodecs

    found: Image = imagecodecs.imread(content)
    return found


@gives("binary")
def encode(image: Image | None, form: str = "jpeg", quality: int = 90) -> bytes | None:
    """An 8-bit image as the bytes of a file: ``jpeg`` (lossy), ``png`` or ``webp``.

    Examples
    --------
    >>> pixels = np.zeros((8, 8, 3), "u1")
    >>> np.array_equal(decode(encode(pixels, "png")), pixels)
    True
    """
    if image is None:
        return None
    from PIL import Image as Pictures

    if image.dtype != np.uint8:
        raise ValueError(
            f"a {form} file holds 8 bits, and the image is {image.dtype.name}: use contrast first"
        )
    written = io.BytesIO()
    Pictures.fromarray(image).save(written, form, **({} if form == "png" else {"quality": quality}))
    return written.getvalue()


def _as(image: Image, dtype: np.dtype[Any]) -> Image:
    """An image in another dtype, rounded where that has whole numbers."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        image = np.clip(np.rint(image), limits.min, limits.max)
    return image.astype(dtype)


def _labelled(labels: Image) -> Image:
    from skimage.measure import label

    found: Image = label(labels) if labels.dtype == np.bool_ else labels
    return found


def _lines(labels: Any) -> list[str]:
    if labels is None:
        return []
    if isinstance(labels, str):
        return labels.splitlines()
    if isinstance(labels, Mapping):
        score = labels.get("score")
        return [f"{labels['label']}" + (f" {score:.2f}" if score is not None else "")]
    return [line for one in labels for line in _lines(one)]
