"""A package of the first format number, made when it was young, opens, verifies and reads for ever."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

import datapkg

OLD = PROJECT / "tests" / "data" / "format-1"
DIGESTS = {
    "1.0.0": "0c0eee8d2ccdf51323aa76d4a61339f356a757142d4faac221453bd719a23e47",
    "2.0.0": "b33e2cc625b7c839ce896ca09c48cfc98ac73b8cb83d80035ac8678aaad71c71",
}
TABLES = ["wells", "frames", "movies", "movies_objects", "movies_features_primary__primary"]
TABLES += ["movies_feature_names", "movies_classes", "movies_channels", "movies_regions", "movies_attributes"]


@pytest.mark.parametrize("version", DIGESTS)
def test_it_verifies_to_its_last_bit(version: str) -> None:
    outcome = datapkg.verify(OLD, deep=True, version=version, digest=DIGESTS[version])
    assert outcome.ok, outcome


def test_all_of_it_is_whole_and_used() -> None:
    outcome = datapkg.verify(OLD)
    assert (outcome.ok, outcome.versions, outcome.unused) == (True, (1, 2), ())


@pytest.mark.parametrize("verify", [False, True])
def test_its_tables_read_as_they_did(verify: bool) -> None:
    old = datapkg.open(OLD, verify=verify)
    assert (old.version, old.release, old.name, old.tables) == (2, "2.0.0", "little", TABLES)
    assert old.created == pd.Timestamp(old.versions().created.iloc[1])
    wells = old["wells"].to_pandas()
    assert wells.Well.tolist() == ["005", "042"]
    assert wells.Gene.isna().tolist() == [False, True]
    assert [str(kind) for kind in wells.dtypes] == ["str", "str", "int64", "float64", "bool"]
    assert wells.Count.tolist() == [1, 3]
    assert old.checkout("1.0.0")["wells"].to_pandas().Count.tolist() == [1, 2]
    assert np.signbit(wells.Area).tolist() == [False, True]
    objects = old["movies_objects"].to_pandas(where="class_name = 'apoptotic'")
    assert objects.bounding_box.tolist() == [{"left": 0, "right": 1, "top": 0, "bottom": 1}]
    assert old["movies_features_primary__primary"].to_pandas().perimeter.tolist() == [2.0, 5.0]
    assert old.sources().path.unique().tolist() == ["wells.csv", "A01.tif", "A02.tif", "movie.ch5"]


@pytest.mark.parametrize("verify", [False, True])
def test_its_images_read_as_they_did(verify: bool) -> None:
    old = datapkg.open(OLD, verify=verify)
    wide, small = old["frames"].images([0, 1])
    assert (wide.dtype, small.dtype) == (np.uint16, np.uint8)
    assert np.array_equal(wide, np.arange(20).reshape(4, 5) * 1000)
    assert np.array_equal(small, np.arange(15).reshape(3, 5))
    channel, region = old["movies"].images([0, 1])
    assert (channel.dtype, region.dtype) == (np.uint8, np.uint16)
    assert np.array_equal(channel, np.arange(24).reshape(4, 6))
    assert region.tolist() == [[2, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]


def test_it_can_be_copied_out_and_looked_after(tmp_path: Path) -> None:
    assert datapkg.checkout(OLD, "1.0.0", tmp_path / "copy") == DIGESTS["1.0.0"]
    assert datapkg.verify(tmp_path / "copy", deep=True).ok
    package = Path(shutil.copytree(OLD, tmp_path / "whole"))
    assert datapkg.release(package, "named-later", 1) == 1
    assert datapkg.gc(package, keep_last=1).removed == ()
    assert datapkg.verify(package, deep=True).ok
