"""A frame with lazy images is shown as pandas shows it, with thumbnails in its image cells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd
import pytest
from costs import read_by
from make_pictures import pictures

import datapkg
from datapkg import Package, Table
from datapkg.display import cells
from datapkg.errors import SchemaError

SHAPE = (256, 320)
IMAGES = 30
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of 30 images of 16 bits."""
    folder = tmp_path_factory.mktemp("thumbnails")
    for number in range(IMAGES):
        make.tiff(folder / "data" / f"A{number % 12 + 1:02}_{number}.tif", make.image(number, SHAPE) + number)
    resource = 'name: frames, path: "*.tif", keep: array, pattern: "{Well}_{Site:d}.tif"'
    make.build(make.manifest(folder / "data", resource), folder / "p")
    return folder / "p"


@pytest.fixture(scope="module")
def frames(folder: Path) -> Table:
    return datapkg.open(folder)["frames"]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Package:
    target = tmp_path_factory.mktemp("screen") / "p"
    make.build(make.PROJECT / "manifests" / "screen.yaml", target)
    return datapkg.open(target)


def shown(frame: Any, **options: Any) -> str:
    return datapkg.thumbnails(frame, **options).html


def cells_of(html: str) -> list[list[str]]:
    """The table's cells as text, row by row; a thumbnail is its words."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html.partition("<table")[2], re.S)
    text = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in text]


def test_rows_columns_and_images_stand_where_pandas_puts_them(frames: Table) -> None:
    frame = frames.to_pandas(["Well", "image_array", "Site"], limit=3)
    html = shown(frame)
    rows = cells_of(html)
    assert rows[0] == ["", "Well", "image_array", "Site"]
    assert [[row[0], row[1], row[3]] for row in rows[1:]] == [
        [str(index), well, str(site)]
        for index, well, site in zip(frame.index, frame["Well"], frame["Site"], strict=True)
    ]
    assert all("uint16 256x320" in row[2] and "contrast" in row[2] for row in rows[1:])
    for drawn, image in zip(pictures(html), frame["image_array"], strict=True):
        assert drawn.shape == (128, 160)
        blocks = image.reshape(128, 2, 160, 2).mean(axis=(1, 3))
        assert np.corrcoef(blocks.ravel(), drawn.ravel())[0, 1] > 0.99
    assert "3 rows &times; 3 columns" in html


def test_nothing_is_fetched_from_elsewhere_and_brightness_is_a_slider(frames: Table) -> None:
    html = shown(frames.to_pandas(limit=1), brightness=2.5)
    assert "://" not in html.replace("http://www.openmicroscopy.org", "") and "<script" not in html
    assert 'type="range"' in html and 'style="--datapkg-brightness:2.5"' in html


def test_of_a_long_frame_twenty_thumbnails_are_made_and_read_in_one_batch(folder: Path) -> None:
    frames = datapkg.open(folder)["frames"]
    frame = frames.to_pandas(["Site", "image_array"])
    rows = [*range(10), *range(IMAGES - 10, IMAGES)]
    asked, taken = (read_by(frames, ask) for ask in (lambda: shown(frame), lambda: frames.images(rows)))
    assert asked[1] < 1.1 * taken[1] <= 1.1 * 1.1 * 20 * np.prod(SHAPE) * 2
    again = read_by(frames, lambda: shown(frame))
    assert again == read_by(frames, lambda: frames.images(rows))
    html = shown(frame)
    assert len(pictures(html)) == 20
    table = cells_of(html)
    assert [row[0] for row in table[1:]] == [*map(str, range(10)), "...", *map(str, range(20, 30))]
    assert "30 rows &times; 2 columns" in html


def test_images_are_shown_however_many_columns_there_are(frames: Table) -> None:
    frame = frames.to_pandas(limit=2)
    for number in range(15):
        frame.insert(0, f"before_{number}", number)
        frame[f"after_{number}"] = number
    names = cells_of(shown(frame))[0]
    assert names.count("...") == 2 and "image_array" in names
    assert len(names) == 1 + 10 + 1 + 1 + 1 + 10
    assert len(pictures(shown(frame))) == 2
    with pd.option_context("display.max_columns", None):
        assert len(cells_of(shown(frame))[0]) == 1 + frame.shape[1]


def test_hostile_text_is_escaped_everywhere(frames: Table) -> None:
    frame = frames.to_pandas(["image_array"], limit=2)
    frame[EVIL] = [EVIL, '"><img src=x onerror=alert(1)>']
    frame.insert(0, EVIL, 1, allow_duplicates=True)
    frame.index = pd.Index([EVIL, "<b>"], name="<i>")
    frame["class_name"], frame["label"] = EVIL, '"<u>'
    frame["bounding_box"] = [{"left": 0, "right": 9, "top": 0, "bottom": 9}] * 2
    frame["class_color"] = '"/><script>alert(2)</script>'
    html = shown(frame)
    assert len(pictures(html)) == 2
    for bad in ("<script", "<b>", "<i>", "<u>", "<img src=x"):
        assert bad not in html
    assert html.count("&lt;script&gt;alert(1)") >= 6


def test_names_of_channels_and_metadata_are_escaped(tmp_path: Path) -> None:
    pixels = make.image(1, (2, 32, 32))
    make.tiff(
        tmp_path / "d" / "a.ome.tif", pixels, metadata={"axes": "CYX", "Channel": {"Name": [EVIL, "b"]}}
    )
    make.build(make.manifest(tmp_path / "d", 'name: frames, path: "*.tif"'), tmp_path / "p")
    html = shown(datapkg.open(tmp_path / "p")["frames"].to_pandas())
    assert "<script" not in html and "&lt;script&gt;alert(1)&lt;/script&gt;</span>" in html


def test_a_number_of_the_data_is_never_taken_for_a_thumbnail(frames: Table) -> None:
    frame = frames.to_pandas(["image_array"], limit=2)
    frame["number"] = np.array([10**17, 9 * 10**17])
    rows = cells_of(shown(frame))
    assert [row[2] for row in rows[1:]] == ["100000000000000000", "900000000000000000"]


def test_indices_of_several_levels_and_equal_names_are_kept(frames: Table) -> None:
    frame = frames.to_pandas(["Well", "Site", "image_array"])
    by_place = frame.set_index(["Well", "Site"])
    assert len(pictures(shown(by_place))) == 20
    twice = pd.concat([frame, frame], axis=1).head(3)
    assert len(pictures(shown(twice))) == 9  # and a composite of both
    levels = frame.head(2).copy()
    levels.columns = pd.MultiIndex.from_tuples([("place", "Well"), ("place", "Site"), ("image", "array")])
    for number in range(30):
        levels[("more", str(number))] = number
    assert len(pictures(shown(levels))) == 2
    assert "..." in cells_of(shown(levels))[1]


def test_images_that_somebody_put_in_and_missing_ones_are_shown(frames: Table) -> None:
    frame = frames.to_pandas(["Site", "image_array"], limit=3)
    frame["blurred"] = frame["image_array"].map(lambda image: image.astype(np.float32))
    frame["blurred"] = pd.array([frame["blurred"][0], None, frame["blurred"][2]], dtype="datapkg[image]")
    html = shown(frame)
    rows = cells_of(html)
    assert rows[0][-1] == "composite" and rows[2][3] == "None" and rows[2][4] == ""
    assert "float32 256x320" in rows[1][3]
    assert len(pictures(html)) == 3 + 2 + 2
    assert shown(frame.iloc[:0]) and not pictures(shown(frame.iloc[:0]))
    nothing = frames.to_pandas(["image_array"], limit=2)
    nothing["image_array"] = pd.array([None, None], dtype="datapkg[image]")
    assert [row[1] for row in cells_of(shown(nothing))[1:]] == ["None", "None"]


def test_many_columns_of_images_share_the_twenty(frames: Table) -> None:
    frame = frames.to_pandas(["image_array"])
    for number in range(30):
        frame[f"image_{number}"] = frame["image_array"].array
    html = shown(frame)
    assert len(pictures(html)) == 20
    assert cells_of(html)[1][-1] == "uint16 256x320"


def test_images_too_large_to_be_read_are_named(frames: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datapkg.display.frame.BUDGET_BYTES", 2 * int(np.prod(SHAPE)) * 2)
    frame = frames.to_pandas(["image_array"], limit=4)
    html = shown(frame)
    assert len(pictures(html)) == 2
    assert cells_of(html)[4][1] == "uint16 256x320 not read: 163.8 KB"
    assert cells.BUDGET_BYTES == 256 << 20


def test_a_damaged_image_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    for number in range(4):
        make.tiff(tmp_path / "d" / f"{number}.tif", make.image(number, (64, 64)))
    make.build(make.manifest(tmp_path / "d", 'name: frames, path: "*.tif", array: packed'), tmp_path / "p")
    opened = datapkg.open(tmp_path / "p")["frames"]
    packed = opened.to_arrow(["image_array"]).column(0)[1].as_py()
    (file,) = (tmp_path / "p" / "frames.lance" / "data").iterdir()
    content = file.read_bytes()
    assert content.count(packed) == 1
    file.write_bytes(content.replace(packed, packed[:-200] + bytes(200)))
    html = shown(datapkg.open(tmp_path / "p")["frames"].to_pandas(["image_array"]))
    assert len(pictures(html)) == 3
    assert cells_of(html)[2][1].startswith("uint16 64x64 damaged: ")


def test_what_cannot_be_shown_is_an_error_in_plain_words(frames: Table, screen: Package) -> None:
    frame = frames.to_pandas(["Well", "image_array"], limit=1)
    for bad in (frame[["Well"]], frame["Well"], 7):
        with pytest.raises(SchemaError, match=r"no column of lazy images[\s\S]*to_pandas"):
            datapkg.thumbnails(bad)  # type: ignore[arg-type]
    wrong: list[dict[str, Any]] = [{"size": 4}, {"size": "x"}, {"percentiles": (99, 1)}, {"brightness": 0}]
    for options in wrong:
        with pytest.raises(SchemaError, match=next(iter(options))):
            datapkg.thumbnails(frame, **options)
    with pytest.raises(SchemaError, match="do not share `path` and `t`"):
        datapkg.thumbnails(frame, objects=screen["movies_objects"].to_pandas(limit=3))


def test_a_column_alone_is_shown_too(frames: Table) -> None:
    made = datapkg.thumbnails(frames.to_pandas(limit=2)["image_array"])
    assert len(pictures(made.html)) == 2
    assert made._repr_html_() == made.html
    assert repr(made) == "Thumbnails(rows=2)"


def test_the_frames_of_the_sample_have_scale_bars_and_names(screen: Package) -> None:
    html = shown(screen["frames"].to_pandas(["Well", "Channel", "image_array"], limit=2))
    assert html.count("20 µm</text>") == 2
    assert cells_of(html)[1][3].startswith("20 µm H2B uint16 96x128")


def test_objects_are_drawn_over_their_plane(screen: Package) -> None:
    objects = screen["movies_objects"].to_pandas(where="t = 0 and plate = 'LT0001_02' and well = 'C06'")
    with_planes = screen["movies"].with_planes(objects, channel="primary")
    html = shown(with_planes)
    assert html.count("<polygon") == len(objects) == len(pictures(html))
    assert "<title>object 1, Interphase</title>" in html and 'stroke="#ff8000"' in html
    planes = screen["movies"].to_pandas(where="t = 0 and plate = 'LT0001_02' and well = 'C06'")
    html = shown(planes, objects=objects)
    assert html.count("<polygon") == 3 * len(objects)
    assert "labels, each in a colour" in html
    other = screen["movies"].to_pandas(where="t = 1 and plate = 'LT0001_02' and well = 'C06'")
    assert "<polygon" not in shown(other, objects=objects)


def test_channels_of_a_row_make_a_composite_in_recorded_colours(screen: Package) -> None:
    frame = screen["frames"].to_pandas(["Plate", "Well", "Frame", "Channel", "image_array"], limit=8)
    by_channel = [
        frame[frame.Channel == channel].drop(columns="Channel").rename(columns={"image_array": channel})
        for channel in ("H2B", "Tub")
    ]
    html = shown(by_channel[0].merge(by_channel[1]))
    assert cells_of(html)[0] == ["", "Plate", "Well", "Frame", "H2B", "Tub", "composite"]
    assert html.count("background:#ff0000") == html.count("background:#00ff00") == 4
    assert [picture.ndim for picture in pictures(html)] == [2, 2, 3] * 4


def test_images_by_foreign_keys_and_from_sql_are_shown(screen: Package) -> None:
    html = shown(screen["features"].with_images(where="Mitocheck_Phenotypic_Class = 'Anaphase'", limit=3))
    assert len(pictures(html)) == html.count("<title>Nuclei</title>") == 3
    found = screen.sql("select Well, image_array from frames where Channel = 'Tub' limit 2").to_pandas()
    assert len(pictures(shown(found))) == 2


def test_a_frame_without_a_picture_has_no_slider(package: Path) -> None:
    frame = datapkg.open(package)["frames"].to_pandas(["Well", "image_array"])
    assert 'datapkg-brightness"' in datapkg.thumbnails(frame).html
    for without in (frame[:0], frame.reindex([98, 99])):
        html = datapkg.thumbnails(without).html
        assert "<input" not in html and f"{len(without)} rows" in html
