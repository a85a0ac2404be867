"""What the parts of a file's name mean in a screen: plate, well, site, frame, channel, z plane."""

from __future__ import annotations

import re
from collections.abc import Collection

WELL = re.compile(r"(?:[A-P]|A[A-F])(?:0?[1-9]|[1-3][0-9]|4[0-8])")
"""A01 to P24 of 384 wells, and to AF48 of 1536."""
PLATE = re.compile(r"(?=.*[0-9])(?:(?i:.*plate.*)|[A-Z]{2,}[0-9]{3,}.*)")
BARCODE = re.compile(r"(?!IMG|DSC)[A-Z]{2,}[0-9]{4,}")
LABELS = {
    "Site": (
        "s",
        "site",
        "f",
        "fov",
        "field",
        "fld",
        "pos",
        "position",
        "xy",
        "point",
        "series",
        "tile",
        "m",
    ),
    "Frame": ("t", "tp", "time", "timepoint", "frame", "sk"),
    "ZPlane": ("z", "zs", "slice", "zslice", "plane", "zplane", "sl"),
    "Channel": ("c", "ch", "chan", "channel", "d", "w", "wv", "wavelength"),
    "Well": ("well",),
    "Plate": ("plate",),
    "Row": ("r", "row"),
    "Column": ("col", "column"),
}
ROLE_OF_LABEL = {label: role for role, labels in LABELS.items() for label in labels}
NUMBERS = ("Frame", "ZPlane")
"""What is counted, and so becomes a number; wells, sites and plates are names, and stay text."""
CHANNELS = frozenset(
    [
        "dapi",
        "hoechst",
        "gfp",
        "egfp",
        "yfp",
        "eyfp",
        "cfp",
        "rfp",
        "mcherry",
        "cherry",
        "tomato",
        "tdtomato",
        "fitc",
        "tritc",
        "cy3",
        "cy5",
        "cy7",
        "texasred",
        "alexa488",
        "alexa568",
        "alexa594",
        "alexa647",
        "af488",
        "af568",
        "af647",
        "h2b",
        "tub",
        "tubulin",
        "actin",
        "phalloidin",
        "dna",
        "rna",
        "er",
        "agp",
        "mito",
        "golgi",
        "brightfield",
        "bf",
        "dic",
        "phase",
        "ph",
        "trans",
        "tl",
        "ph3",
        "405",
        "488",
        "561",
        "568",
        "594",
        "640",
        "647",
        "405nm",
        "488nm",
        "561nm",
        "640nm",
        "draq5",
        "sir",
        "red",
        "green",
        "blue",
        "far-red",
    ]
)
KINDS = {
    "masks": ("mask", "masks"),
    "labels": ("label", "labels", "labelled", "labeled"),
    "segmentation": ("seg", "segm", "segmented", "segmentation"),
    "outlines": ("outline", "outlines", "overlay", "overlays", "contour", "contours"),
    "illumination": ("illum", "illumination", "flatfield", "darkfield", "background"),
    "probabilities": ("prob", "probs", "probability", "probabilities"),
    "thumbnails": ("thumb", "thumbs", "thumbnail", "preview"),
}
KIND_OF_WORD = {word: kind for kind, words in KINDS.items() for word in words}


def words_in(name: str) -> list[str]:
    """The words and numbers that a name is made of, in lower case.

    Examples
    --------
    >>> words_in("D7_RFP_001_MaskCells")
    ['d', '7', 'rfp', '001', 'mask', 'cells']
    """
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    return [word.lower() for word in found]


def kind_of_image(name: str) -> str:
    """What is made of images (masks, outlines ...) apart from images themselves, by the words of its name.

    Examples
    --------
    >>> kind_of_image("A01_NucleiMask"), kind_of_image("A01_DAPI"), kind_of_image("unmasked")
    ('masks', 'images', 'images')
    """
    return next((KIND_OF_WORD[word] for word in words_in(name) if word in KIND_OF_WORD), "images")


def shape(name: str) -> str:
    """A name with its numbers and wells taken out: names of one series have the same.

    Examples
    --------
    >>> shape("LT0001_02"), shape("A01-1"), shape("E17-4"), shape("DAPI"), shape("images")
    ('LT0_0', 'W-0', 'W-0', 'C', 'images')
    """
    return "".join(_part_shape(part) for part in re.split(r"([_\-. ]+)", name))


def role_of(values: Collection[str]) -> str:
    """What whole parts of names are, or an empty text.

    Examples
    --------
    >>> role_of(["A01", "P24"]), role_of(["DAPI", "GFP"]), role_of(["BR00121431"]), role_of(["x", "y"])
    ('Well', 'Channel', 'Plate', '')
    """
    if all(map(WELL.fullmatch, values)):
        return "Well"
    if all(value.casefold() in CHANNELS for value in values):
        return "Channel"
    if all(kind_of_image(value) != "images" for value in values):
        return "Object"
    labels = {label_of(value) for value in values}
    label = labels.pop() if len(labels) == 1 else ""
    if ROLE_OF_LABEL.get(label.lower()) == "Channel":
        return "Channel"
    barcode = bool(label) and label.lower() not in ROLE_OF_LABEL and all(map(BARCODE.fullmatch, values))
    return "Plate" if barcode else ""


def label_of(value: str) -> str:
    """The letters before a number: ``ch`` of ``ch01``; empty where it is anything else."""
    found = re.fullmatch(r"([A-Za-z]+)[0-9]+", value)
    return found[1] if found else ""


def role_of_label(label: str, labels: Collection[str]) -> str:
    """What the number behind a label counts, seen beside the other labels of the name.

    Examples
    --------
    >>> role_of_label("POS", []), role_of_label("c", ["r", "c", "f", "p"]), role_of_label("p", ["r", "c", "f", "p"])
    ('Site', 'Column', 'ZPlane')
    """
    known = label.lower()
    others = {other.lower() for other in labels}
    if known == "c" and "r" in others:  # r01c02f03p04-ch1, as Opera and Operetta write it
        return "Column"
    if known == "p":
        return "ZPlane" if "f" in others else ""
    return ROLE_OF_LABEL.get(known, "")


def _part_shape(part: str) -> str:
    if WELL.fullmatch(part):
        return "W"
    return "C" if part.casefold() in CHANNELS and not part.isdigit() else re.sub(r"[0-9]+", "0", part)
