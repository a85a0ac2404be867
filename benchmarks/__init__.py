"""Benchmarks: each module is a command, ``python -m benchmarks.NAME``.

Programs are timed as users run them, with their bytecode kept: without it each process compiles every module again, some tenths of a second.
"""

import os

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
