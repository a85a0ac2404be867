"""What a data repository asks of its CI: the manifest is right, the lock holds, the package is whole, and what changed.

`ci` is `check`, `build --locked`, `verify` and a comparison with the last release, in one command that a workflow or a
commit hook can run. It writes nothing beside the manifest; the package goes into a folder that is removed, unless one is
named.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .builder import build
from .checking import check
from .differ import Diff, diff, last_release
from .differ.markdown import escaped, fenced
from .errors import DatapkgError, LockedError, ManifestError, VersionError
from .progress import Progress, silent
from .reader import Package, open_package
from .report import aligned
from .verifying import verify

PASSED, FOUND, FAILED = 0, 1, 2
"""How a step ended, as the exit status of its own command says it."""
WORDS = {PASSED: "passed", FOUND: "not as it should be", FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class Step:
    """One command that was run: its exit status, and what it said."""

    name: str
    status: int
    said: str


@dataclass(slots=True, repr=False)
class CIReport:
    """What `ci` found. It prints as what the command line prints."""

    steps: list[Step] = field(default_factory=list)
    difference: Diff | None = None
    text: str = ""
    markdown: str = ""
    """The comparison, written while both packages were there."""

    @property
    def ok(self) -> bool:
        """Whether every step passed. A difference from the last release is none of them."""
        return self.status == PASSED

    @property
    def status(self) -> int:
        """The exit status: 0 all passed, 1 something is not as it should be, 2 an error."""
        return max(step.status for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        steps = [{"name": step.name, "status": step.status, "said": step.said} for step in self.steps]
        return {"ok": self.ok, "steps": steps, "difference": self.text or None}

    def as_markdown(self) -> str:
        """The report as Markdown, for the summary of a workflow or a comment below a pull request."""
        head = ["| step | |", "| --- | --- |"]
        rows = [f"| {escaped(step.name)} | {WORDS[step.status]} |" for step in self.steps]
        said = [f"#### {step.name}\n\n{fenced(step.said.splitlines())}" for step in self.steps if step.status]
        return "\n\n".join(["\n".join(head + rows), *said, self.markdown]).rstrip() + "\n"

    def __str__(self) -> str:
        lines = list(aligned([(step.name, WORDS[step.status]) for step in self.steps]))
        for step in self.steps:
            if step.status:
                lines += ["", step.said]
        return "\n".join([*lines, *(["", self.text] if self.text else [])])

    __repr__ = __str__


def ci(
    manifest: str | Path,
    package: str | Path | None = None,
    *,
    against: str | Path | None = None,
    root: str | Path | None = None,
    allow: Mapping[str, str | Path] | None = None,
    workers: int | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> CIReport:
    """Check a manifest, build it held to its lock, verify the package, and compare it with the last release.

    Parameters
    ----------
    manifest
        The YAML file; its lock stands beside it.
    package
        Where to build; by default a folder that is removed at the end.
    against
        A published package: the new one is compared with its last release, or with its newest version where it has none.
    root, allow, workers
        As for `build`.
    storage_options
        For packages in object stores, as for `build`.

    Returns
    -------
    The steps and how each ended, with the comparison. Steps after one that did not pass are not run.

    Raises
    ------
    ManifestError
        The manifest cannot be read at all.
    StoreError
        There is no package at `against`.
    """
    published = None if against is None else _last_release(against, storage_options)
    report = CIReport()
    with _folder(package) as target:
        try:
            checked = check(manifest, root, allow)
        except ManifestError as error:
            if not error.mistakes:
                raise
            report.steps.append(Step("check", FOUND, str(error)))
            return report
        report.steps.append(Step("check", PASSED, str(checked)))
        try:
            built = build(
                manifest, target, locked=True, root=root, allow=allow, workers=workers, progress=progress,
                storage_options=storage_options,
            )  # fmt: skip
        except DatapkgError as error:
            status = FOUND if isinstance(error, LockedError) else FAILED
            report.steps.append(Step("build --locked", status, str(error)))
            return report
        report.steps.append(Step("build --locked", PASSED, str(built)))
        opened = open_package(target, storage_options=storage_options)
        verified = verify(opened.place, version=opened.version)
        report.steps.append(Step("verify", PASSED if verified.ok else FOUND, str(verified)))
        if published is not None:
            _compare(report, published, opened)
    return report


def _compare(report: CIReport, published: Package, built: Package) -> None:
    """Write the comparison down while both packages are there."""
    found = diff(built, published)
    named = f"release {published.release}" if published.release else f"version {published.version}"
    title = f"{published.uri}: {named} -> this build"
    report.difference, report.text, report.markdown = found, found.as_text(title), found.as_markdown(title)


def _last_release(address: str | Path, storage_options: Mapping[str, Any] | None) -> Package:
    newest = open_package(address, storage_options=storage_options)
    try:
        return last_release(newest)
    except VersionError:
        return newest


@contextmanager
def _folder(package: str | Path | None) -> Iterator[str | Path]:
    if package is not None:
        yield package
        return
    with tempfile.TemporaryDirectory(prefix="datapkg-ci-") as folder:
        yield Path(folder) / "built.datapkg"
