"""An attempt to make a version: room for what it writes, and nothing half-made behind it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from .places import Place, storage_errors


@contextmanager
def attempt_in(package: Place) -> Iterator[str]:
    """Make room for an attempt and give it a name; whatever happens, leave nothing half-made."""
    attempt = uuid.uuid4().hex
    with storage_errors(package.uri):
        package.begin(attempt)
    try:
        yield attempt
    finally:
        package.end(attempt)
