"""Decide a column's type over all of its cells, in however many files they stand, and say why in words."""

from __future__ import annotations

import pyarrow as pa

from .cells import INT64
from .evidence import TEXT, Evidence, Finding

SAID: dict[str, tuple[str, str]] = {
    "text": ("is not a number", "are not numbers"),
    "quoted": ("is text in the manifest", "are text in the manifest"),
    "zeros": ("has leading zeros", "have leading zeros"),
    "plus": ("has a plus sign", "have a plus sign"),
    "blanks": ("is a number with blanks around it", "are numbers with blanks around them"),
    "date": (
        "looks like a date, which only the schema makes one",
        "look like dates, which only the schema makes such",
    ),
    "comma": (
        "has a decimal comma (which dialect: {decimalChar: ','} would read)",
        "have a decimal comma (which dialect: {decimalChar: ','} would read)",
    ),
    "beyond": ("is a whole number beyond 64 bits", "are whole numbers beyond 64 bits"),
    "overflow": ("is too large for a double", "are too large for a double"),
    "inexact": (
        "is a whole number that a double, as the other numbers need, cannot hold",
        "are whole numbers that a double, as the other numbers need, cannot hold",
    ),
}


def decide_type(evidence: Evidence, words_missing: bool = True) -> tuple[pa.DataType, str]:
    """Decide the type, and say why in words.

    `words_missing` is false where the manifest says itself what a missing value is: ``NA`` is then text.

    Examples
    --------
    >>> import numpy as np
    >>> evidence = Evidence()
    >>> evidence.look(pa.array(["005", "042", None]), np.arange(2, 5))
    >>> decided, why = decide_type(evidence)
    >>> str(decided), why
    ('string', 'text, because 2 values have leading zeros, first `005` at :2')
    """
    numbers, bools, words = (evidence.count(name) for name in ("number", "bool", "words"))
    if not evidence.values:
        return pa.null(), "null, because no cell has a value"
    if words and not words_missing:
        return pa.string(), f"text, because {_said(evidence.found['words'], 'text')}"
    because = _why_text(evidence, numbers, bools)
    if because:
        return pa.string(), f"text, because {because}"
    spared = f"; {evidence.found['words'].value} and the like are missing ({words} times)" if words else ""
    if bools:
        return pa.bool_(), f"bool, because {_all(bools, 'true or false', 'true or false')}{spared}"
    if evidence.decimal:
        return pa.float64(), f"double, because {_all(numbers, 'a number', 'numbers')}{spared}"
    if evidence.high is not None and evidence.high in INT64:
        return pa.int64(), f"int64, because {_all(numbers, 'a whole number', 'whole numbers')}{spared}"
    whole = _all(numbers, "a whole number", "whole numbers")
    return pa.uint64(), f"uint64, because {whole}, up to {evidence.high}{spared}"


def _why_text(evidence: Evidence, numbers: int, bools: int) -> str:
    """What forces text; nothing where the cells make numbers or booleans."""
    found = evidence.found
    reasons = [name for name in TEXT if name in found]
    if reasons:
        name = max(reasons, key=evidence.count)
        return _said(found[name], name)
    if numbers and bools:
        fewer = "bool" if bools <= numbers else "number"
        return f"numbers and true/false are mixed ({numbers} and {bools}), {found[fewer].example}"
    if not numbers and not bools:
        return f"all values are words for a missing one, {found['words'].example}"
    if evidence.codes:
        return f"all values are digits, an E and digits, as codes are, {found['number'].example}"
    for name in ("beyond", "overflow"):
        if name in found:
            return _said(found[name], name)
    if evidence.decimal and "inexact" in found:
        return _said(found["inexact"], "inexact")
    low, high = evidence.low, evidence.high
    if not evidence.decimal and low is not None and high is not None and low < 0 and high not in INT64:
        return f"no 64-bit integer holds both its smallest ({low}) and its largest number ({high})"
    return ""


def _said(finding: Finding, name: str) -> str:
    one, many = SAID[name]
    counted = f"1 value {one}" if finding.count == 1 else f"{finding.count} values {many}"
    return f"{counted}, {finding.example}"


def _all(count: int, one: str, many: str) -> str:
    return f"its one value is {one}" if count == 1 else f"its {count} values are {many}"
