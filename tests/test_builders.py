"""A sample of the campaign `builders`: builds of one package at the same time."""

from __future__ import annotations

import pytest
from campaigns import builders, steps
from campaigns.runner import Runner
from campaigns.states import Stage

ROUNDS = 4

pytestmark = pytest.mark.skipif(not steps.WORKS, reason="builds are forked, as only Linux allows")


def test_one_of_several_builders_wins_each_number(runner: Runner, stage: Stage) -> None:
    for scenario, states in builders.rounds(ROUNDS):
        assert builders.round_of(runner, stage, scenario, states)[0] == []
