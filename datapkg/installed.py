"""Which versions of distributions are installed."""

from __future__ import annotations

from functools import cache


@cache
def version_of(distribution: str) -> str:
    """The version of an installed distribution, looked up once: what is loaded does not change while a process runs."""
    from importlib.metadata import version

    return version(distribution)
