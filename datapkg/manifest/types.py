"""The types that a derived column may have, as a manifest writes them; nothing of Arrow is loaded to understand them.

float32, string, timestamp[us], list<float32>, list<struct<label: string, score: float32>>, image
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import nearest

IMAGE = "image"
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
PLAIN = ("bool", *WHOLE, "float16", "float32", "float64", "string", "binary", "date")
SAME = {
    "double": "float64",
    "float": "float64",
    "int": "int64",
    "str": "string",
    "text": "string",
    "boolean": "bool",
}
UNITS = ("s", "ms", "us", "ns")
TOKEN = re.compile(r"\s*([A-Za-z_][\w.-]*|[<>:,\[\]]|\S)")


@dataclass(frozen=True, slots=True)
class TypeTree:
    """A type: its name, the types inside it, and names of a struct's fields, or a timestamp's unit and zone."""

    name: str
    inside: tuple[TypeTree, ...] = ()
    words: tuple[str, ...] = ()


class TypeTextError(ValueError):
    """A text is no type; `fix` says how to write one."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


def type_tree(text: str) -> TypeTree:
    """Understand the text of a type.

    Raises
    ------
    TypeTextError
        It is none.

    Examples
    --------
    >>> type_tree("list<struct<label: string, score: double>>").inside[0].words
    ('label', 'score')
    >>> type_tree("timestamp[us]")
    TypeTree(name='timestamp', inside=(), words=('us',))
    """
    tokens = [*TOKEN.findall(text), ""]
    found = _type(text, tokens)
    if tokens[0]:
        raise _unexpected(text, tokens[0])
    return found


def canonical(tree: TypeTree) -> str:
    """A type in the one way of writing that recipes and records use.

    Examples
    --------
    >>> canonical(type_tree("list< struct<label:str,score : float> >"))
    'list<struct<label: string, score: float64>>'
    """
    if tree.name == "list":
        return f"list<{canonical(tree.inside[0])}>"
    if tree.name == "struct":
        fields = zip(tree.words, tree.inside, strict=True)
        return f"struct<{', '.join(f'{name}: {canonical(inside)}' for name, inside in fields)}>"
    return f"{tree.name}[{', '.join(tree.words)}]" if tree.words else tree.name


def _type(text: str, tokens: list[str]) -> TypeTree:
    name = tokens.pop(0)
    if name == "list":
        _expect(text, tokens, "<")
        inside = _inner(text, tokens)
        _expect(text, tokens, ">")
        return TypeTree("list", (inside,))
    if name == "struct":
        return _struct(text, tokens)
    if name == "timestamp":
        return _timestamp(text, tokens)
    name = SAME.get(name, name)
    if name not in (*PLAIN, IMAGE):
        known = (*PLAIN, IMAGE, "list<...>", "struct<...>", "timestamp[us]")
        raise TypeTextError(
            f"{text!r} is no type: there is no {name!r}" if name else f"{text!r} is no type",
            nearest(name, known),
        )
    return TypeTree(name)


def _inner(text: str, tokens: list[str]) -> TypeTree:
    found = _type(text, tokens)
    if found.name == IMAGE:
        raise TypeTextError(
            f"{text!r}: an image is a column of its own",
            "write list<float32>, or into: with a row for each image",
        )
    return found


def _struct(text: str, tokens: list[str]) -> TypeTree:
    _expect(text, tokens, "<")
    names: list[str] = []
    inside: list[TypeTree] = []
    while True:
        name = tokens.pop(0)
        if not name or not (name[0].isalpha() or name[0] == "_") or name in names:
            raise _unexpected(text, name)
        names.append(name)
        _expect(text, tokens, ":")
        inside.append(_inner(text, tokens))
        if tokens[0] != ",":
            break
        tokens.pop(0)
    _expect(text, tokens, ">")
    return TypeTree("struct", tuple(inside), tuple(names))


def _timestamp(text: str, tokens: list[str]) -> TypeTree:
    if tokens[0] != "[":
        return TypeTree("timestamp", (), ("us",))
    tokens.pop(0)
    unit = tokens.pop(0)
    if unit not in UNITS:
        raise TypeTextError(f"{text!r}: there is no unit {unit!r}", nearest(unit, UNITS))
    zone = ""
    if tokens[0] == ",":
        tokens.pop(0)
        while tokens[0] not in ("]", ""):
            zone += tokens.pop(0)
    _expect(text, tokens, "]")
    return TypeTree("timestamp", (), (unit, zone) if zone else (unit,))


def _expect(text: str, tokens: list[str], wanted: str) -> None:
    found = tokens.pop(0) if tokens[0] else ""
    if found != wanted:
        raise _unexpected(text, found, wanted)


def _unexpected(text: str, found: str, wanted: str = "") -> TypeTextError:
    where = f"{found!r} is not expected" if found else "it ends too early"
    fix = f"write {wanted!r} there" if wanted else "write it like list<struct<label: string, score: float32>>"
    return TypeTextError(f"{text!r} is no type: {where}", fix)
