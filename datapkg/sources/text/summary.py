"""The evidence of a whole file as one short text, and the sum of many such texts.

Ten thousand files of six hundred columns show six million columns. So a file's evidence is packed column by column
into compressed JSON of a few kilobytes, and is added up without an object for each.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence, Finding

LEVEL = 6


def packed(names: Sequence[str], evidence: Sequence[Evidence]) -> str:
    """Pack a file's evidence, column by column."""
    findings: dict[str, tuple[list[int], list[int], list[str], list[int]]] = {}
    for at, one in enumerate(evidence):
        for name, finding in one.found.items():
            columns, counts, values, lines = findings.setdefault(name, ([], [], [], []))
            columns.append(at)
            counts.append(finding.count)
            values.append(finding.value)
            lines.append(finding.line)
    ranges = [
        (at, one.low, one.high) for at, one in enumerate(evidence) if one.low is not None and not one.decimal
    ]
    looked = {
        "values": [one.values for one in evidence],
        "missing": [one.missing for one in evidence],
        "decimal": [int(one.decimal) for one in evidence],
        "codes": [int(one.codes) for one in evidence],
        "ranges": [list(part) for part in zip(*ranges, strict=True)],
        "found": dict(sorted(findings.items())),  # the order in which a file showed them does not count
    }
    text = "\n".join(json.dumps(part, separators=(",", ":")) for part in (list(names), looked))
    return base64.b64encode(zlib.compress(text.encode(), LEVEL)).decode()


class Unpacker:
    """Unpacks files' evidence; files with the same header share its names."""

    def __init__(self) -> None:
        self._headers: dict[str, tuple[str, ...]] = {}

    def names(self, given: str) -> tuple[str, ...]:
        """The file's columns."""
        return self._parts(given)[0]

    def _parts(self, given: str) -> tuple[tuple[str, ...], str]:
        header, _, looked = zlib.decompress(base64.b64decode(given)).decode().partition("\n")
        if header not in self._headers:
            self._headers[header] = tuple(json.loads(header))
        return self._headers[header], looked

    def unpack(self, given: str) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The file's columns, and what they showed."""
        names, looked = self._parts(given)
        return names, json.loads(looked)


@dataclass(slots=True)
class _Findings:
    """One kind of finding in all columns: counts, and the first example of each."""

    counts: NDArray[np.int64]
    first: dict[int, tuple[str, int, str]] = field(default_factory=dict)


class Summary:
    """The evidence of many files added up, in manifest order."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._at = {name: at for at, name in enumerate(self._names)}
        self._columns: dict[tuple[str, ...], NDArray[np.int64]] = {}
        size = len(self._names)
        self._values, self._missing = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self._decimal, self._codes = np.zeros(size, bool), np.ones(size, bool)
        self._low: dict[int, int] = {}
        self._high: dict[int, int] = {}
        self._found: dict[str, _Findings] = {}

    def add(self, path: str, names: tuple[str, ...], looked: dict[str, Any]) -> None:
        """Add the evidence of the file after those so far."""
        if names not in self._columns:
            self._columns[names] = np.array([self._at[name] for name in names], np.int64)
        columns = self._columns[names]
        self._values[columns] += np.array(looked["values"], np.int64)
        self._missing[columns] += np.array(looked["missing"], np.int64)
        self._decimal[columns] |= np.array(looked["decimal"], bool)
        self._codes[columns] &= np.array(looked["codes"], bool)
        for at, low, high in zip(*looked["ranges"], strict=True):
            column = int(columns[at])
            self._low[column] = min(low, self._low.get(column, low))
            self._high[column] = max(high, self._high.get(column, high))
        for name, (where, counts, values, lines) in looked["found"].items():
            found = self._found.setdefault(name, _Findings(np.zeros(len(self._names), np.int64)))
            here = columns[where]
            new = np.flatnonzero(found.counts[here] == 0).tolist()
            found.counts[here] += np.array(counts, np.int64)
            for i in new:
                found.first[int(here[i])] = values[i], lines[i], path

    def evidence(self) -> dict[str, Evidence]:
        """Each column's evidence."""
        total = {}
        for at, name in enumerate(self._names):
            found = {
                kind: Finding(int(findings.counts[at]), *findings.first[at])
                for kind, findings in self._found.items()
                if at in findings.first
            }
            total[name] = Evidence(
                values=int(self._values[at]),
                missing=int(self._missing[at]),
                decimal=bool(self._decimal[at]),
                codes=bool(self._codes[at]),
                low=self._low.get(at),
                high=self._high.get(at),
                found=found,
            )
        return total
