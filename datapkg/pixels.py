"""Images as values of one Arrow column: NumPy to Awkward to Arrow and back, exact in dtype and shape.

A column of images is nested lists over one flat buffer of pixels. Axes that are equal over all images, from the
last one inwards, are fixed-size lists, which cost nothing; axes before them are variable lists. Images of lower
rank are stored with leading axes of length one, images of a narrower dtype in one that holds them exactly; each
row's own `dtype` and `shape` columns bring them back as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from blake3 import blake3
from numpy.typing import NDArray

from .errors import SchemaError

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
DTYPES = ("bool", *INTEGERS, "float16", "float32", "float64")
MANTISSA_BITS = {"float16": 11, "float32": 24, "float64": 53}


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """How the images of one column are stored: a dtype, and for each axis its length or None where it differs.

    No fixed axis stands before a variable one: Lance has no fixed-size list of variable lists.
    """

    dtype: str
    shape: tuple[int | None, ...]

    def arrow_type(self) -> pa.DataType:
        """The column's type.

        Examples
        --------
        >>> ImageLayout("uint16", (None, 1344)).arrow_type()
        LargeListType(large_list<item: fixed_size_list<item: uint16>[1344]>)
        """
        kind = pa.from_numpy_dtype(np.dtype(self.dtype))
        for length in reversed(self.shape):
            kind = pa.large_list(kind) if length is None else pa.list_(kind, length)
        return kind

    @classmethod
    def of(cls, kind: pa.DataType) -> ImageLayout:
        """The layout of a column of a type.

        Examples
        --------
        >>> ImageLayout.of(pa.large_list(pa.list_(pa.uint16(), 1344)))
        ImageLayout(dtype='uint16', shape=(None, 1344))
        """
        shape: list[int | None] = []
        while pa.types.is_nested(kind):
            shape.append(kind.list_size if pa.types.is_fixed_size_list(kind) else None)
            kind = kind.value_type
        return cls(np.dtype(kind.to_pandas_dtype()).name, tuple(shape))


def common_layout(seen: Iterable[tuple[str, tuple[int, ...]]]) -> ImageLayout:
    """Find the layout that holds every image exactly.

    Parameters
    ----------
    seen
        (dtype, shape) of each image, or of each different one.

    Raises
    ------
    SchemaError
        A dtype that no column can hold, or no dtype holds all of them exactly.

    Examples
    --------
    >>> common_layout([("uint8", (4, 6)), ("uint16", (3, 5, 6))])
    ImageLayout(dtype='uint16', shape=(None, None, 6))
    """
    different = sorted(set(seen))
    dtype = common_dtype([name for name, _ in different])
    rank = max((len(shape) for _, shape in different), default=2)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for _, shape in different]
    axes: list[int | None] = []
    for lengths in reversed(list(zip(*padded, strict=True))):
        same = len(set(lengths)) == 1 and lengths[0] > 0 and (not axes or axes[-1] is not None)
        axes.append(lengths[0] if same else None)
    return ImageLayout(dtype, tuple(reversed(axes)) if padded else (None,) * rank)


def common_dtype(names: Iterable[str]) -> str:
    """Find the smallest dtype that holds every value of all of `names`; bools are stored as uint8.

    Raises
    ------
    SchemaError
        There is none, or one of them is complex or otherwise no pixel type.
    """
    different = sorted(set(names))
    for name in different:
        if name not in DTYPES:
            raise SchemaError(
                f"pixels of type {name} cannot be stored", fix="convert them to one of: " + ", ".join(DTYPES)
            )
    stored = ["uint8" if name == "bool" else name for name in different]
    common = np.result_type(*stored).name if stored else "uint8"
    for name in stored:
        bits = np.dtype(name).itemsize * 8 - (np.dtype(name).kind == "i")
        if name != common and np.dtype(name).kind != "f" and bits > MANTISSA_BITS.get(common, 64):
            raise SchemaError(
                f"no pixel type holds all of {' and '.join(different)} exactly",
                fix="write `array: packed`, which keeps each image in its own type, or put the images of each type into a "
                "resource of their own",
            )
    return common


def to_arrow(images: Sequence[NDArray[np.generic] | None], layout: ImageLayout) -> pa.Array:
    """Make the column's values from images.

    Parameters
    ----------
    images
        Arrays whose dtype and shape fit `layout`; None is a missing image.

    Returns
    -------
    Array of ``layout.arrow_type()``, one entry an image.

    Raises
    ------
    SchemaError
        An image does not fit the layout.

    Examples
    --------
    >>> layout = ImageLayout("uint8", (None, 2))
    >>> to_arrow([np.zeros((1, 2), "u1"), np.ones((2, 2), "u1")], layout).to_pylist()
    [[[0, 0]], [[1, 1], [1, 1]]]
    """
    present = [_fitted(image, layout) for image in images if image is not None]
    pixels = _together(present) if present else np.empty(0, layout.dtype)
    if len(present) == len(images) and None not in layout.shape:
        return as_lists(pixels, layout.arrow_type())
    import awkward as ak  # a tenth of a second in each worker that stores ragged images

    content: Any = ak.contents.NumpyArray(pixels.reshape(-1))
    shapes = [image.shape for image in present]
    for axis in reversed(range(len(layout.shape))):
        length = layout.shape[axis]
        if length is not None:
            content = ak.contents.RegularArray(content, length)
            continue
        content = ak.contents.ListOffsetArray(ak.index.Index64(list_offsets(shapes, axis)), content)
    if len(present) < len(images):
        index = np.full(len(images), -1, np.int64)
        index[[i for i, image in enumerate(images) if image is not None]] = np.arange(len(present))
        content = ak.contents.IndexedOptionArray(ak.index.Index64(index), content)
    arrow = ak.to_arrow(content, extensionarray=False, list_to32=False)
    return arrow.cast(layout.arrow_type())  # only marks inner values as nullable, as Lance gives them back


def as_lists(images: NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    """Equal images, one behind the other, as a column of fixed-size lists, which looks at the same memory.

    Examples
    --------
    >>> as_lists(np.arange(4, dtype="u1").reshape(2, 1, 2), pa.list_(pa.list_(pa.uint8(), 2), 1)).to_pylist()
    [[[0, 1]], [[2, 3]]]
    """
    kinds, count = [kind], images.size
    while pa.types.is_fixed_size_list(kinds[-1]):
        kinds.append(kinds[-1].value_type)
    found = pa.Array.from_buffers(kinds.pop(), count, [None, pa.py_buffer(images)])
    for kind in reversed(kinds):
        count //= kind.list_size
        found = pa.Array.from_buffers(kind, count, [None], children=[found])
    return found


def part_of(batch: pa.RecordBatch, start: int, rows: int) -> pa.RecordBatch:
    """A part of a batch, that Arrow's `take` and `filter` read right; nothing is copied.

    They read other rows, or memory that is no column's, where lists of a fixed size stand in such lists and do not begin in memory
    with their first row (pyarrow 26.0.1).

    Examples
    --------
    >>> images = pa.array([[[1], [2]], [[3], [4]], None], pa.list_(pa.list_(pa.uint8(), 1), 2))
    >>> part = part_of(pa.record_batch({"image": images}), 1, 2)["image"]
    >>> part.to_pylist(), part.offset, part.drop_null().to_pylist()
    ([[[3], [4]], None], 0, [[[3], [4]]])
    """
    part = batch.slice(start, rows)
    return pa.RecordBatch.from_arrays([_from_first(column) for column in part.columns], schema=part.schema)


def _from_first(column: pa.Array) -> pa.Array:
    """A column, as if it began in memory with its first row where it is of lists of a fixed size."""
    leaf, kinds = column, []
    while pa.types.is_fixed_size_list(leaf.type):
        kinds.append(leaf.type)
        length = leaf.type.list_size
        leaf = leaf.values.slice(leaf.offset * length, len(leaf) * length)
    for kind in reversed(kinds):
        mask = column.is_null() if kind is kinds[0] and column.null_count else None
        leaf = pa.FixedSizeListArray.from_arrays(leaf, type=kind, mask=mask)
    return leaf


def _together(images: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The pixels of images of one dtype, one after the other; not copied where they stand so in memory.

    Examples
    --------
    >>> room = np.arange(6, dtype="u1")
    >>> _together([room[:4].reshape(2, 2), room[4:].reshape(1, 2)]).base is room
    True
    >>> _together([room[4:], room[:4]])
    array([4, 5, 0, 1, 2, 3], dtype=uint8)
    """
    first, whole = images[0], images[0].base
    if len(images) == 1:
        return first.reshape(-1)
    if isinstance(whole, np.ndarray) and whole.ndim == 1 and whole.flags.c_contiguous:
        start = at = first.__array_interface__["data"][0]
        for image in images:
            if image.base is not whole or image.__array_interface__["data"][0] != at:
                break
            at += image.nbytes
        else:
            held = whole.view(np.uint8)
            begin = start - held.__array_interface__["data"][0]
            return held[begin : begin + at - start].view(first.dtype)
    return np.concatenate([image.reshape(-1) for image in images])


