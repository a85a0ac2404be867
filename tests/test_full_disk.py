"""A sample of the campaign `full_disk`: a clear error, and earlier versions are whole."""

from __future__ import annotations

import pytest
from campaigns import full_disk, steps
from campaigns.states import Stage

TRIALS = 4


@pytest.mark.skipif(not steps.WORKS, reason="builds are forked, as only Linux allows")
def test_a_full_disk_harms_no_version(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    assert full_disk.on_small_disk(TRIALS, stage) == 0, capfd.readouterr().out
    assert "limited files: error" in capfd.readouterr().out
