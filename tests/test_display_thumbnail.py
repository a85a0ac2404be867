"""A thumbnail shows one plane of an image, says which, and draws nothing that the file does not say."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from make_pictures import pictures

from datapkg.display.colours import CHOSEN, Channel, channel_colours, label_colours, recorded_channels
from datapkg.display.outlines import bar_length_um, length_text, outlines_of, window_of
from datapkg.display.planes import shown_plane
from datapkg.display.thumbnail import ImageFacts, Style, composite_thumbnail, thumbnail

RAMP = np.tile(np.arange(1000, 1064, dtype=np.uint16), (48, 1))
RED, GREEN = Channel("H2B", (255, 0, 0)), Channel("Tub", (0, 255, 0))
NUCLEUS = {
    "bounding_box": {"left": 10, "right": 20, "top": 30, "bottom": 36},
    "label": 7,
    "class_name": "<b>Mitosis",
}


@pytest.mark.parametrize(
    ("shape", "axes", "pixels", "which"),
    [
        ((4, 6), "YX", (1, 4, 6), ()),
        ((6, 4), "XY", (1, 4, 6), ()),
        ((3, 4, 6), "CYX", (3, 4, 6), ()),
        ((4, 6, 3), "YXS", (4, 6, 3), ()),
        ((4, 6, 4), "YXS", (4, 6, 3), ()),
        ((2, 4, 6), "SYX", (1, 4, 6), ("sample 1 of 2",)),
        ((9, 3, 4, 6), "ZCYX", (3, 4, 6), ("z 5 of 9",)),
        ((12, 4, 6), "CYX", (8, 4, 6), ("channels 1 to 8 of 12",)),
        ((5, 4, 6), "", (1, 4, 6), ("plane 1 of 5",)),
        ((7,), "", (1, 1, 7), ()),
    ],
)
def test_the_plane_that_is_shown_is_named(
    shape: tuple[int, ...], axes: str, pixels: tuple[int, ...], which: tuple[str, ...]
) -> None:
    shown = shown_plane(np.zeros(shape, np.uint16), axes)
    assert (shown.pixels.shape, shown.which) == (pixels, which)


def test_an_image_of_bytes_that_somebody_put_in_may_be_rgb() -> None:
    assert shown_plane(np.zeros((4, 6, 3), np.uint8), "").rgb
    assert not shown_plane(np.zeros((4, 6, 3), np.uint16), "").rgb


def test_the_right_plane_is_drawn_with_its_axes_in_order() -> None:
    image = np.zeros((2, 3, 6, 4), np.uint8)
    image[0, 1, 5, 2] = 9
    shown = shown_plane(image, "TZXY")
    assert shown.pixels[0, 2, 5] == 9
    assert shown.which == ("t 1 of 2", "z 2 of 3")


def test_sixteen_bits_are_stretched_and_labelled_and_eight_are_as_stored() -> None:
    html = thumbnail(RAMP, ImageFacts(), Style())
    assert "uint16 48x64" in html
    assert "contrast 1000 to 1063 (0.5 to 99.5 %)" in html
    (grey,) = pictures(html)
    assert (grey.shape, grey.min(), grey.max()) == ((48, 64), 0, 255)
    eight = thumbnail((RAMP - 1000).astype(np.uint8), ImageFacts(), Style())
    assert "contrast as stored" in eight
    assert np.array_equal(pictures(eight)[0], RAMP - 1000)
    (mask,) = pictures(thumbnail(RAMP > 1030, ImageFacts(), Style()))
    assert np.unique(mask).tolist() == [0, 255]


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "uint32", "int64", "uint64", "float16", "float32", "float64"]
)
def test_every_pixel_type_is_drawn(dtype: str) -> None:
    (grey,) = pictures(thumbnail((RAMP - 1000).astype(dtype), ImageFacts(), Style()))
    assert (grey.min(), grey.max()) == (0, 255)


def test_a_large_image_becomes_small_and_a_small_one_is_magnified_on_the_screen() -> None:
    large = thumbnail(np.tile(RAMP, (20, 20)), ImageFacts(), Style(size=160))
    assert pictures(large)[0].shape == (120, 160)
    small = thumbnail(RAMP[:10, :20], ImageFacts(), Style(size=160))
    assert pictures(small)[0].shape == (10, 20)
    assert "width:160px;height:80px" in small
    assert "no pixels" in thumbnail(RAMP[:0], ImageFacts(), Style())


def test_a_scale_bar_stands_only_where_the_pixel_size_is_known() -> None:
    assert "datapkg-bar" not in thumbnail(RAMP, ImageFacts(), Style())
    html = thumbnail(RAMP, ImageFacts(pixel_size_um=0.5), Style())
    across = re.search(r'class="datapkg-bar" x="[\d.]+" y="[\d.]+" width="([\d.]+)"', html)
    assert across is not None and float(across[1]) * 0.5 == 10
    assert ">10 µm</text>" in html


@pytest.mark.parametrize(
    ("width", "length", "text"), [(3, 1, "1 µm"), (2.9, 0.5, "500 nm"), (66560, 20000, "20 mm")]
)
def test_a_scale_bar_has_a_round_length(width: float, length: float, text: str) -> None:
    assert (bar_length_um(width), length_text(length)) == (length, text)


def test_channels_are_mixed_in_their_recorded_colours() -> None:
    image = np.stack([RAMP, RAMP[:, ::-1]])
    html = thumbnail(image, ImageFacts("CYX", channels=(RED, GREEN)), Style())
    (colours,) = pictures(html)
    assert colours[0, 63].tolist() == [255, 0, 0] and colours[0, 0].tolist() == [0, 255, 0]
    assert "background:#ff0000" in html and "H2B" in html and "Tub" in html
    assert 'title="contrast 1000 to 1063 (0.5 to 99.5 %)"' in html
    assert "not recorded" not in html
    assert "colours are not recorded" in thumbnail(image, ImageFacts("CYX"), Style())


def test_colours_that_do_not_tell_channels_apart_are_not_used() -> None:
    assert channel_colours((RED, GREEN), 2) == ([(255, 0, 0), (0, 255, 0)], True)
    assert channel_colours((RED, replace(RED, name="Tub")), 2) == (list(CHOSEN[:2]), False)
    assert channel_colours((RED,), 2) == (list(CHOSEN[:2]), False)


def test_images_of_a_row_make_a_composite_where_they_fit() -> None:
    facts = [ImageFacts("YX", 0.5, (RED,)), ImageFacts("YX", 0.5, (GREEN,))]
    html = composite_thumbnail([RAMP, RAMP[:, ::-1].astype(np.float32)], facts, Style())
    assert html is not None and "datapkg-bar" in html
    assert pictures(html)[0][0, 63].tolist() == [255, 0, 0]
    assert composite_thumbnail([RAMP, RAMP[:9]], facts, Style()) is None
    assert composite_thumbnail([RAMP, np.stack([RAMP, RAMP])], [facts[0], ImageFacts("CYX")], Style()) is None
    assert composite_thumbnail([RAMP, RAMP], [facts[0], ImageFacts("YX", labels=True)], Style()) is None


@pytest.mark.parametrize(
    ("metadata", "colour"),
    [
        ('{"ome": {"Channels": [{"Color": "-16776961"}]}}', (255, 0, 0)),
        ('{"ome": {"Channels": [{"Color": "65535"}]}}', (0, 0, 255)),
        ('{"color": "#9632BE"}', (0x96, 0x32, 0xBE)),
        ('{"color": "red\\" onload=\\""}', None),
        ('{"ome": {"Channels": [{"Color": "x"}]}}', None),
        ('{"ome": {"Channels": ["x"]}}', None),
        ('{"ome": "x"}', None),
        ("[1]", None),
        ("{", None),
        (None, None),
    ],
)
def test_colours_come_from_metadata_as_found(
    metadata: str | None, colour: tuple[int, int, int] | None
) -> None:
    assert recorded_channels(metadata, ["H2B"]) == (Channel("H2B", colour),)


def test_labels_have_a_colour_each_and_nothing_is_black() -> None:
    labels = np.arange(200).reshape(10, 20)
    colours = label_colours(labels).reshape(-1, 3)
    assert colours[0].tolist() == [0, 0, 0]
    assert len(np.unique(colours, axis=0)) == 200
    assert "labels, each in a colour" in thumbnail(labels, ImageFacts(labels=True), Style())


def test_an_object_is_shown_in_its_surroundings_with_its_outline() -> None:
    rim = [{"x": x, "y": y} for x, y in ((10, 30), (19, 30), (19, 35), (10, 35))]
    (box,) = around = outlines_of(NUCLEUS)
    assert (box.box, box.name) == ((10, 30, 20, 36), "object 7, <b>Mitosis")
    html = thumbnail(RAMP, ImageFacts(), Style(), around)
    assert "x 5 to 24, y 23 to 42" in html
    assert '<rect x="5" y="7" width="10" height="6"' in html
    assert "<title>object 7, &lt;b&gt;Mitosis</title>" in html
    assert pictures(html)[0].shape == (20, 20)
    outlined = thumbnail(RAMP, ImageFacts(), Style(), outlines_of(NUCLEUS | {"contour": rim}))
    assert 'points="5.5,7.5 14.5,7.5 14.5,12.5 5.5,12.5"' in outlined
    assert pictures(thumbnail(RAMP, ImageFacts(), Style(whole=True), around))[0].shape == (48, 64)


def test_boxes_of_cellprofiler_are_boxes() -> None:
    edges = {"Minimum_X": 1, "Maximum_X": 5, "Minimum_Y": 2, "Maximum_Y": 8}
    row = {f"Nuclei_AreaShape_BoundingBox{edge}": value for edge, value in edges.items()}
    assert [(one.box, one.name) for one in outlines_of(row)] == [((1, 2, 5, 8), "Nuclei")]
    assert outlines_of({**row, "Nuclei_AreaShape_BoundingBoxMinimum_X": None}) == []
    assert outlines_of({"bounding_box": {"left": "x"}, "contour": None}) == []


def test_an_outline_out_of_the_image_moves_no_window() -> None:
    beyond = outlines_of({"bounding_box": {"left": 100, "right": 120, "top": 0, "bottom": 9}})
    window = window_of(beyond, 48, 64)
    assert (window.width, window.height) == (64, 48)
