r"""Columns from the end of a path: ``{Plate:LT\d+_\d+}/{Well}_{Frame:d}_{Channel}.tif``.

A pattern's parts between slashes stand for the last parts of a path, each of them wholly. What a path says must
follow from the pattern alone, so a path that can be taken apart in two ways is refused instead of being taken
apart greedily: ``{Plate}_{Well}`` on ``LT0001_02_C6`` could mean well ``02_C6`` or well ``C6``.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..addresses import named
from ..errors import ManifestError

COLUMN_TYPES = {"d": "int64", "f": "double"}
MOST_COLUMNS = 50
MOST_STEPS = 2_000_000
"""Names that are used twice can make the search long; a real path needs some dozens of steps."""
LARGEST_INT64 = 2**63 - 1
_WRITTEN = {
    "string": re.compile(r"[^/]+"),
    "int64": re.compile(r"[0-9]{1,255}"),
    "double": re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"),
}

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Literal:
    """Characters that a path must hold as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A column's place in the pattern."""

    name: str
    type: str
    form: re.Pattern[str]
    plain: bool

    def value(self, text: str) -> Value:
        """What `text` means in this column."""
        if self.type == "int64":
            return int(text)
        return float(text) if self.type == "double" else text


Token = Literal | Placeholder


@dataclass(frozen=True, slots=True)
class PathPattern:
    r"""A pattern, checked when it is made.

    ``{Name}`` is one or more characters of one part of the path, as text. ``{Name:d}`` is digits and becomes a
    whole number, so that ``007`` is 7: leave ``:d`` away to keep the text. ``{Name:f}`` is a decimal number.
    Anything else behind the colon is a regular expression that the whole text must match. ``{{`` and ``}}``
    stand for braces. A name that comes twice must say the same both times.

    Parameters
    ----------
    text
        The pattern as the manifest has it.

    Raises
    ------
    ManifestError
        The pattern cannot be understood.

    Examples
    --------
    >>> pattern = PathPattern(r"{Plate:LT\d+_\d+}/{Well}_{Frame:d}.tif")
    >>> pattern.columns
    {'Plate': 'string', 'Well': 'string', 'Frame': 'int64'}
    >>> pattern.match("screen/LT0001_02/C6_007.tif")
    {'Plate': 'LT0001_02', 'Well': 'C6', 'Frame': 7}
    """

    text: str
    _tokens: tuple[Token, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tokens", tuple(_tokens(unicodedata.normalize("NFC", self.text))))

    @property
    def columns(self) -> dict[str, str]:
        """Column name to type: ``string``, ``int64`` (``:d``) or ``double`` (``:f``), in order of appearance."""
        return {token.name: token.type for token in self._tokens if isinstance(token, Placeholder)}

    def match(self, path: str) -> dict[str, Value]:
        """Take the columns' values for `path` from its end.

        Raises
        ------
        ManifestError
            The path matches in no way, or in two.
        """
        path = unicodedata.normalize("NFC", named(path))
        depth = 1 + sum(token.text.count("/") for token in self._tokens if isinstance(token, Literal))
        ways = _Search(self._tokens, "/".join(path.split("/")[-depth:]), self.text).ways()
        if not ways:
            fix = "change the pattern, or leave the file out with exclude"
            raise ManifestError(f"the end of this path does not match the pattern {self.text!r}", path, fix)
        if len(ways) == 2:
            raise self._ambiguous(path, ways)
        found = dict(ways[0])
        values = {name: found[name] for name in self.columns}
        for name, value in values.items():
            if (isinstance(value, int) and value > LARGEST_INT64) or value == float("inf"):
                fix = f"write {{{name}}} to keep it as text"
                raise ManifestError(f"{name} is too large for a number", path, fix)
        return values

    def _ambiguous(self, path: str, ways: list[Way]) -> ManifestError:
        one, other = (dict(way) for way in ways)
        shown = [", ".join(f"{name} = {way[name]}" for name in way) for way in (one, other)]
        name = next((name for name in one if one[name] != other[name]), next(iter(one)))
        return ManifestError(
            f"this path matches the pattern {self.text!r} in two ways: {shown[0]}; or {shown[1]}",
            path,
            f"say what {name} may hold with a regular expression, such as {{{name}:[^_]+}}",
        )


Way = tuple[tuple[str, Value], ...]


class _Search:
    """Finds up to two ways to lay a pattern's tokens over a text.

    What can follow depends only on the token, the position, and the values of names that come again, so each such
    state is solved once: without the memory a long name with many separators would take forever.
    """

    def __init__(self, tokens: tuple[Token, ...], text: str, pattern: str) -> None:
        self.tokens, self.text, self.pattern = tokens, text, pattern
        self.solved: dict[tuple[int, int, Way], list[Way]] = {}
        last = {token.name: at for at, token in enumerate(tokens) if isinstance(token, Placeholder)}
        self.steps = 0
        self.still_needed = [{name for name, end in last.items() if end > at} for at in range(len(tokens))]

    def ways(self) -> list[Way]:
        return self.rest(0, 0, ())

    def rest(self, at: int, start: int, known: Way) -> list[Way]:
        """Up to two ways to match the tokens from `at` on with the text from `start` on."""
        if at == len(self.tokens):
            return [()] if start == len(self.text) else []
        token = self.tokens[at]
        if isinstance(token, Literal):
            if not self.text.startswith(token.text, start):
                return []
            return self.rest(at + 1, start + len(token.text), known)
        state = (at, start, known)
        if state not in self.solved:
            self.solved[state] = self.through(token, at, start, known)
        return self.solved[state]

    def through(self, token: Placeholder, at: int, start: int, known: Way) -> list[Way]:
        """Up to two ways where the placeholder `at` begins at `start`."""
        found: list[Way] = []
        before = dict(known)
        for end in self.ends(at, start):
            self.count_step()
            text = self.text[start:end]
            if not token.form.fullmatch(text):
                continue
            value = token.value(text)
            if token.name in before and before[token.name] != value:
                continue
            here = (token.name, value)
            needed = self.still_needed[at]
            kept = known if token.name in before else (*known, here)
            for way in self.rest(at + 1, end, tuple(pair for pair in kept if pair[0] in needed)):
                whole = way if token.name in dict(way) else (here, *way)
                if whole not in found:  # 0 and 12, of "0012", can be cut in two places
                    found.append(whole)
                if len(found) == 2:
                    return found
        return found

    def count_step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            fix = "give the columns regular expressions, such as {Well:[A-P][0-9]+}"
            raise ManifestError(f"the pattern {self.pattern!r} is too vague to be tried out", self.text, fix)

    def ends(self, at: int, start: int) -> Iterator[int]:
        """Where the placeholder `at` may end: before what follows, and never beyond a slash."""
        slash = self.text.find("/", start)
        limit = len(self.text) if slash < 0 else slash
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if following is None:
            yield limit
        elif isinstance(following, Literal):
            end = self.text.find(following.text, start)
            while 0 <= end <= limit:
                yield end
                end = self.text.find(following.text, end + 1)
        else:
            yield from range(start, limit + 1)


def _tokens(text: str) -> Iterator[Token]:
    """Take a pattern apart. Neighbouring literal characters become one token."""
    seen: dict[str, Placeholder] = {}
    literal, at = "", 0
    while at < len(text):
        if text[at : at + 2] in ("{{", "}}"):
            literal, at = literal + text[at], at + 2
        elif text[at] == "{":
            end = _closing(text, at)
            if literal:
                yield Literal(literal)
            literal = ""
            yield _placeholder(text, text[at + 1 : end], seen)
            at = end + 1
        else:
            literal, at = literal + _literal_character(text, at), at + 1
    if literal:
        yield Literal(literal)
    _check_whole(text, len(seen))


def _check_whole(text: str, columns: int) -> None:
    if not columns:
        raise ManifestError(
            f"the pattern {text!r} names no column", fix="write a column as {Well}, or leave pattern out"
        )
    if columns > MOST_COLUMNS:
        raise ManifestError(f"the pattern names {columns} columns; {MOST_COLUMNS} are the most")
    if text.startswith("/") or text.endswith("/"):
        raise ManifestError(
            f"the pattern {text!r} begins or ends with /",
            fix="a pattern describes the end of a path, with the file's name: leave the / away",
        )


def _literal_character(text: str, at: int) -> str:
    character = text[at]
    if character == "}":
        fix = "write }} for a brace that belongs to the name"
        raise ManifestError(
            f"the pattern {text!r} has a }} that closes nothing (character {at + 1})", fix=fix
        )
    if character == "\\":
        fix = "write / between folders; regular expressions stand inside of braces, as in {Well:[A-P]\\d+}"
        raise ManifestError(f"the pattern {text!r} has a backslash outside of braces", fix=fix)
    if character == "*":
        fix = "where anything may stand write a column, such as {Rest}"
        raise ManifestError(f"the pattern {text!r} has a *, but a pattern has no wildcards", fix=fix)
    if text[at : at + 2] == "//":
        raise ManifestError(f"the pattern {text!r} has an empty part: //", fix="write a single /")
    return character


def _closing(text: str, opening: int) -> int:
    r"""The position of the brace that ends the placeholder; a regular expression may hold ``{2}``, ``\}``, ``[}]``."""
    depth, at, in_set = 0, opening, False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif in_set:
            in_set = character != "]"
        elif character == "[" and depth:
            in_set = True
            at += text[at + 1 : at + 2] == "^"
            at += text[at + 1 : at + 2] == "]"
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise ManifestError(
        f"the pattern {text!r} has a {{ that is never closed (character {opening + 1})",
        fix="close it with }, or write {{ for a brace that belongs to the name",
    )


def _placeholder(text: str, inside: str, seen: dict[str, Placeholder]) -> Placeholder:
    name, colon, form = inside.partition(":")
    if not name or name != name.strip() or any(c in "{}/\\" for c in name) or not name.isprintable():
        raise ManifestError(
            f"the pattern {text!r} has a column without a proper name: {{{inside}}}",
            fix="write {Well}, {Frame:d}, or {Plate:LT[0-9]+} with the regular expression behind the colon",
        )
    if colon and not form:
        fix = f"write {{{name}}}, or a regular expression behind the colon"
        raise ManifestError(f"the pattern {text!r} says nothing behind the colon of {name}", fix=fix)
    type_ = COLUMN_TYPES.get(form, "string")
    plain = not colon
    compiled = _WRITTEN[type_] if plain or form in COLUMN_TYPES else _regex(text, name, form)
    made = Placeholder(name, type_, compiled, plain)
    first = seen.setdefault(name, made)
    if plain:
        return first
    if made.type != first.type or made.form.pattern != first.form.pattern:
        fix = f"say it where {name} stands first, and write just {{{name}}} after that"
        raise ManifestError(f"the pattern {text!r} declares {name} in two ways", fix=fix)
    return made


def _regex(text: str, name: str, form: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(form)
    except (re.error, OverflowError, RecursionError) as error:
        what = f"the pattern {text!r} has a regular expression for {name} that is not one: {error}"
        raise ManifestError(what, fix=f"mend {form!r}") from None
    if compiled.groups:
        raise ManifestError(
            f"the pattern {text!r} has a group ( ) in the regular expression for {name}",
            fix="write (?: instead of (, or \\( for the character",
        )
    return compiled
