"""Little CellH5 files in both layouts, as their writers make them: squares that wander over a few frames."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from datapkg.manifest.models import Resource
from datapkg.reading import Reading, SourceFile
from datapkg.sources.ch5.source import Ch5Source

OBJECT = "primary__primary"
FEATURES = ("roisize", "n2_avg", "perimeter")
CLASSES = [(1, b"interphase", b"#FF8000"), (7, b"apoptotic", b"#FF0000")]
CHANNEL = np.dtype(
    [
        ("channel_name", "S50"),
        ("description", "S100"),
        ("is_physical", "?"),
        ("voxel_size", "<f8", 3),
        ("color", "S7"),
    ]
)
REGION = np.dtype([("region_name", "S50"), ("channel_idx", "<i4")])
TIME = np.dtype([("frame", "<i4"), ("timestamp_abs", "<i4"), ("timestamp_rel", "<i4")])
TABLE = np.dtype([("time_idx", "<i4"), ("obj_label_id", "<i4")])
BOX = np.dtype([(side, "<i4") for side in ("left", "right", "top", "bottom")])
RELATION = np.dtype([("obj_idx1", "<u4"), ("obj_idx2", "<u4")])
EVENT = np.dtype([("obj_id", "<u4"), ("idx1", "<u4"), ("idx2", "<u4")])


def source(local: Path, root: Path | None = None) -> SourceFile:
    """The file as a resource would match it."""
    root = root or local.parent
    return SourceFile(local.relative_to(root).as_posix(), local, root, local.stat().st_size)


def movies(*globs: str, name: str = "movies", **settings: Any) -> Resource:
    """A ch5 resource."""
    return Resource(name=name, path=globs or ("*.ch5",), type="ch5", **settings)


def contour(points: list[tuple[int, int]]) -> bytes:
    """A contour as CellCognition packs it."""
    return base64.b64encode(zlib.compress(",".join(f"{x},{y}" for x, y in points).encode()))


def position_path(plate: str, well: str, site: str, layout: str = "classic") -> str:
    """Where a position lies in either layout."""
    if layout == "classic":
        return f"/sample/0/plate/{plate}/experiment/{well}/position/{site}"
    return f"/data/{plate}/{well}/{site}"


def movie(
    local: Path,
    keys: tuple[str, str, str] = ("P1", "A01", "0037"),
    *,
    layout: str = "classic",
    frames: int = 3,
    dtype: str = "uint8",
    definitions: bool = True,
    objects: str = OBJECT,
) -> Path:
    """Write a whole movie of two channels and one region with two objects a frame; returns where."""
    with h5py.File(local, "a") as file:
        group = file.create_group(position_path(*keys, layout))
        labels = add_images(group, frames, dtype)
        add_objects(group, labels, objects)
        if layout != "classic":
            plate = np.array([(b"A01", b"siA")], [("Well", "S10"), ("siRNA", "S20")])
            file.create_dataset(f"/layout/{keys[0]}", data=plate)
        if definitions and "definition" not in file:
            add_definitions(file, objects)
    return local


def add_images(group: h5py.Group, frames: int, dtype: str = "uint8") -> NDArray[np.uint16]:
    """Write channels, a region and times; returns the region (t, y, x)."""
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 200, (2, frames, 1, 12, 16)).astype(dtype)
    labels = np.zeros((frames, 12, 16), "u2")
    for t in range(frames):
        labels[t, 1:4, 1 + t : 5 + t] = 1
        labels[t, 6:11, 2 : 6 + t] = 2
    for name, data in (("channel", pixels), ("region", labels[None, :, None])):
        image = group.create_dataset(f"image/{name}", data=data, chunks=(1, 1, 1, 6, 16), compression="gzip")
        image.attrs["valid"] = np.ones(frames)
    times = [(t + 1, 1_108_626_000 + 276 * t, 276 * t) for t in range(frames)]
    group.create_dataset("image/time_lapse", data=np.array(times, TIME))
    return labels


def add_objects(group: h5py.Group, labels: NDArray[np.uint16], name: str = OBJECT) -> None:
    """Write the objects of a region, all that is measured on them, tracks and events."""
    rows, boxes, outlines = [], [], []
    for t, plane in enumerate(labels):
        for label in (1, 2):
            ys, xs = np.nonzero(plane == label)
            left, right, top, bottom = xs.min(), xs.max() + 1, ys.min(), ys.max() + 1
            rows.append((t, label))
            boxes.append((left, right, top, bottom))
            corners = [(left, top), (right - 1, top), (right - 1, bottom - 1), (left, bottom - 1)]
            outlines.append(contour(corners))
    count = len(rows)
    group.create_dataset(f"object/{name}", data=np.array(rows, TABLE))
    feature = group.create_group(f"feature/{name}")
    feature.create_dataset("bounding_box", data=np.array(boxes, BOX))
    centers = [((box[0] + box[1]) // 2, (box[2] + box[3]) // 2) for box in boxes]
    feature.create_dataset("center", data=np.array(centers, [("x", "<i4"), ("y", "<i4")]))
    turned = [(i / 10, 0.5) for i in range(count)]
    feature.create_dataset("orientation", data=np.array(turned, [("angle", "<f8"), ("eccentricity", "<f8")]))
    feature.create_dataset("crack_contour", data=outlines, dtype=h5py.string_dtype("ascii"))
    feature.create_dataset("object_features", data=np.arange(count * 3, dtype="f8").reshape(count, 3))
    index = np.arange(count) % 2
    index[0] = -99
    chances = np.column_stack([1.0 - index, index]).astype("f8")
    chances[0] = np.nan
    labelled = np.array([(i,) for i in index], [("label_idx", "<i4")])
    feature.create_dataset("object_classification/prediction", data=labelled)
    feature.create_dataset("object_classification/probability", data=chances)
    edges = [(i, i + 2) for i in range(count - 2)]
    group.create_dataset("object/tracking", data=np.array(edges, RELATION))
    group.create_dataset("object/event", data=np.array([(5, 0, 2)] if count > 2 else [], EVENT))


def add_definitions(file: h5py.File, name: str = OBJECT) -> None:
    """Write what names all of it."""
    um = (0.645, 0.645, 0.0)
    channels = [(b"rfp", b"H2B", True, um, b"#FF0000"), (b"gfp \xc2\xb5", b"", True, (0, 0, 0), b"#00FF00")]
    root = file.create_group("definition")
    root.create_dataset("image/channel", data=np.array(channels, CHANNEL))
    root.create_dataset("image/region", data=np.array([(f"region___{name}".encode(), 0)], REGION))
    features = [(feature.encode(), b"Size") for feature in FEATURES]
    group = root.create_group(f"feature/{name}")
    group.create_dataset("object_features", data=np.array(features, [("name", "S99"), ("group_00", "S99")]))
    classes = np.array(CLASSES, [("label", "<i4"), ("name", "S100"), ("color", "S9")])
    group.create_dataset("object_classification/class_labels", data=classes)
    relation = [(b"tracking", b"relation", name.encode(), name.encode())]
    fields = [(field, "S99") for field in ("name", "type", "source1", "source2")]
    root.create_dataset("object/tracking", data=np.array(relation, fields))


def tables(resource: Resource, *files: SourceFile, batch_bytes: int = 1 << 20) -> dict[str, pa.Table]:
    """All tables that the files give, as a build reads them."""
    ch5 = Ch5Source()
    scans = []
    for file in files:
        with Reading(file) as reading:
            scans.append((file, ch5.scan(reading, resource)))
    found = {}
    for table in ch5.decide(resource, [(file.path, scan) for file, scan in scans]).tables:
        batches = []
        for file, scan in scans:
            if table.name in scan.evidence:
                with Reading(file) as reading:
                    batches += list(ch5.batches(reading, resource, table, batch_bytes))
        found[table.name] = pa.Table.from_batches(batches, table.arrow())
        counted = sum(scan.evidence[table.name]["rows"] for _, scan in scans if table.name in scan.evidence)
        assert found[table.name].num_rows == counted
    return found


def warnings(resource: Resource, file: SourceFile) -> tuple[str, ...]:
    """What a scan of one file warns of."""
    with Reading(file) as reading:
        return Ch5Source().scan(reading, resource).warnings
