"""What is recorded of derived columns, and what proves them: lineage, lock, digests, verify, diff."""

from __future__ import annotations

from pathlib import Path

import make
import make_derive
import numpy as np
import pytest
from make_growth import tif
from test_deriving import derived
from test_increments import data, manifest

import datapkg
from datapkg.errors import LockedError

__all__ = ["data", "derived", "manifest"]


def test_a_derived_version_is_copied_out_and_read_with_checks(
    derived: Path, data: Path, tmp_path: Path
) -> None:
    make.build(derived, tmp_path / "p")
    tif("p05", 99)(data)
    make.build(derived, tmp_path / "p")
    datapkg.checkout(tmp_path / "p", 2, tmp_path / "q")
    copy = datapkg.open(tmp_path / "q", verify=True)
    assert copy.verify(deep=True, sources=derived).ok
    np.testing.assert_array_equal(copy["frames"].image(5, "doubled"), 2 * make.image(99).astype("uint32"))
    assert copy.diff(datapkg.open(tmp_path / "p")).ok


def test_the_record_tells_how_a_column_came_about(derived: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    record = package.record.table("frames")
    made = record.lineage[0]
    assert (made.table, made.columns, made.function, made.args, made.output, made.proof) == (
        "frames", ("mean",), "f.py:mean", {"times": 2}, ("float32",), "values"
    )  # fmt: skip
    assert made.packages == {"numpy": np.__version__}
    digests = {one.name: one.digest for one in record.columns}
    assert made.inputs == {"image_array": digests["image_array"]}
    assert record.lineage[2].inputs == {"doubled": digests["doubled"]}
    origin = package.record.table("crops").origin
    assert origin is not None and origin.table == "frames"


def test_a_locked_build_is_held_to_values_or_to_the_recipe(derived: Path, data: Path, tmp_path: Path) -> None:
    entry = 'derive: [{table: frames, column: mean, function: "f.py:mean", input: image_array, output: float32PROOF}]\n'
    make_derive.manifest(derived, entry.replace("PROOF", ""))
    report = make.build(derived, tmp_path / "p")
    make_derive.functions(data, "\n# says the same\n")
    assert make.build(derived, tmp_path / "q", locked=True).digest == report.digest
    make_derive.functions(data, "\ndef mean(image):\n    return 1.0\n")
    with pytest.raises(LockedError, match=r"'mean' has other values \(the code of its function is another\)"):
        make.build(derived, tmp_path / "q2", locked=True)
    assert not (tmp_path / "q2").exists()
    make_derive.manifest(derived, entry.replace("PROOF", ", proof: recipe"))
    recipe = make.build(derived, tmp_path / "r")
    assert recipe.digest != report.digest
    make_derive.functions(data, "\n# says the same\n")
    with pytest.raises(LockedError, match="'mean' has another recipe"):
        make.build(derived, tmp_path / "r2", locked=True)


def test_derived_values_are_outside_of_the_tables_digest(derived: Path, data: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    make_derive.manifest(derived, "")
    make.build(derived, tmp_path / "q")
    one, other = datapkg.open(tmp_path / "p"), datapkg.open(tmp_path / "q")
    assert one["frames"].digest == other["frames"].digest
    assert one.digest != other.digest


def test_a_damaged_derived_value_is_found(derived: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    import lance

    dataset = lance.dataset(str(tmp_path / "p" / "frames.lance"))
    numbers = {field.name(): field.id() for field in dataset.lance_schema.fields()}
    files = dataset.get_fragments()[0].metadata.to_json()["files"]
    (name,) = [file["path"] for file in files if numbers["mean"] in file["fields"]]
    path = tmp_path / "p" / "frames.lance" / "data" / name
    content = bytearray(path.read_bytes())
    content[content.find(np.float32(2 * make.image(3).mean()).tobytes())] ^= 1
    path.write_bytes(content)
    found = datapkg.open(tmp_path / "p").verify(deep=True)
    assert "the column mean does not have its digest" in str(found)
    assert "table's digest" not in str(found)


def test_diff_shows_cells_of_derived_columns(derived: Path, tmp_path: Path) -> None:
    make.build(derived, tmp_path / "p")
    make_derive.manifest(derived, make_derive.DERIVE.replace("times: 2", "times: 3"))
    make.build(derived, tmp_path / "p")
    found = datapkg.open(tmp_path / "p").diff(1)
    assert not found.ok
    assert set(found.cells.column) == {"mean"}
    assert len(found.cells) == 12
