"""Tables as Parquet files in an RO-Crate, for archives and workflow systems."""

from __future__ import annotations

from pathlib import Path

from ..describing.about import about
from ..describing.ro_crate import NAME, ro_crate
from . import parquet
from .beside import PARQUET, described_tables, write_json
from .job import Job


def write(job: Job, path: Path) -> None:
    """Write a Parquet file for each table, then the crate's metadata; what it must say is asked for first."""
    said = about(job.package, job.tables)
    ro_crate(said, [])
    parquet.write(job, path)
    write_json(path / NAME, ro_crate(said, described_tables(path, job.tables, ".parquet", PARQUET)))
