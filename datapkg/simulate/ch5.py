"""Write one well's movie as CellCognition does: a classic CellH5 file with one position.

Unlike CellCognition, which scales pixels to 8 bits, the movie keeps the camera's 16: each plane equals its TIFF.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from .ch5_definition import CLASS_NAMES, OBJECT, write_definition
from .measure import FEATURE_GROUPS, Nucleus
from .render import Field
from .tiff import FRAME_INTERVAL_S

FILMED_ABS_S = 1108626000
"""When the first frame was taken, in seconds since 1970: in February 2005, as Mitocheck's were."""

EVENT_REACH = 2
"""How many frames before and after a division belong to its event."""

BOX = [("left", "<i4"), ("right", "<i4"), ("top", "<i4"), ("bottom", "<i4")]


class Movie:
    """A movie that takes its frames one by one, and writes its object tables when it is closed."""

    def __init__(self, path: Path, plate: str, well: str, frames: int, size: tuple[int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = h5py.File(path, "w", libver=("earliest", "v108"))
        write_definition(self._file)
        self._position = self._file.create_group(f"sample/0/plate/{plate}/experiment/{well}/position/1")
        self._pixels = self._images("channel", (2, frames, 1, *size))
        self._labels = self._images("region", (1, frames, 1, *size))
        self._frames: list[tuple[Nucleus, ...]] = []
        self._confidence: list[NDArray[np.int64]] = []

    def add(self, field: Field, nuclei: tuple[Nucleus, ...], confidence: NDArray[np.int64]) -> None:
        """Add the next frame; `confidence` is the classifier's in each nucleus' true class, in thousandths."""
        frame = len(self._frames)
        for channel, plane in enumerate(field.pixels):
            _write_chunk(self._pixels, (channel, frame, 0, 0, 0), plane)
        _write_chunk(self._labels, (0, frame, 0, 0, 0), field.labels)
        self._frames.append(nuclei)
        self._confidence.append(confidence)

    def close(self) -> None:
        """Write the object tables, and close the file."""
        self._write_times()
        self._write_objects()
        self._write_tracks()
        self._write_features()
        self._write_classes()
        self._file.close()

    def _images(self, name: str, shape: tuple[int, ...]) -> Any:
        images = self._position.create_dataset(
            f"image/{name}", shape, "<u2", maxshape=shape, chunks=(1, 1, 1, *shape[3:]), **GZIP
        )
        images.attrs["valid"] = np.ones(shape[1])
        return images

    @property
    def _nuclei(self) -> list[Nucleus]:
        return [nucleus for nuclei in self._frames for nucleus in nuclei]

    def _write_times(self) -> None:
        elapsed = FRAME_INTERVAL_S * np.arange(len(self._frames))
        rows = [(number + 1, FILMED_ABS_S + second, second) for number, second in enumerate(elapsed)]
        kinds = [("frame", "<i4"), ("timestamp_abs", "<i4"), ("timestamp_rel", "<i4")]
        write_table(self._position, "image/time_lapse", np.array(rows, kinds), growing=False)

    def _write_objects(self) -> None:
        rows = [(time, nucleus.label) for time, nuclei in enumerate(self._frames) for nucleus in nuclei]
        kinds = [("time_idx", "<i4"), ("obj_label_id", "<i4")]
        write_table(self._position, f"object/{OBJECT}", np.array(rows, kinds))

    def _write_tracks(self) -> None:
        edges = []
        first = 0
        for before, after in zip(self._frames, self._frames[1:], strict=False):
            # Labels count from 1 without gaps, so that a label is a row of its frame.
            parents = [(first + n.parent - 1, first + len(before) + n.label - 1) for n in after if n.parent]
            edges += sorted(parents)
            first += len(before)
        kinds = [("obj_idx1", "<u4"), ("obj_idx2", "<u4")]
        write_table(self._position, "object/tracking", np.array(edges, kinds), growing=False)
        kinds = [("obj_id", "<u4"), ("idx1", "<u4"), ("idx2", "<u4")]
        write_table(self._position, "object/event", np.array(events(edges), kinds))

    def _write_features(self) -> None:
        group = self._position.create_group(f"feature/{OBJECT}")
        nuclei = self._nuclei
        values = [[float(n.features[name]) for name in FEATURE_GROUPS] for n in nuclei]
        write_table(
            group, "object_features", np.array(values, "<f8").reshape(len(nuclei), len(FEATURE_GROUPS))
        )
        write_table(
            group, "bounding_box", np.array([(n.left, n.right, n.top, n.bottom) for n in nuclei], BOX)
        )
        centers = [(int(n.center[0]), int(n.center[1])) for n in nuclei]
        write_table(group, "center", np.array(centers, [("x", "<i4"), ("y", "<i4")]))
        names = ("Nuclei_AreaShape_Orientation", "Nuclei_AreaShape_Eccentricity")
        angles = [tuple(n.features[name] for name in names) for n in nuclei]
        write_table(group, "orientation", np.array(angles, [("angle", "<f8"), ("eccentricity", "<f8")]))
        contours = group.create_dataset(
            "crack_contour",
            (len(nuclei),),
            h5py.string_dtype("ascii"),
            maxshape=(None,),
            chunks=(max(len(nuclei), 1),),
            track_times=False,
        )
        if nuclei:
            contours[:] = [_packed_outline(n) for n in nuclei]

    def _write_classes(self) -> None:
        group = self._position.create_group(f"feature/{OBJECT}/object_classification")
        truth = np.array([CLASS_NAMES.index(n.cell.phenotype) for n in self._nuclei], "<i4")
        write_table(group, "prediction", truth.view([("label_idx", "<i4")]))
        certain = np.concatenate(self._confidence) if self._confidence else np.zeros(0, np.int64)
        others = (1000 - certain) / (1000.0 * (len(CLASS_NAMES) - 1))
        probability = np.repeat(others[:, None], len(CLASS_NAMES), axis=1)
        probability[np.arange(len(truth)), truth] = certain / 1000.0
        write_table(group, "probability", probability)


GZIP = {"compression": "gzip", "compression_opts": 4, "track_times": False}


def write_table(group: Any, name: str, rows: NDArray[Any], *, growing: bool = True) -> None:
    """Write rows as one compressed chunk, as CellCognition declares its tables."""
    chunk = (max(len(rows), 1), *rows.shape[1:])
    limit = (None if growing or not len(rows) else len(rows), *rows.shape[1:])
    table = group.create_dataset(name, rows.shape, rows.dtype, maxshape=limit, chunks=chunk, **GZIP)
    if rows.size:
        _write_chunk(table, (0,) * rows.ndim, rows)


def events(edges: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The edges around each division, (event, from, to): the mother's past, then each daughter's future.

    Examples
    --------
    >>> events([(0, 1), (1, 2), (1, 3), (3, 4)])
    [(0, 0, 1), (0, 1, 2), (0, 1, 3), (0, 3, 4)]
    """
    mother_of = {after: before for before, after in edges}
    children: dict[int, list[int]] = {}
    for before, after in edges:
        children.setdefault(before, []).append(after)
    rows = []
    for event, mother in enumerate(row for row, born in children.items() if len(born) == 2):
        past: list[tuple[int, int, int]] = []
        row = mother
        while row in mother_of and len(past) < EVENT_REACH:
            past.insert(0, (event, mother_of[row], row))
            row = mother_of[row]
        rows += past
        for daughter in children[mother]:
            rows.append((event, mother, daughter))
            row = daughter
            for _ in range(EVENT_REACH):
                if len(children.get(row, ())) == 1:
                    rows.append((event, row, children[row][0]))
                    row = children[row][0]
    return rows


def _packed_outline(nucleus: Nucleus) -> bytes:
    text = ",".join(f"{x},{y}" for x, y in nucleus.outline)
    return base64.b64encode(imagecodecs.deflate_encode(text.encode(), 9))


def _write_chunk(dataset: Any, at: tuple[int, ...], values: NDArray[Any]) -> None:
    # HDF5's own gzip filter calls the system's zlib, whose output is not the same everywhere.
    dataset.id.write_direct_chunk(at, imagecodecs.deflate_encode(np.ascontiguousarray(values).tobytes(), 9))
