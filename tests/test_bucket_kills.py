"""A sample of the campaign `buckets`: a first build into a bucket that is killed before a change of it."""

from __future__ import annotations

import pytest
import stores
from campaigns import buckets, steps
from campaigns.buckets import IN_BUCKETS
from campaigns.runner import Runner
from campaigns.states import Stage

BEFORE = ("wells.lance/_refs/tags", "frames.lance/_refs/tags", "versions/1.json")

pytestmark = pytest.mark.skipif(not steps.WORKS, reason="builds are forked, as only Linux allows")


def test_a_first_build_that_is_killed_in_a_bucket_does_not_block_it(
    runner: Runner, stage: Stage, moto: stores.ObjectStore
) -> None:
    with buckets.buckets(stage, runner, moto) as there:
        for about in BEFORE:
            assert there.killed_at(IN_BUCKETS[0], about) == []
            assert about in there.gate.steps[-1]
