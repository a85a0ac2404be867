"""Run a campaign in full: ``python -m tests.campaigns flips 2000``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the tests' own modules are
    name, *counts = sys.argv[1:]
    sys.exit(import_module(f"campaigns.{name}").main(*map(int, counts)))
