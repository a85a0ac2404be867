"""A browser shows the thumbnails that the HTML holds: every one, whole, and not blank."""

from __future__ import annotations

import re
from pathlib import Path

import make
import numpy as np
import pytest
from make_pictures import pictures, places, screenshot

import datapkg
from datapkg import Package
from datapkg.display.page import wrapped
from datapkg.display.thumbnail import ImageFacts, Style, thumbnail


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Package:
    target = tmp_path_factory.mktemp("screen") / "p"
    make.build(make.PROJECT / "manifests" / "screen.yaml", target)
    return datapkg.open(target)


def test_thumbnails_are_drawn_as_they_are(screen: Package, tmp_path: Path) -> None:
    frame = screen["frames"].to_pandas(["Well", "Channel", "image_array"], limit=4)
    html = datapkg.thumbnails(frame, size=128).html  # the images' own size: a pixel is a pixel of the screen
    page = screenshot(html, tmp_path)
    found = []
    for picture in pictures(html):
        assert picture.shape == (96, 128) and picture.std() > 20
        found += (here := places(picture[:64], page))  # the scale bar stands lower
        assert len(here) == 1
        assert page[here[0][0] : here[0][0] + 96, here[0][1] : here[0][1] + 128].max() == 255
    assert len(set(found)) == 4
    assert len({x for _, x in found}) == 1


def test_brightness_brightens_pixels_and_not_outlines(screen: Package, tmp_path: Path) -> None:
    objects = screen["movies_objects"].to_pandas(
        ["path", "plate", "well", "site", "t", "bounding_box"], limit=1
    )
    frame = screen["movies"].with_planes(objects, channel="primary")[["bounding_box", "image_array"]]
    pages = []
    for brightness in (1, 2):
        folder = tmp_path / str(brightness)
        folder.mkdir()
        pages.append(screenshot(datapkg.thumbnails(frame, brightness=brightness).html, folder).astype(int))
    yellow = [(page == (255, 212, 0)).all(axis=2) for page in pages]
    assert yellow[0].sum() > 100 and np.array_equal(*yellow)
    grey = (pages[0] > 30).all(axis=2) & (pages[0] < 110).all(axis=2) & (np.ptp(pages[0], axis=2) == 0)
    ratio = np.median(pages[1][grey] / pages[0][grey])  # a few of them are the edges of letters
    assert 1.95 < ratio < 2.05


def test_outlines_lie_around_their_objects(screen: Package, tmp_path: Path) -> None:
    here = "t = 0 and plate = 'LT0001_02' and well = 'C06'"
    objects = screen["movies_objects"].to_pandas(where=here)
    labels = screen["movies"].to_pandas(["path", "t", "image_array"], where=f"{here} and kind = 'region'")
    html = datapkg.thumbnails(labels, size=1024, objects=objects.assign(class_color="#00ff7f")).html
    (style,) = re.findall(r"<style>.*?</style>", html, re.S)
    (image,) = re.findall(r'<div class="datapkg-image".*?</svg></div>', html, re.S)
    alone = f'{style}<style>body {{margin: 0}}</style><div class="datapkg">{image}</div>'
    page = screenshot(alone.replace("margin:0 auto", "margin:0"), tmp_path, (1100, 900))[:768, :1024].astype(
        int
    )
    y, x = np.nonzero((np.abs(page - (0, 255, 127)) < 60).all(axis=2))
    pixels = labels["image_array"].iloc[0]
    outlined = np.zeros(pixels.shape, bool)
    outlined[y // 8, x // 8] = True
    assert outlined.sum() > 300
    assert (outlined & (pixels > 0)).sum() / outlined.sum() > 0.95


def test_a_scale_bar_can_be_read_on_a_white_image(tmp_path: Path) -> None:
    white = np.full((96, 128), 255, np.uint8)
    html = wrapped(thumbnail(white, ImageFacts(pixel_size_um=0.5), Style(size=128)))
    seen = screenshot(re.sub(r'<div class="datapkg-note.*?</div>', "", html), tmp_path, (300, 300)).min(
        axis=2
    )
    y, x = np.nonzero((seen > 120) & (seen < 135))  # the shade: half of white
    shade = seen[y.min() : y.max() + 1, x.min() : x.max() + 1]
    assert 15 < shade.shape[0] < 40 and 40 < shade.shape[1] < 70
    assert 0.1 < (shade > 250).mean() < 0.5  # letters and bar
