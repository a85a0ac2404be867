"""A package as schema.org's Dataset, to be put into the page that offers it."""

from __future__ import annotations

from pathlib import Path

from ..describing.about import about
from ..describing.schema_org import schema_org
from .beside import write_json
from .job import Job


def write(job: Job, path: Path) -> None:
    """Write the file."""
    write_json(path, schema_org(about(job.package, ())))
