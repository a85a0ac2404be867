"""Tables as Parquet files with a Croissant description, which machine-learning libraries load by."""

from __future__ import annotations

from pathlib import Path

from ..describing.about import about
from ..describing.croissant import croissant
from . import parquet
from .beside import PARQUET, described_tables, write_json
from .job import Job

NAME = "croissant.json"


def write(job: Job, path: Path) -> None:
    """Write a Parquet file for each table, then the description."""
    parquet.write(job, path)
    files = described_tables(path, job.tables, ".parquet", PARQUET)
    write_json(path / NAME, croissant(about(job.package, job.tables), files))
