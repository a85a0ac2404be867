"""One opened version, shared by all that was made of it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

import datapkg
from datapkg.errors import VersionError
from datapkg.opened import OpenVersion
from datapkg.places import place


def test_a_table_is_opened_once(package: Path) -> None:
    pkg = datapkg.open(package)
    assert pkg["frames"].rows is pkg["frames"].rows
    assert pkg["frames"].rows.pinned is pkg.opened.rows("frames").pinned


def test_it_is_pickled_by_its_name_and_opened_when_it_is_needed(package: Path, tmp_path: Path) -> None:
    opened = datapkg.open(package).opened
    content = pickle.dumps(opened)
    assert len(content) < 400
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
        OpenVersion(place(package), 1, "0" * 64).rows("frames")
    with pytest.raises(VersionError, match="no version 9"):
        OpenVersion(place(package), 9, "0" * 64).rows("frames")


def test_sources_are_a_table_too(package: Path) -> None:
    assert datapkg.open(package).opened.rows("_sources").order.rows == 4


def test_credentials_are_not_pickled() -> None:
    secret = {"aws_secret_access_key": "hush", "aws_access_key_id": "who", "aws_session_token": "shh"}
    known = {"aws_endpoint": "http://127.0.0.1:9", "aws_region": "eu-west-1"}
    opened = OpenVersion(place("s3://screens/nf1", {**secret, **known}), 1, "0" * 64)
    content = pickle.dumps(opened)
    assert not [value for value in secret.values() if value.encode() in content]
    options = pickle.loads(content).place.options
    assert options is not None
    assert {name: options[name] for name in known} == known
    assert "aws_secret_access_key" not in options or options["aws_secret_access_key"] != "hush"
