"""Guess the pattern that names of files follow, such as ``{Plate}/{Well}_{Frame:d}_{Channel}.tif``.

Names are cut at their delimiters, then at each change between letters and digits. What is the same in all names
stays as it is; what differs becomes a column, named by how it looks. A guess counts only if it takes every path
apart, and in one way: `datapkg.manifest.pattern` decides that, as it does in a build.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ManifestError
from ..manifest.pattern import PathPattern, Value
from . import words
from .globs import shared_start, suffix

CUTS = (r"([_\-. ]+)", r"(_+)", r"(-+)", r"(\Z)")
"""The first that cuts all names alike; channel names may hold a delimiter (``Alexa-488``)."""
CONTEXT = ("Plate", "Well", "Site", "Frame", "Channel", "Row")
"""Beside one of these, a bare number is a frame or a site."""
MOST_CHANNELS = 12
LONG_NUMBER = 6


@dataclass(slots=True)
class Piece:
    """A part of all names: its text in each, what it is, and the letters before it where it is a number."""

    texts: Sequence[str]
    role: str = ""
    label: str = ""

    @property
    def fixed(self) -> bool:
        """Whether it is the same in all names."""
        return len(set(self.texts)) == 1

    @property
    def number(self) -> bool:
        """Whether it is digits in all names."""
        return all(text.isdecimal() and text.isascii() for text in self.texts)


@dataclass(frozen=True, slots=True)
class Guess:
    """A pattern that fits all paths, and what it makes of the first one."""

    pattern: str
    example: dict[str, Value]


def guess(paths: Sequence[str]) -> Guess | None:
    """Find a pattern for paths of one group, or None where they follow none.

    Examples
    --------
    >>> guess(["LT1_02/C06_001_H2B.tif", "LT2_02/G01_002_Tub.tif"]).pattern
    '{Plate}/{Well}_{Frame:d}_{Channel}.tif'
    >>> guess(["a/D03f00d0.tif", "a/D03f00d1.tif"]).pattern
    '{Well}f{Site}d{Channel}.tif'
    """
    pieces = _pieces(paths)
    if pieces is None:
        return None
    _name(pieces)
    if all(piece.role.startswith("part") and not piece.number for piece in pieces if piece.role):
        return None  # columns of mere words say no more than `file_name`
    for strict in (False, True):
        text = "".join(_written(piece, strict) for piece in pieces) + _ending(paths)
        try:
            pattern = PathPattern(text)
            found = [pattern.match(path) for path in paths]
        except ManifestError:
            continue
        return Guess(text, found[0])
    return None


def odd_one(paths: Sequence[str]) -> str:
    """The first path that is cut into other parts than most."""
    shapes = [re.sub(r"[^_\-. ]+", "", _stem(path)) for path in paths]
    usual = Counter(shapes).most_common(1)[0][0]
    return next((path for path, one in zip(paths, shapes, strict=True) if one != usual), paths[-1])


def _pieces(paths: Sequence[str]) -> list[Piece] | None:
    pieces: list[Piece] = []
    for texts in _folders(paths):
        pieces += [*_of_folder(texts), Piece(["/"] * len(paths))]
    stems = _cut([_stem(path) for path in paths])
    return None if stems is None else pieces + [piece for token in stems for piece in _of_token(token)]


def _folders(paths: Sequence[str]) -> list[list[str]]:
    """The folders that tell files apart, from the first that differs; a plate's folder counts where it is alone."""
    split = [path.split("/")[:-1] for path in paths]
    if len({len(parts) for parts in split}) > 1:
        return []
    columns = [list(parts) for parts in zip(*split, strict=True)]
    first = next((at for at, texts in enumerate(columns) if len(set(texts)) > 1), len(columns))
    if first == len(columns) and columns and words.PLATE.fullmatch(columns[-1][0]):
        first -= 1
    return columns[first:]


def _of_folder(texts: list[str]) -> list[Piece]:
    """A folder is one thing, mostly a plate, unless each part of its name is known."""
    if len(set(texts)) > 1:
        tokens = _cut(texts) or []
        pieces = [piece for token in tokens for piece in _of_token(token)]
        roles = {piece.role for piece in pieces}
        if roles - {"", "Plate"} and all(piece.fixed or piece.role for piece in pieces):
            return pieces
        if [piece.role for piece in pieces[:1]] == ["Well"]:
            return pieces
    elif not words.PLATE.fullmatch(texts[0]):
        return [Piece(texts)]
    return [Piece(texts, "Plate" if any(c.isdigit() for text in texts for c in text) else "")]


def _cut(texts: Sequence[str]) -> list[list[str]] | None:
    """Cut all texts at the same delimiters: columns of words and of delimiters."""
    for cut in CUTS:
        rows = [re.split(cut, text) for text in texts]
        if len({len(row) for row in rows}) > 1:
            continue
        columns = [list(column) for column in zip(*rows, strict=True)]
        if all(len(set(column)) == 1 for column in columns[1::2]):
            return columns
    return None


