"""A sample of the campaign `full_disk`: a clear error, and earlier versions are whole."""

from __future__ import annotations

import pytest
from campaigns import full_disk, steps

TRIALS = 12


@pytest.mark.skipif(not steps.WORKS, reason="builds are forked, as only Linux allows")
def test_a_full_disk_harms_no_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert full_disk.main(TRIALS) == 0, capfd.readouterr().out
    assert "limited files: error" in capfd.readouterr().out
