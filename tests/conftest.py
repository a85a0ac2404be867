"""Fixtures that every test file may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no clock", deadline=None)  # other work on the machine must fail no test
settings.load_profile("no clock")

PROJECT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("DATAPKG_SHARED", PROJECT.parent / "shared")) / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files; where it is absent a test is skipped, but in CI it fails."""
    if not SHARED.is_dir():
        reason = f"the real files are not at {SHARED}; set DATAPKG_SHARED to the folder that holds data/"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED
