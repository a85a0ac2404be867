"""How to cite a package, as one CITATION.cff."""

from __future__ import annotations

from pathlib import Path

from ..describing.about import about
from ..describing.citation import citation
from .job import Job


def write(job: Job, path: Path) -> None:
    """Write the file."""
    path.write_text(citation(about(job.package, ())), "utf-8")
