"""Samples of the campaigns `kills` and `power`: whenever a build is killed, nothing is harmed, and the next one completes."""

from __future__ import annotations

import random

import pytest
from campaigns import kills, power, sound, steps
from campaigns.runner import Runner
from campaigns.states import SCENARIOS, Scenario, Stage
from campaigns.steps import Step

EACH = 4
MOMENTS = 2

pytestmark = pytest.mark.skipif(not steps.WORKS, reason="only Linux lets a build be watched step by step")
by_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@by_scenario
def test_a_build_killed_at_any_step_harms_nothing(runner: Runner, stage: Stage, scenario: Scenario) -> None:
    done = kills.steps_of(runner, stage, scenario)
    record = next(
        number for number, step in enumerate(done, 1) if step.endswith(f"/{len(scenario.history) + 1}.json")
    )
    rng = random.Random(kills.SEED)
    for step in {record, record + 1, *rng.sample(range(1, len(done) + 1), EACH - 2)}:
        assert kills.killed_at(runner, stage, scenario, step) == []


def test_the_command_killed_at_any_moment_harms_nothing(stage: Stage) -> None:
    for scenario, seconds, alone in kills.moments(stage, MOMENTS, stage.scenarios[1:2]):
        assert kills.killed_after(stage, scenario, seconds, alone) == []


@by_scenario
def test_what_a_record_names_is_on_the_disk_before_it(
    runner: Runner, stage: Stage, scenario: Scenario
) -> None:
    assert list(power.unsafe(runner, stage, scenario)) == []


def test_a_changed_version_would_be_seen(stage: Stage) -> None:
    with stage.trial(SCENARIOS[2]) as trial:
        assert list(sound.faults(trial.package, trial.earlier())) == []
        said = list(sound.faults(trial.package, trial.earlier()[::-1]))
        assert said[0] == "version 1 holds something else than what it held"
        data = next((trial.package / "wells.lance" / "data").iterdir())
        data.write_bytes(data.read_bytes()[:-1])
        (said,) = sound.faults(trial.package, trial.earlier())
        assert said.startswith("damaged")
        (trial.package / "versions" / "2.json").unlink()
        assert list(sound.faults(trial.package, trial.earlier())) == ["versions [1] where 2 were made"]


def test_a_missing_fsync_would_be_seen() -> None:
    made = Step("openat", ("/p/a",), new=True)
    disk = power.Disk()
    for step in (made, Step("write", ("/p/a",), new=False), Step("fsync", ("/p/a",), new=False)):
        disk.take(step)
    assert disk.lost(["/p/a", "/p/b"]) == ["/p/a"]
    disk.take(Step("rename", ("/p/a", "/p/b"), new=True))
    disk.take(Step("fsync", ("/p",), new=False))
    assert disk.lost(["/p/a", "/p/b"]) == []
    disk.take(Step("write", ("/p/b",), new=False))
    assert disk.lost(["/p/b"]) == ["/p/b"]
