"""YAML's own errors in words that help: where the mistake is, and what people mostly did."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from .mistakes import Place

Explained = tuple[Place, str, str]
QUOTE = "put the whole value in quotes"
INDENT = "keys of one mapping begin in the same column; indent with spaces"


def explain(error: YAMLError, text: str) -> Explained:
    """Place, what, and fix for an error of the YAML parser."""
    if isinstance(error, ReaderError):
        return _character(error, text)
    if not isinstance(error, MarkedYAMLError):
        return (1, 1), f"this is not YAML ({error})", ""
    problem, context = str(error.problem or ""), str(error.context or "")
    place, opened = _place(error.problem_mark), _place(error.context_mark)
    if "end of stream" in problem and "quoted" in context:
        return (
            opened,
            "a quote is opened here and never closed",
            "close it; a quote in a text is written twice",
        )
    if "flow" in context:
        return _flow(problem, context, place, opened)
    if "found unknown escape" in problem or "expected escape sequence" in problem:
        what = "a backslash in double quotes begins an escape, and this is none"
        return place, what, "write \\\\ for a backslash, or single quotes; between folders write /"
    if "cannot start any token" in problem:
        return place, *_first_character(problem)
    if "mapping values are not allowed" in problem:
        return (
            place,
            "a second ': ' stands here",
            f"{QUOTE}, if it is a text; else mend the indentation; a space stands behind each key's colon",
        )
    if "sequence entries are not allowed" in problem:
        return place, "a list begins here, behind its key", "begin it on the next line, or write [a, b]"
    if "expected <block end>" in problem or "expected the node content" in problem:
        return place, *_block(problem)
    if "simple key" in problem or "could not find expected ':'" in problem:
        return opened if error.context_mark else place, "this line is no `key: value`", "write `key: value`"
    if "alias" in context or "anchor" in context:
        return opened, "text that begins with * or & must stand in quotes", 'write it as in "*.tif"'
    said = problem or context or "it cannot be understood"
    return place, f"this is not YAML: {said}", INDENT


def _flow(problem: str, context: str, place: Place, opened: Place) -> Explained:
    """Mistakes inside of [ ] and { }."""
    closing = "]" if "sequence" in context else "}"
    if "stream end" in problem and "node" not in context:
        return opened, f"this bracket is never closed with {closing}", f"add {closing}"
    if "stream end" in problem:
        return place, "the file ends inside of brackets", "close every [ with ] and every { with }"
    what = f"inside of brackets a comma or {closing} must stand here"
    return (
        place,
        what,
        f"separate the entries with commas, close with {closing}, and {QUOTE} with brackets in it",
    )


def _first_character(problem: str) -> tuple[str, str]:
    found = re.search(r"found character '(.*)' that", problem)
    character = found[1] if found else ""
    if character in ("\\t", "\t"):
        return "a tab may not indent a line", "indent with spaces"
    if character == "@":
        return "text that begins with @ must stand in quotes", 'write "@plates/*.tif"'
    return f"text may not begin with {character}", QUOTE


def _block(problem: str) -> tuple[str, str]:
    found = re.search(r"found '(.*)'", problem)
    got = found[1] if found else ""
    if got in (",", "]", "}"):
        return f"text may not begin with {got}", QUOTE
    if got in ("<scalar>", "{", "["):
        return (
            "the value has ended before this",
            f"{QUOTE}: a text that begins with {{, [ or a quote needs them",
        )
    if got == "-":
        return "a list entry (-) stands in an unexpected column", "begin all - of a list in the same column"
    return "this line begins in an unexpected column", INDENT


def _character(error: Any, text: str) -> Explained:
    before = text[: error.position]
    place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    code = error.character if isinstance(error.character, int) else ord(error.character)
    return (
        place,
        f"the character U+{code:04X} may not stand in YAML",
        "remove it; it cannot be seen in an editor",
    )


def _place(mark: Any) -> Place:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
