"""The states of a little data set, one after the other: what the campaigns build, and what a build of each must give.

Between two states single files of tables and image folders with many files change, come and go; a column changes its
type; images of one shape become images of several; the manifest says something else.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import make
import pytest

from campaigns.sound import Expected, expected_of
from datapkg import hashes

MANIFEST = """name: little
version: "{release}"
resources:
  - {{name: wells, path: wells.csv}}
  - name: profiles
    path: profiles/*.csv
    schema: {{primaryKey: [Well, Site]{fields}}}
  - name: frames
    path: images/**/*.tif
    pattern: "{{Plate}}/{{Well}}_{{Site:d}}.tif"
    keep: {keep}
"""


def base(data: Path) -> None:
    """Five tables of profiles, six images of one shape, a table of wells."""
    write_manifest(data, "1.0.0")
    make.text(data / "wells.csv", "Well,Gene,Count\n005,KIF11,1\n042,,2\n")
    for number in range(5):
        profiles(data, number)
    for seed in range(6):
        make.tiff(data / "images" / f"p{seed // 3}" / f"A0{seed % 3}_1.tif", make.image(seed))


def edited(data: Path) -> None:
    """Of tables and of images one file changes, one comes, one goes."""
    base(data)
    write_manifest(data, "1.1.0")
    profiles(data, 2, area="9.25")
    profiles(data, 7)
    (data / "profiles" / "p4.csv").unlink()
    make.tiff(data / "images" / "p0" / "A01_1.tif", make.image(91))
    make.tiff(data / "images" / "p1" / "B07_1.tif", make.image(92))
    (data / "images" / "p1" / "A02_1.tif").unlink()


def retyped(data: Path) -> None:
    """A column of numbers gets a late text, an image another shape and a wider dtype."""
    edited(data)
    write_manifest(data, "1.2.0")
    profiles(data, 7, area="unknown")
    make.tiff(data / "images" / "p1" / "B07_1.tif", make.image(93, (4, 9), "uint32"))


def remade(data: Path) -> None:
    """The files are those of `edited`, but the manifest wants them otherwise: all is read again."""
    edited(data)
    write_manifest(data, "2.0.0", ", fields: [{name: Site, type: string}]", "[array]")


STATES = {one.__name__: one for one in (base, edited, retyped, remade)}


def write_manifest(data: Path, release: str, fields: str = "", keep: str = "[bytes, array]") -> None:
    make.text(data / "manifest.yaml", MANIFEST.format(release=release, fields=fields, keep=keep))


def profiles(data: Path, number: int, area: str = "1.5") -> None:
    """One table of profiles, whose keys are in no other."""
    rows = "".join(f"B{number:02},{site},{area},{number * site}\n" for site in range(4))
    make.text(data / "profiles" / f"p{number}.csv", "Well,Site,Area,Count\n" + rows)


@dataclass(frozen=True)
class Scenario:
    """A package that has the states of `history` as versions, and the state that is built into it."""

    name: str
    history: tuple[str, ...]
    state: str


SCENARIOS = (
    Scenario("first", (), "base"),
    Scenario("incremental", ("base",), "edited"),
    Scenario("full", ("base", "edited"), "remade"),
    Scenario("retyped", ("base", "edited"), "retyped"),
    Scenario("back", ("base", "edited", "retyped"), "edited"),
)


class Stage:
    """Where trials take place: data of every state, packages of every history, and what a build of each must give."""

    def __init__(
        self, folder: Path, scenarios: Sequence[Scenario] = SCENARIOS, trials: Path | None = None
    ) -> None:
        self.folder, self.scenarios, self.trials = folder, scenarios, trials or folder
        self.expected: dict[str, Expected] = {}
        self.steps: dict[str, list[str]] = {}
        names = list(dict.fromkeys(s for one in scenarios for s in (*one.history, one.state)))
        for name in names:
            STATES[name](self.data(name))
        for name in names:
            clean = folder / "clean" / name
            with own_cache(folder / "cache"):
                make.build(self.data(name) / "manifest.yaml", clean)
            self.expected[name] = expected_of(clean, self.data(name))
        for one in scenarios:
            for state in one.history:
                with own_cache(folder / "cache"):
                    make.build(
                        self.data(state) / "manifest.yaml",
                        folder / "packages" / one.name,
                        allow_removals=True,
                    )
        for lock in folder.glob("data/*/manifest.lock"):
            lock.unlink()  # a trial has its own manifest, and the lock beside it
        self._wait_until_old()

    def _wait_until_old(self) -> None:
        """From then on the files' hashes are remembered, and all builds of a state take the same steps."""
        written = max(path.stat().st_ctime_ns for path in self.folder.glob("data/**/*"))
        while time.time_ns() - written < hashes.YOUNG_NS:
            time.sleep(0.05)

    def data(self, state: str) -> Path:
        """The files of a state."""
        return self.folder / "data" / state

    @contextmanager
    def trial(self, scenario: Scenario) -> Iterator[Trial]:
        """A copy of the scenario's package with a manifest and a cache of its own, thrown away afterwards."""
        folder = self.trials / "trial"
        folder.mkdir()
        try:
            if scenario.history:
                shutil.copytree(self.folder / "packages" / scenario.name, folder / "p")
            yield Trial(folder, scenario, self)
        finally:
            shutil.rmtree(folder)


@dataclass(frozen=True)
class Trial:
    """One package to do harm to."""

    folder: Path
    scenario: Scenario
    stage: Stage

    @property
    def package(self) -> Path:
        return self.folder / "p"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def earlier(self) -> list[Expected]:
        """What its first versions hold."""
        return [self.stage.expected[state] for state in self.scenario.history]

    def expected(self) -> Expected:
        """What the build gives."""
        return self.stage.expected[self.scenario.state]

    def ask(self, state: str = "") -> dict[str, str]:
        """What to build, by default the scenario's state; the manifest, with its lock beside it, is the trial's own."""
        data = self.stage.data(state or self.scenario.state)
        manifest = self.folder / f"{state or 'manifest'}.yaml"
        if not manifest.exists():
            shutil.copyfile(data / "manifest.yaml", manifest)
        return {"manifest": str(manifest), "package": str(self.package), "root": str(data)}


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """What was hashed is remembered here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAPKG_CACHE", str(folder))
        yield
