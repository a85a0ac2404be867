"""What is exported, and what there is to say of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..manifest import Resource
from ..manifest.normal import parse_recorded
from ..progress import Progress, Step
from ..reader import Package, open_package
from ..report import count_of, size
from ..table import Table

MARKER = "datapkg-export.json"
"""What lies in every folder that an export made: it says what is in it, and that it may be replaced by another."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    `notes` say what the form could not hold as it is in the package, and what became of it.
    """

    path: str
    form: str
    package: str
    version: int
    digest: str
    tables: tuple[str, ...]
    files: int
    bytes: int
    notes: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def __str__(self) -> str:
        files = count_of(self.files, "file", "files")
        head = f"{self.path}: version {self.version} of {self.package} as {self.form}, {files}, {size(self.bytes)}"
        return "\n".join([head, *(f"note      {text}" for text in self.notes)])


@dataclass(slots=True)
class Job:
    """One export on its way: the opened version, and which of its tables are wanted.

    `single` says that the target is a file of one table, `asked` that the tables were named.
    """

    package: Package
    form: str
    dest: Path
    tables: tuple[str, ...]
    single: bool
    asked: bool
    progress: Progress
    notes: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def each(self, names: Sequence[str] | None = None) -> Iterator[Table]:
        """The wanted tables, or those of them that the form can hold, one after the other, each checked first.

        All files of a table are hashed before its rows are read. To check rows one by one as they come would cost more: a
        digest for each image, and the engine for kept files.

        Raises
        ------
        DamageError
            A file is not as it was written.
        """
        checked = open_package(self.package.place, version=self.package.version, verify=True)
        for name in self.tables if names is None else names:
            table = self.package[name]
            self.tell(table, 0)
            checked[name].rows.check()
            yield table
            self.written.append(name)
            self.tell(table, 0)

    def resource(self, table: Table) -> Resource | None:
        """The entry of the manifest with a table's name."""
        record = self.package.record
        manifest = parse_recorded(record.manifest, record.manifest_digest)
        return next((one for one in manifest.resources if one.name == table.name), None)

    def tell(self, table: Table, rows: int) -> None:
        """Say how far the job is: the tables that are done, and so many rows of one."""
        held = self.package.opened.stored_bytes
        part = held.get(table.name, 0) * rows // max(len(table), 1)
        done = sum(held.get(name, 0) for name in self.written) + part
        whole = sum(held.get(name, 0) for name in self.tables)
        self.progress(Step(f"exporting {self.form}", len(self.written), len(self.tables), done, whole))

    def note(self, text: str) -> None:
        """Say something of the export, once."""
        if text not in self.notes:
            self.notes.append(text)

    def leave_marker(self, folder: Path) -> None:
        """Say in a folder what it is."""
        said = {
            "made_by": "datapkg export",
            "form": self.form,
            "package": self.package.name,
            "version": self.package.version,
            "release": self.package.release,
            "digest": self.package.digest,
            "tables": self.written,
            "notes": self.notes,
        }
        (folder / MARKER).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def done(self) -> Exported:
        """What was written."""
        files = [self.dest] if self.dest.is_file() else [one for one in self.dest.rglob("*") if one.is_file()]
        package = self.package
        return Exported(
            str(self.dest),
            self.form,
            package.name,
            package.version,
            package.digest,
            tuple(self.written),
            len(files),
            sum(one.stat().st_size for one in files),
            tuple(self.notes),
            time.monotonic() - self.begun,
        )
