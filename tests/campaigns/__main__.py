"""Run a campaign in full, or all: ``python -m tests.campaigns flips 2000``, ``python -m tests.campaigns all``."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

CAMPAIGNS = ("kills", "buckets", "power", "builders", "foreign", "full_disk", "edits", "flips")

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the tests' own modules are
    name, *counts = sys.argv[1:]
    failed = 0
    for one in CAMPAIGNS if name == "all" else (name,):
        started = time.monotonic()
        failed += import_module(f"campaigns.{one}").main(*map(int, counts))
        print(f"{one}: {time.monotonic() - started:.0f} s", flush=True)
    sys.exit(1 if failed else 0)
