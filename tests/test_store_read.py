"""A table is opened in the state whose manifest was hashed, from those very bytes."""

from __future__ import annotations

from pathlib import Path

import lance
import make
import pytest

import datapkg
from datapkg.errors import DamageError
from datapkg.store.read import FOOTER, LENGTH, MARK, state


def test_the_state_is_what_the_engine_itself_says(package: Path, manifest: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well,Gene\nA01,x\nA02,y\n")
    make.build(manifest, package)
    seen = 0
    for version in (1, 2):
        for table in datapkg.open(package, version=version).record.tables:
            found = lance.dataset(
                str(package / f"{table.name}.lance"), version=table.stored.lance_version
            )._ds.serialized_manifest()
            assert state((package / table.stored.manifest).read_bytes()) == found
            seen += 1
    assert seen >= 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        LENGTH.pack(5) + b"state" + FOOTER.pack(0, 0, 2, b"XXXX"),
        LENGTH.pack(6) + b"state" + FOOTER.pack(0, 0, 2, MARK),
        LENGTH.pack(5) + b"state" + FOOTER.pack(1 << 60, 0, 2, MARK),
    ],
)
def test_another_layout_is_left_to_the_engine(content: bytes) -> None:
    assert state(content) is None


def test_another_manifest_of_the_same_number_is_refused(package: Path) -> None:
    opened = datapkg.open(package)
    path = package / opened.record.table("wells").stored.manifest
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    with pytest.raises(DamageError, match="not there any more"):
        opened["wells"].to_pandas()


def test_what_is_opened_can_go_to_other_states(package: Path) -> None:
    dataset = datapkg.open(package)["wells"].lance
    assert dataset.latest_version == dataset.version
    assert [one["version"] for one in dataset.versions()] == list(range(1, dataset.version + 1))
    assert dataset.checkout_version(dataset.version).count_rows() == dataset.count_rows()