def from_arrow(
    column: pa.Array, dtypes: Sequence[str | None], shapes: Sequence[Sequence[int] | None]
) -> list[NDArray[np.generic] | None]:
    """Bring images back from the column's values, each in its own dtype and shape.

    Returns
    -------
    Read-only arrays, most of them views of the column's buffer; None where the image is missing.
    """
    leaf = column
    while not pa.types.is_primitive(leaf.type):
        leaf = leaf.flatten()
    pixels = _in_place(leaf)
    missing = column.is_null().to_pylist() if column.null_count else [False] * len(column)
    images: list[NDArray[np.generic] | None] = []
    start = 0
    for gone, dtype, shape in zip(missing, dtypes, shapes, strict=True):
        if gone or dtype is None or shape is None:
            images.append(None)
            continue
        stop = start + prod(shape)
        image = pixels[start:stop].reshape(shape).astype(dtype, copy=False)
        image.flags.writeable = False
        images.append(image)
        start = stop
    if start != len(pixels):
        raise SchemaError(f"the image column holds {len(pixels)} pixels where its shapes ask for {start}")
    return images


def _in_place(leaf: pa.Array) -> NDArray[np.generic]:
    """Numbers in their own memory; Arrow's own way there imports pandas."""
    if not len(leaf) or leaf.null_count or pa.types.is_boolean(leaf.type):
        return leaf.to_numpy(zero_copy_only=True)  # type: ignore[no-any-return]  # which refuses missing ones
    (_, values), dtype = leaf.buffers(), np.dtype(leaf.type.to_pandas_dtype())
    return np.frombuffer(values, dtype, len(leaf), leaf.offset * dtype.itemsize)