def _of_token(texts: list[str]) -> list[Piece]:
    different = set(texts)
    role = words.role_of(different)
    if role == "Object":
        start = shared_start(different)
        if len(different) > 1 and start.lower() in words.KIND_OF_WORD and start not in different:
            return [Piece([start] * len(texts)), Piece([text[len(start) :] for text in texts], role)]
        return [Piece(texts, role if len(different) > 1 else "")]
    return [Piece(texts, role)] if role else _of_compound(texts)


def _of_compound(texts: list[str]) -> list[Piece]:
    """Cut ``D03f00d0`` into a well and numbers behind letters; what differs in its letters stays whole."""
    rows = [re.findall(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]+", text) for text in texts]
    if len({len(row) for row in rows}) > 1:
        return [Piece(texts)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    pieces = []
    if len(columns) > 2 and all(words.WELL.fullmatch(row[0] + row[1]) for row in rows):
        pieces.append(Piece([row[0] + row[1] for row in rows], "Well"))
        columns = columns[2:]
    labels = [column[0] for column in columns if column[0].isalpha()]
    if any(len(set(column)) > 1 and not all(text.isdecimal() for text in column) for column in columns):
        return [*pieces, Piece(["".join(row[-len(columns) :]) for row in rows])]
    label = ""
    for column in columns:
        digits = column[0].isdecimal()
        role = words.role_of_label(label, labels) if digits and label else ""
        pieces.append(Piece(column, role, label if digits else ""))
        label = "" if digits else column[0]
    return pieces


def _name(pieces: list[Piece]) -> None:
    """Give each piece that differs a name of its own; known roles first."""
    taken: set[str] = set()
    for piece in pieces:
        if piece.role == "Well" and "Well" in taken and "Channel" not in taken:
            piece.role = "Channel"  # A01_C02: channels may look like wells
        if piece.role in taken:
            piece.role = ""
        taken.add(piece.role)
    unknown = [piece for piece in pieces if not piece.role and not piece.fixed]
    if any(role in taken for role in CONTEXT):
        _name_texts([piece for piece in unknown if not piece.number], taken)
        channel = next((piece for piece in pieces if piece.role == "Channel"), None)
        for piece in unknown:
            if not piece.role and piece.number:
                piece.role = _number_role(piece, channel, taken)
                taken.add(piece.role)
    for at, piece in enumerate([piece for piece in unknown if not piece.role], 1):
        piece.role = f"part{at}"


def _name_texts(unknown: list[Piece], taken: set[str]) -> None:
    for piece in unknown:
        if "Plate" not in taken and all(map(words.PLATE.fullmatch, piece.texts)):
            piece.role = "Plate"
            taken.add("Plate")
    last = next((piece for piece in reversed(unknown) if not piece.role), None)
    if last is not None and "Channel" not in taken and len(set(last.texts)) <= MOST_CHANNELS:
        last.role = "Channel"
        taken.add("Channel")


def _number_role(piece: Piece, channel: Piece | None, taken: set[str]) -> str:
    """What a bare number counts: nothing says so but its width, and what else is in the name."""
    if words.role_of_label(piece.label, ()):
        return ""  # its label says what it is, and another part of the name is that already
    width = max(map(len, piece.texts))
    if width < 3 and channel is not None and not channel.fixed and _same_thing(piece, channel):
        return "" if "ChannelNumber" in taken else "ChannelNumber"
    if width >= LONG_NUMBER:
        return ""
    order = ("Frame", "Site") if width > 2 else ("Site", "Frame")
    return next((role for role in order if role not in taken), "")


def _same_thing(one: Piece, other: Piece) -> bool:
    """Whether each text of one stands with one text of the other, in more names than there are such pairs."""
    pairs = set(zip(one.texts, other.texts, strict=True))
    return len(one.texts) > len(pairs) == len(set(one.texts)) == len(set(other.texts))


def _written(piece: Piece, strict: bool) -> str:
    if not piece.role:
        return piece.texts[0].replace("{", "{{").replace("}", "}}")
    if piece.role in words.NUMBERS and piece.number and _counted(piece):
        return f"{{{piece.role}:d}}"
    return f"{{{piece.role}{f':{_form(piece)}' if strict else ''}}}"


def _counted(piece: Piece) -> bool:
    """Whether texts stay apart as numbers, as 01 and 1 do not."""
    different = set(piece.texts)
    return len({int(text) for text in different}) == len(different)


def _form(piece: Piece) -> str:
    if piece.number:
        return "[0-9]+"
    if piece.role == "Well":
        return "[A-Z]+[0-9]+"
    return "[A-Za-z0-9]+" if all(text.isalnum() and text.isascii() for text in piece.texts) else "[^_]+"


def _ending(paths: Sequence[str]) -> str:
    endings = list(dict.fromkeys(map(suffix, paths)))
    if len(endings) == 1:
        return endings[0]
    return f".{{Suffix:{'|'.join(re.escape(ending[1:]) for ending in endings)}}}"


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(suffix(path))
