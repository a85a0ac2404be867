"""What a copy did, for people and for programs."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from ..places import Place
from ..records import Record
from ..report import size
from .carrying import Carried


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: `versions` and `releases` that are new at `dest`, and what that took.

    `version` and `digest` are those of the newest version that was asked for.
    """

    source: str
    dest: str
    name: str
    version: int
    digest: str
    versions: tuple[int, ...]
    releases: tuple[str, ...]
    files: int
    bytes: int
    notes: tuple[str, ...]
    seconds: float

    @classmethod
    def of(cls, record: Record, source: Place, target: Place, done: Carried, started: float) -> Copied:
        """The outcome of a copy that began at `started` (of the monotonic clock)."""
        return cls(
            source.uri,
            target.uri,
            record.name,
            record.version,
            record.digest,
            done.versions,
            done.releases,
            done.files,
            done.bytes,
            done.notes,
            time.monotonic() - started,
        )

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        told = ", ".join(map(str, self.versions))
        lines = [f"{self.dest}: version {told} of {self.name} copied" if told else f"{self.dest}: up to date"]
        lines += [f"release {', '.join(self.releases)}"] if self.releases else []
        if self.files:
            rate = self.bytes / 1e6 / max(self.seconds, 1e-3)
            lines.append(
                f"{self.files:,} files, {size(self.bytes)} in {self.seconds:.1f} s ({rate:.1f} MB/s)"
            )
        return "\n".join([*lines, *self.notes, f"digest {self.digest}"])
