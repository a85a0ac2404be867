"""What a function reads: pixels straight from where they lie, in the version before and among what is staged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import make
import numpy as np
import pyarrow as pa
import pytest
from make_growth import gone, plates, plates_manifest, tif
from numpy.typing import NDArray

import datapkg
import datapkg.builder  # so that others have their names before one is replaced here
from datapkg.deriving import gathering
from datapkg.deriving.ahead import read_ahead, spans
from datapkg.store import PinnedTable

FUNCTION = "def total(image):\n    return int(image.astype('int64').sum())\n"
ENTRY = (
    'derive: [{table: frames, column: total, function: "f.py:total", input: image_array, output: int64}]\n'
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The columns that the engine was asked for while rows were gathered."""
    columns: list[str] = []
    opened = gathering.opened

    class Noting:
        def __init__(self, table: PinnedTable) -> None:
            self.table = table

        def take(self, addresses: NDArray[np.int64], names: Sequence[str]) -> pa.Table:
            columns.extend(names)
            return self.table.take(addresses, names)

    monkeypatch.setattr(gathering, "opened", lambda stored: Noting(opened(stored)))
    return columns


def summed(package: Path) -> tuple[list[int], list[int]]:
    table = datapkg.open(package)["frames"]
    own = [int(image.astype("int64").sum()) for image in table.images(range(len(table))) if image is not None]
    return table.to_arrow(["total"]).column(0).to_pylist(), own


def test_equal_images_of_every_state_are_read_where_they_lie(tmp_path: Path, asked: list[str]) -> None:
    data = plates(tmp_path)
    for number in range(12):
        tif(f"p{number:02}", number, (40, 60))(data)
    manifest, package = plates_manifest(data), tmp_path / "p"
    (data / "f.py").write_text(FUNCTION)
    manifest.write_text(manifest.read_text() + ENTRY)
    edits = [
        tif("p03", 50, (40, 60)),  # its row lies behind the others now
        gone("images/p07/*.tif"),
        tif("p01a", 51, (40, 60)),
    ]
    make.build(manifest, package)
    for edit in edits:
        edit(data)
        make.build(manifest, package, allow_removals=True)
        values, own = summed(package)
        assert values == own
    (data / "f.py").write_text(FUNCTION + "\n")  # other code: all are computed again, in the manifest's order
    make.build(manifest, package)
    values, own = summed(package)
    assert values == own
    assert not {"image_array", "dtype", "shape"} & set(asked)


@pytest.mark.parametrize("shape", [(40, 61), (2, 40, 60)], ids=["another width", "another rank"])
def test_other_images_are_read_by_the_engine(
    shape: tuple[int, ...], tmp_path: Path, asked: list[str]
) -> None:
    data = plates(tmp_path)
    for number in range(3):
        tif(f"p{number:02}", number, (40, 60))(data)
    tif("p03", 3, shape)(data)
    manifest = plates_manifest(data)
    (data / "f.py").write_text(FUNCTION)
    manifest.write_text(manifest.read_text() + ENTRY)
    make.build(manifest, tmp_path / "p")
    values, own = summed(tmp_path / "p")
    assert values == own
    assert {"image_array", "dtype", "shape"} <= set(asked)


def test_the_next_rows_are_read_while_these_are_worked_on() -> None:
    begun = {start: threading.Event() for start in range(0, 6, 2)}

    def read(start: int, stop: int) -> list[int]:
        begun[start].set()
        return list(range(start, stop))

    found = read_ahead(read, spans(6, 2))
    assert next(found) == [0, 1]
    assert begun[2].wait(60)
    assert not begun[4].is_set()  # one piece ahead, so that no more than two are held
    assert list(found) == [[2, 3], [4, 5]]


def test_what_cannot_be_read_ahead_is_raised_when_it_is_its_turn() -> None:
    def read(start: int, stop: int) -> int:
        if start:
            raise OSError("gone")
        return stop

    found = read_ahead(read, spans(4, 2))
    assert next(found) == 2
    with pytest.raises(OSError, match="gone"):
        next(found)
