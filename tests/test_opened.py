"""One opened version, shared by all that was made of it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

import datapkg
from datapkg.errors import VersionError
from datapkg.opened import OpenVersion


def test_a_table_is_opened_once(package: Path) -> None:
    pkg = datapkg.open(package)
    assert pkg["frames"].rows is pkg["frames"].rows
    assert pkg["frames"].rows.pinned is pkg.opened.rows("frames").pinned


def test_it_is_pickled_by_its_name_and_opened_when_it_is_needed(package: Path, tmp_path: Path) -> None:
    opened = datapkg.open(package).opened
    content = pickle.dumps(opened)
    assert len(content) < 300
    again = pickle.loads(content)
    assert again == opened and hash(again) == hash(opened)
    assert copy.deepcopy(opened) is opened
    assert again.rows("frames").order.rows == 3
    assert again != datapkg.open(package, verify=True).opened
    package.rename(tmp_path / "elsewhere")
    assert pickle.loads(content) == opened  # nothing is read yet


def test_another_content_under_the_same_number_is_told(package: Path) -> None:
    with pytest.raises(
        VersionError, match=r"not the one that this was read from\n  fix: open the package again"
    ):
        OpenVersion(str(package), 1, "0" * 64).rows("frames")
    with pytest.raises(VersionError, match="no version 9"):
        OpenVersion(str(package), 9, "0" * 64).rows("frames")


def test_sources_are_a_table_too(package: Path) -> None:
    assert datapkg.open(package).opened.rows("_sources").order.rows == 4
