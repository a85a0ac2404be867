"""What is told to the disk before it has to be there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from datapkg import store
from datapkg.durable import begin_writing
from datapkg.pixels import as_lists
from datapkg.places import Folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked")


def test_the_disk_begins_with_open_files_of_a_folder(tmp_path: Path) -> None:
    """Those of this folder and below alone, also where it is reached by a link; closed ones are nobody's."""
    inside, beside, link = tmp_path / "a" / "data", tmp_path / "ab", tmp_path / "link"
    inside.mkdir(parents=True)
    link.symlink_to(tmp_path / "a")
    with open(inside / "x", "wb", buffering=0) as one, open(beside, "wb", buffering=0) as other:
        one.write(b"1" * 10_000)
        other.write(b"1" * 10_000)
        assert begin_writing(tmp_path / "a") == 1
        assert begin_writing(link) == 1
        assert begin_writing(tmp_path) == 2
        assert begin_writing(tmp_path / "b") == 0
    assert begin_writing(tmp_path) == 0
    assert (inside / "x").read_bytes() == b"1" * 10_000


def test_a_fragment_is_found_while_it_grows(tmp_path: Path) -> None:
    """The engine has its file open, in the table's folder, when it asks for more rows."""
    package = Folder(tmp_path)
    package.begin("one")
    staged = package.staging("one").path
    kind = pa.list_(pa.list_(pa.uint16(), 1024), 1024)
    schema = pa.schema([("pixels", kind)])
    found = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(6):
            found.append(begin_writing(staged / "images.lance"))
            yield pa.record_batch([as_lists(np.full(6 << 20, number, np.uint16), kind)], schema=schema)

    fragment = store.write_fragment(package, "one", "images", schema, batches())
    assert fragment is not None
    assert fragment.rows == 36
    assert found[0] == 0
    assert 1 in found
