"""What must hold of a package, whatever happened to it."""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import datapkg
from datapkg import leftovers, reclaiming, versions
from datapkg.lock import lock_path
from datapkg.places import place
from datapkg.reclaiming import Rules

YEAR_S = 365 * 86400.0


@dataclass(frozen=True)
class Expected:
    """What a build of one state gives: digests, facts, the release's name, the lock's bytes."""

    digest: str
    facts: str
    tables: tuple[tuple[str, str, int], ...]
    release: str
    lock: bytes


def expected_of(package: Path, data: Path) -> Expected:
    """What the newest version of an undisturbed build holds; the lock stands beside the manifest in `data`."""
    record = versions.read_record(place(package), versions.numbers(place(package))[-1])
    (release,) = versions.releases(place(package))
    return Expected(*_content(record), release, lock_path(data / "manifest.yaml").read_bytes())


def faults(package: Path | str, first: Sequence[Expected]) -> Iterator[str]:
    """What is wrong with a package whose first versions are known; it may have others after them."""
    have = versions.numbers(place(package))
    if have[: len(first)] != [*range(1, len(first) + 1)]:
        yield f"versions {have} where {len(first)} were made"
        return
    if have and not (found := datapkg.verify(package, deep=True)).ok:
        yield f"damaged: {found}"
        return
    for number, expected in enumerate(first, 1):
        if _content(versions.read_record(place(package), number)) != _content(expected):
            yield f"version {number} holds something else than what it held"


def gathered(found: Iterator[str]) -> list[str]:
    """All that was found; what ends the search is found too."""
    said = []
    try:
        said.extend(found)  # keeps what came before an error
    except Exception:  # noqa: BLE001 - a campaign goes on, and tells at its end
        said.append(traceback.format_exc())
    return said


def is_newest(package: Path | str, expected: Expected) -> bool:
    """Whether the newest version is what an undisturbed build would have made."""
    have = versions.numbers(place(package))
    return bool(have) and _content(versions.read_record(place(package), have[-1])) == _content(expected)


def completes(ask: dict[str, str], number: int, expected: Expected, release: int) -> Iterator[str]:
    """What is wrong after building once more: it must give version `number`, and be done then.

    `release` is the version that has the state's release name.
    """
    package, manifest = ask["package"], Path(ask["manifest"])
    datapkg.status(manifest, package, root=ask["root"])
    report = _build(ask)
    if report.version != number or not is_newest(package, expected):
        yield f"the next build made version {report.version} with {report.digest}: {report}"
    if _build(ask).created or not datapkg.status(manifest, package, root=ask["root"]).ok:
        yield "after the next build there is still something to do"
    named = versions.releases(place(package))
    if named.get(expected.release) != release:
        yield f"release {expected.release} is not version {release}: {named}"
    if lock_path(manifest).read_bytes() != expected.lock:
        yield "the lock is another one than an undisturbed build's"
    described = json.loads(place(package).read("datapackage.json"))
    if [table["name"] for table in described["resources"]] != [name for name, _, _ in expected.tables]:
        yield "datapackage.json describes other tables"


def reclaimed(package: Path | str) -> Iterator[str]:
    """What is left a year later, and should not be, after everything that no version needs was given back."""
    lies = place(package)
    rules = Rules(None, None, timedelta(hours=24))
    reclaiming._gc(lies, str(package), rules, dry_run=False, now=time.time() + YEAR_S)
    names = [entry.name for entry in lies.entries()]
    if not versions.numbers(lies):
        if names:
            yield f"gc left {names} where no build was finished"
        return
    found = datapkg.verify(package)
    if found.unused:
        yield f"gc left {found.unused}"
    strange = [name for name in names if re.search(r"(^|/)\.|#", name)]
    if strange or lies.stagings():
        yield f"gc left {strange} and {lies.stagings()}"


def reclaimable(package: Path | str) -> bool:
    """Whether gc has something to do with what a build left that was perhaps stopped before it wrote anything."""
    return bool(versions.numbers(place(package))) or leftovers.abandoned(place(package))


def _build(ask: dict[str, str]) -> Any:
    return datapkg.build(**ask, engine="inline", allow_removals=True)  # type: ignore[arg-type]


def _content(held: Any) -> tuple[str, str, tuple[tuple[str, str, int], ...]]:
    if isinstance(held, Expected):
        return held.digest, held.facts, held.tables
    return held.digest, held.facts, tuple((table.name, table.digest, table.rows) for table in held.tables)
