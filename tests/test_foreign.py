"""A sample of the campaign `foreign`: what other programs do to the tables changes no version."""

from __future__ import annotations

from collections import Counter

import pytest
from campaigns import foreign, kills, steps
from campaigns.runner import Runner
from campaigns.states import SCENARIOS, Stage

DURING = 7

AFTER = "fsync /p/profiles.lance/"
"""What a build does first after the engine's commit: it brings the files of the state to the disk."""

pytestmark = pytest.mark.skipif(not steps.WORKS, reason="only Linux lets a build be paused at a step")


def test_other_programs_change_no_version(runner: Runner, stage: Stage) -> None:
    seen = Counter[str]()
    for how, wrong in foreign.trials(runner, stage, DURING):
        assert wrong == []
        seen[how.partition(",")[0]] += 1
    assert seen == {"between": len(foreign.ACTS), "during": DURING}


def test_a_state_that_is_cleaned_up_right_after_its_commit_is_a_clear_error(
    runner: Runner, stage: Stage
) -> None:
    scenario = SCENARIOS[1]
    done = kills.steps_of(runner, stage, scenario)
    about = [
        at
        for at, step in enumerate(done, 1)
        if step.startswith(AFTER) and step.endswith((".arrow", ".manifest"))
    ]
    assert len(about) == 2
    ended = Counter[str]()
    for step in about:
        act, table = foreign.append_and_clean_up, "profiles.lance"
        wrong, how = foreign.during(runner, stage, scenario, act, step, 1, table)
        assert wrong == []
        ended[how] += 1
    assert ended["error"]