def stored_shapes(column: pa.Array, rank: int) -> list[tuple[int, ...]] | None:
    """The shapes of images of so many dimensions, by the lengths of their lists; None where these do not tell.

    Examples
    --------
    >>> stored_shapes(pa.array([[[[1, 2]]], [[[1], [2]]]]), 2)
    [(1, 2), (2, 1)]
    >>> stored_shapes(pa.array([[]], pa.list_(pa.list_(pa.int8()))), 2) is None
    True
    """
    if column.null_count:
        return None
    shapes: list[tuple[int, ...]] = []
    for image in range(len(column)):
        values, shape = column.slice(image, 1), []
        while pa.types.is_nested(values.type):
            fixed = pa.types.is_fixed_size_list(values.type)
            shape.append(int(values.type.list_size if fixed else values.value_lengths()[0].as_py()))
            values = values.slice(0, 1).flatten()
            if not len(values):
                return None
        shapes.append(tuple(shape[len(shape) - rank :]))
    return shapes


def image_digest(image: NDArray[np.generic]) -> str:
    """Take the hex BLAKE3 of an image's dtype, shape and pixels: equal for equal images, however stored.

    Examples
    --------
    >>> image_digest(np.zeros((2, 3), "u2")) == image_digest(np.zeros((2, 3), ">u2"))
    True
    >>> image_digest(np.zeros((2, 3), "u2")) == image_digest(np.zeros((3, 2), "u2"))
    False
    """
    little = np.ascontiguousarray(image, _little(image.dtype))
    digest = blake3(_digest_head(image.dtype, image.shape))
    if little.size:
        digest.update(little.reshape(-1).view(np.uint8).data)
    return str(digest.hexdigest())


@lru_cache(maxsize=1024)
def _little(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("<")


@lru_cache(maxsize=1024)
def _digest_head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    return b"\0".join((b"datapkg-image-1", dtype.name.encode(), _shape_text(shape), b""))


def list_offsets(shapes: Sequence[Sequence[int]], axis: int) -> NDArray[np.int64]:
    """Where the lists along one axis of images begin and end, in 64 bits: one image may pass what 32 count.

    Examples
    --------
    >>> list_offsets([(2, 3), (1, 5)], 1).tolist()
    [0, 3, 6, 11]
    """
    counts = [np.full(prod(shape[:axis]), shape[axis], np.int64) for shape in shapes]
    return np.concatenate([np.zeros(1, np.int64), *counts]).cumsum(dtype=np.int64)


def _shape_text(shape: Sequence[int]) -> bytes:
    return ",".join(str(length) for length in shape).encode()


def _fitted(image: NDArray[np.generic], layout: ImageLayout) -> NDArray[np.generic]:
    if image.shape == layout.shape and image.dtype == layout.dtype and image.flags.c_contiguous:
        return image
    shape = (1,) * (len(layout.shape) - image.ndim) + image.shape
    fits = len(shape) == len(layout.shape) and all(
        want is None or want == have for want, have in zip(layout.shape, shape, strict=True)
    )
    if not fits or (
        image.dtype.name != layout.dtype and common_dtype([image.dtype.name, layout.dtype]) != layout.dtype
    ):
        raise SchemaError(f"an image of {image.dtype.name} {image.shape} does not fit a column of {layout}")
    return np.ascontiguousarray(image, layout.dtype).reshape(shape)
