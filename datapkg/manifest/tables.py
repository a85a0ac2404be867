"""The tables that a manifest makes, as far as it says so itself: the names inside of a movie are not known before it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

CH5_PARTS = "objects|feature_names|classes|tracks|channels|regions|layout|attributes|features_.+"


def entries(data: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings in a list of mappings, each with its position."""
    listed = data.get(key)
    for at, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict):
            yield at, entry


def known_tables(data: dict[str, Any]) -> dict[str, str]:
    """The names of the tables that are known from the manifest alone, each with its type."""
    made = {
        entry["name"]: str(entry.get("type"))
        for _, entry in entries(data, "resources")
        if isinstance(entry.get("name"), str)
    }
    derived = (entry.get("into") for _, entry in entries(data, "derive"))
    return {**dict.fromkeys((name for name in derived if isinstance(name, str)), "derived"), **made}


def is_table(name: str, tables: dict[str, str]) -> bool:
    return name in tables or any(makes(resource, kind, name) for resource, kind in tables.items())


def makes(resource: str, kind: object, table: str) -> bool:
    """Whether a resource makes a table of that name beside the one with its own name."""
    ending = {"images": "files", "ch5": CH5_PARTS}.get(str(kind))
    return bool(ending and re.fullmatch(f"{re.escape(resource)}_({ending})", table, re.IGNORECASE))
