"""The files that stand beside a description, with their sizes and sha256, and the description as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..describing.about import DescribedFile

PARQUET = "application/vnd.apache.parquet"


def described_tables(
    folder: Path, tables: Sequence[str], suffix: str, media_type: str
) -> list[DescribedFile]:
    """The files of exported tables; a table that the form could not hold has none."""
    found = []
    for table in tables:
        path = folder / f"{table}{suffix}"
        if path.exists():
            found.append(DescribedFile(path.name, path.stat().st_size, sha256(path), media_type, table))
    return found


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a description."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
