"""Write a CellH5 file's ``/definition``: what its channels, regions, objects, features and classes are."""

from __future__ import annotations

from typing import Any

import numpy as np

from .measure import CHANNELS, FEATURE_GROUPS
from .tiff import PIXEL_SIZE_UM

OBJECT = "primary__primary"

CLASSES = (
    (1, "Interphase", "#FF8000"),
    (2, "Prometaphase", "#D28DCE"),
    (3, "Metaphase", "#9632BE"),
    (4, "Anaphase", "#0000FF"),
    (6, "Binuclear", "#00A0A0"),
    (7, "Polylobed", "#32CD32"),
    (9, "Apoptosis", "#FF0000"),
)
"""Label, name and colour. Labels have gaps, as annotators' lists have: a prediction is a row here, not a label."""

CLASS_NAMES = tuple(name for _, name, _ in CLASSES)

CHANNEL_ROLES = (("primary", "#FF0000"), ("secondary", "#00FF00"))


def write_definition(file: Any) -> None:
    """Write the whole group."""
    root = file.create_group("definition")
    _write_images(root)
    for name, kind, source, target in (
        (OBJECT, "region", "", ""),
        ("tracking", "relation", OBJECT, OBJECT),
        ("event", "object", OBJECT, OBJECT),
    ):
        fields = [(field, "S512") for field in ("name", "type", "source1", "source2")]
        _write(root, f"object/{name}", [(name, kind, source, target)], fields)
    group = root.create_group(f"feature/{OBJECT}")
    _write(group, "bounding_box", [("left",), ("right",), ("top",), ("bottom",)], [("name", "S16")])
    _write(group, "center", [("x",), ("y",)], [("name", "S16")])
    _write(group, "orientation", [("angle",), ("eccentricity",)], [("name", "S16")])
    _write(group, "crack_contour", [("contour_polygon",)], [("name", "S512")])
    rows = [(name, kind, "Nuclei") for name, kind in FEATURE_GROUPS.items()]
    features = _write(group, "object_features", rows, [(f, "S256") for f in ("name", "group_00", "group_01")])
    features.attrs["feature_groups"] = np.array(
        [["group_00", "Category"], ["group_01", "Compartment"]], "S64"
    )
    _write_classifier(group.create_group("object_classification"))


def _write_images(root: Any) -> None:
    fields = [
        ("channel_name", "S50"),
        ("description", "S100"),
        ("is_physical", "?"),
        ("voxel_size", "<f8", (3,)),
        ("color", "S7"),
    ]
    # x, y, z in micrometres, as the TIFFs say; 0 is unknown. CellCognition itself writes zeros only.
    rows = [
        (role, channel, True, (PIXEL_SIZE_UM, PIXEL_SIZE_UM, 0.0), color)
        for (role, color), channel in zip(CHANNEL_ROLES, CHANNELS, strict=True)
    ]
    _write(root, "image/channel", rows, fields)
    _write(
        root, "image/region", [(f"region___{OBJECT}", 0)], [("region_name", "S50"), ("channel_idx", "<i4")]
    )
    # CellCognition cuts these names at 12 bytes; readers know them so.
    names = np.array([b"frame", b"timestamp_ab", b"timestamp_re"], "S12")
    root.create_dataset("image/time_lapse", data=names, track_times=False)


def _write_classifier(group: Any) -> None:
    classes = _write(group, "class_labels", CLASSES, [("label", "<i4"), ("name", "S100"), ("color", "S9")])
    classes.attrs["UNPREDICED_LABEL"] = np.int32(-99)
    classes.attrs["UNPREDICED_PROB"] = np.float32(np.nan)
    fields = [(field, "S512") for field in ("name", "method", "version", "parameter", "description")]
    _write(group, "classifier", [("Primary", "simulated truth", "", "", "")], fields)
    _write(group, "features", [(name,) for name in FEATURE_GROUPS], [("object_feautres", "S512")])


def _write(group: Any, name: str, rows: Any, fields: list[Any]) -> Any:
    return group.create_dataset(name, data=np.array(list(rows), fields), track_times=False)
