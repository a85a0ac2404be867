"""Random edits of files and manifest, builds of what changed, checkouts, releases and gc; a model says what must hold.

Every version that is kept holds for ever what the model held when it was built, and its digest is that of a clean build
of the same files in a new folder.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import make
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import datapkg
from campaigns import model
from campaigns.model import PIXELS, Sources
from datapkg import hashes, reclaiming, versions
from datapkg.errors import DatapkgError
from datapkg.places import Folder
from datapkg.reclaiming import Rules

STEPS = 24
DAY_S = 86400.0
NAMES = st.sampled_from(["a.csv", "B.csv", "m.csv", "n.csv", "z 1.csv", "ä.csv"])
PATHS = st.sampled_from([f"{plate}/{well}.tif" for plate in ("p1", "p2") for well in ("A01", "B02", "a01")])
WELLS = st.sampled_from([f"{row}{column:02}" for row in "ABC" for column in range(1, 30)])
VALUES = st.sampled_from(["0", "1", "7", "-3", "2.5", "1e3", "", "NA", "true", "false", "x", "007"])
NUMBERS = st.sampled_from(["0", "1", "7", "-3", ""])
ROWS = st.lists(
    st.fixed_dictionaries({"Well": WELLS, "Value": st.one_of(NUMBERS, NUMBERS, NUMBERS, VALUES)}),
    min_size=1,
    max_size=3,
)
SHAPES = st.sampled_from([(4, 5), (4, 5), (4, 5), (3, 7), (2, 3, 4)])
DTYPES = st.sampled_from(["uint16", "uint16", "uint16", "uint8", "int16", "float32"])
IMAGES = st.builds(make.image, st.integers(0, 99), SHAPES, DTYPES)


class Edits(RuleBasedStateMachine):
    """A user who edits, builds, looks at old versions and cleans up."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="edits-"))
        self.data, self.package = self.folder / "data", self.folder / "p"
        self.now = Sources()
        self.kept: dict[int, Sources] = {}
        self.digests: dict[int, str] = {}
        self.named: dict[str, int] = {}
        self.last = 0

    def teardown(self) -> None:
        try:
            if self.kept:
                self._all_agree()
                found = datapkg.verify(self.package, deep=True)
                assert found.ok, found
        finally:
            shutil.rmtree(self.folder)

    @initialize(rows=ROWS, image=IMAGES)
    def begin(self, rows: model.Rows, image: Any) -> None:
        self.now.profiles["m.csv"] = rows
        self.now.profiles["n.csv"] = [{"Well": "D01", "Value": "1"}]
        self.now.images["p1/A01.tif"] = image
        self.build()

    @rule(name=NAMES, rows=ROWS)
    def write_profiles(self, name: str, rows: model.Rows) -> None:
        self.now.profiles[name] = rows

    @rule(data=st.data(), well=WELLS, value=VALUES)
    def change_a_cell(self, data: st.DataObject, well: str, value: str) -> None:
        rows = self.now.profiles[data.draw(st.sampled_from(sorted(self.now.profiles)))]
        row = data.draw(st.integers(0, len(rows)))
        if row == len(rows):
            rows.append({"Well": well, "Value": value})
        else:
            rows[row] = {"Well": well, "Value": value}

    @precondition(lambda self: len(self.now.profiles) > 1)
    @rule(data=st.data())
    def remove_profiles(self, data: st.DataObject) -> None:
        del self.now.profiles[data.draw(st.sampled_from(sorted(self.now.profiles)))]

    @rule(data=st.data(), to=NAMES)
    def rename_profiles(self, data: st.DataObject, to: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.now.profiles)))
        self.now.profiles[to] = self.now.profiles.pop(name)

    @rule(path=PATHS, image=IMAGES)
    def write_image(self, path: str, image: Any) -> None:
        self.now.images[path] = image

    @precondition(lambda self: len(self.now.images) > 1)
    @rule(data=st.data())
    def remove_image(self, data: st.DataObject) -> None:
        del self.now.images[data.draw(st.sampled_from(sorted(self.now.images)))]

    @rule(data=st.data(), to=PATHS)
    def rename_image(self, data: st.DataObject, to: str) -> None:
        path = data.draw(st.sampled_from(sorted(self.now.images)))
        self.now.images[to] = self.now.images.pop(path)

    @rule(gene=st.sampled_from(["", "KIF11", "1E5", "042"]))
    def change_wells(self, gene: str) -> None:
        self.now.wells[0] = {"Well": "005", "Gene": gene}

    @rule(
        change=st.sampled_from(
            [
                ("keyed", st.booleans()),
                ("value_type", st.sampled_from(["", "string", "integer"])),
                ("pixels", st.sampled_from(PIXELS)),
                ("excluded", st.sampled_from(["", "m.csv", "ä.csv"])),
                ("with_wells", st.booleans()),
                ("listed_backwards", st.booleans()),
                ("title", st.sampled_from(["a", "b"])),
                ("release", st.sampled_from(["", "1.0", "1.1", "2.0"])),
            ]
        ),
        data=st.data(),
    )
    def change_manifest(self, change: tuple[str, st.SearchStrategy[Any]], data: st.DataObject) -> None:
        name, values = change
        setattr(self.now, name, data.draw(values))

    @rule()
    def touch(self) -> None:
        for path in self.data.rglob("*.csv"):
            path.touch()

    @rule()
    def build(self) -> None:
        manifest = model.written(self.now, self.data)
        if why := self.now.is_refused():
            before = make.tree(self.package) if self.package.exists() else {}
            with pytest.raises(DatapkgError, match=why):
                make.build(manifest, self.package, allow_removals=True)
            assert versions.numbers(Folder(self.package)) == sorted(self.kept)
            assert not before or make.tree(self.package) == before
            return
        report = make.build(manifest, self.package, allow_removals=True)
        clean = self.folder / "clean"
        try:
            assert make.build(manifest, clean).digest == report.digest
        finally:
            shutil.rmtree(clean, ignore_errors=True)
        assert report.created == (report.version == self.last + 1)
        if report.created:
            self.last = report.version
            self.kept[self.last] = self.now.copy()
            self.digests[self.last] = report.digest
        else:
            assert report.version == self.last and report.digest == self.digests[self.last]
        if self.now.release and self.now.release not in self.named:
            self.named[self.now.release] = report.version
        assert versions.releases(Folder(self.package)) == self.named
        assert datapkg.status(manifest, self.package).ok
        self._all_agree()

    @rule()
    def build_again(self) -> None:
        self.build()

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def checkout(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.kept)))
        copied = self.folder / "copy"
        try:
            assert datapkg.checkout(self.package, number, copied) == self.digests[number]
            assert datapkg.verify(copied, deep=True).ok
            assert not model.agrees(datapkg.open(copied, verify=True), self.kept[number])
        finally:
            shutil.rmtree(copied)
            for beside in self.folder.glob("copy.*"):
                beside.unlink()

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), name=st.sampled_from(["good", "better"]))
    def release(self, data: st.DataObject, name: str) -> None:
        if name not in self.named:
            number = data.draw(st.sampled_from(sorted(self.kept)))
            datapkg.release(self.package, name, number)
            self.named[name] = number

    @precondition(lambda self: self.kept)
    @rule(keep=st.integers(1, 3), days=st.sampled_from([0, 2, 400]))
    def gc(self, keep: int, days: int) -> None:
        rules = Rules(keep, None, timedelta(hours=24))
        reclaiming._gc(Folder(self.package), str(self.package), rules, False, time.time() + days * DAY_S)
        stays = {*sorted(self.kept)[-keep:], *self.named.values()}
        self.kept = {number: held for number, held in self.kept.items() if number in stays}
        self._all_agree()
        assert datapkg.verify(self.package).ok

    @invariant()
    def has_its_versions(self) -> None:
        assert versions.numbers(Folder(self.package)) == sorted(self.kept)

    def _all_agree(self) -> None:
        for number, held in self.kept.items():
            opened = datapkg.open(self.package, version=number)
            assert opened.digest == self.digests[number]
            if said := model.agrees(opened, held):
                raise AssertionError(f"version {number}: {said}")


def run(examples: int, *, random: bool, trusting: bool) -> None:
    """Try so many random histories; not `random` means the same ones each time.

    `trusting` takes what was hashed or looked at for known at once, which else takes two seconds.
    """
    with tempfile.TemporaryDirectory() as cache, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAPKG_CACHE", cache)
        if trusting:
            patch.setattr(hashes, "YOUNG_NS", -(10**18))
        _run(examples, random)


def _run(examples: int, random: bool) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Edits,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            derandomize=not random,
            deadline=None,
            database=None,
            suppress_health_check=_all_checks(),
            phases=(Phase.generate, Phase.shrink) if random else (Phase.generate,),
        ),
    )


def _all_checks() -> Any:
    from hypothesis import HealthCheck

    return tuple(HealthCheck)


def main(examples: int = 200) -> int:
    """Try so many histories, half of them trusting; Hypothesis prints the shortest that goes wrong."""
    for trusting in (False, True):
        run(examples // 2, random=True, trusting=trusting)
    print(f"{examples} histories of {STEPS} steps: none wrong")
    return 0
