"""A sample of the campaign `foreign`: what other programs do to the tables changes no version."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from campaigns import foreign, steps
from campaigns.runner import Runner
from campaigns.states import Stage

DURING = 10

pytestmark = pytest.mark.skipif(not steps.WORKS, reason="only Linux lets a build be paused at a step")


def test_other_programs_change_no_version(tmp_path: Path) -> None:
    seen = Counter[str]()
    with Runner() as runner:
        for how, wrong in foreign.trials(runner, Stage(tmp_path), DURING):
            assert wrong == []
            seen[how.partition(",")[0]] += 1
    assert seen == {"between": len(foreign.ACTS), "during": DURING}
