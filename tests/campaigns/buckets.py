"""A build into a bucket that is killed before any change of the bucket harms no version, and the next build completes.

The store is moto, on this machine. What a build has not committed lies in its cache folder; half of the next builds have
another, as on another machine.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import stores

from campaigns import kills, sound
from campaigns.gate import Gate
from campaigns.kills import told
from campaigns.runner import Ended, Runner
from campaigns.states import SCENARIOS, Scenario, Stage, Trial
from datapkg.places import place

IN_BUCKETS = tuple(one for one in SCENARIOS if one.name in ("first", "incremental"))


@dataclass(frozen=True)
class BucketTrial(Trial):
    """One package in a bucket to do harm to; builds that are killed reach it through the gate."""

    uri: str

    @property
    def package(self) -> str:  # type: ignore[override]
        return self.uri


class Buckets:
    """A stage whose packages are in a store: trials are copies of theirs, under a prefix of their own."""

    def __init__(self, stage: Stage, store: stores.ObjectStore, gate: Gate, runner: Runner) -> None:
        self.stage, self.store, self.gate, self.runner = stage, store, gate, runner

    @contextmanager
    def trial(self, scenario: Scenario) -> Iterator[BucketTrial]:
        """A package with the scenario's history; nothing of it is left afterwards."""
        uri = f"s3://{stores.BUCKET}/{uuid.uuid4().hex[:12]}/Müller 1"
        folder = self.stage.trials / "trial"
        folder.mkdir()
        lies = place(uri)
        try:
            for file in sorted((self.stage.folder / "packages" / scenario.name).rglob("*")):
                if file.is_file():
                    name = file.relative_to(self.stage.folder / "packages" / scenario.name).as_posix()
                    lies.put(name, file.read_bytes())
            yield BucketTrial(folder, scenario, self.stage, uri)
        finally:
            lies.remove([entry.name for entry in lies.entries()])
            shutil.rmtree(folder)

    def steps(self, scenario: Scenario) -> list[str]:
        """The changes that an undisturbed build makes."""
        with self.trial(scenario) as trial:
            ended = self.build(trial, kill_at=0)
            assert ended.created, ended
            return [step.replace(trial.uri.removeprefix("s3:/"), "") for step in self.gate.steps]

    def build(self, trial: BucketTrial, kill_at: int | str) -> Ended:
        """Build through the gate, up to a step."""
        reached = {name.lower(): value for name, value in self.store.environment.items()}
        access = {name: reached[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
        asked = {**trial.ask(), "storage_options": {**access, "aws_endpoint": self.gate.endpoint}}
        return self.runner.alone(asked, trial.cache, lambda pid: self.gate.watch(pid, kill_at))

    def killed_at(self, scenario: Scenario, kill_at: int | str) -> list[str]:
        """Kill a build before a change, by its number or a part of its path: what is wrong then."""
        with self.trial(scenario) as trial:
            ended = self.build(trial, kill_at)
            step = len(self.gate.steps)
            at = self.gate.steps[-1].replace(trial.uri.removeprefix("s3:/"), "")
            said = [] if ended == Ended() else [f"the build ended before: {ended}"]
            if step % 4 < 2:
                trial = BucketTrial(trial.folder / "elsewhere", scenario, self.stage, trial.uri)
                trial.folder.mkdir()
            said += sound.gathered(kills.after(trial, gc_first=step % 2 == 0))
        return [f"{scenario.name} in a bucket, killed before step {step} ({at}): {one}" for one in said]


@contextmanager
def buckets(stage: Stage, runner: Runner, store: stores.ObjectStore) -> Iterator[Buckets]:
    """All that trials in a store need."""
    with pytest.MonkeyPatch.context() as patch, Gate(store.endpoint) as gate:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        yield Buckets(stage, store, gate, runner)


def main(stride: int = 1) -> int:
    """Kill before every change, or before each of some; print what was wrong."""
    wrong, done = 0, Counter[str]()
    with ExitStack() as open_now:
        store = stores.moto()
        open_now.callback(store.stop)
        stage = Stage(Path(open_now.enter_context(tempfile.TemporaryDirectory())), IN_BUCKETS)
        there = open_now.enter_context(buckets(stage, open_now.enter_context(Runner()), store))
        for scenario in IN_BUCKETS:
            for step in range(1, len(there.steps(scenario)) + 1, stride):
                wrong += told(there.killed_at(scenario, step))
                done[scenario.name] += 1
    print(f"killed in a bucket at {dict(done)}: {wrong} wrong")
    return 1 if wrong else 0
