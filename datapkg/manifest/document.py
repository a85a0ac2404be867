"""YAML as a tree that remembers where each value stands.

The tree is made from ruamel.yaml's events rather than by its loaders: a loader stops at the first doubled key,
turns dates and ``1.0`` into things that no longer know how they were written, and expands aliases without limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from .mistakes import Mistakes, Place
from .syntax import explain

MOST_LEVELS = 50
MOST_VALUES = 1_000_000
"""Aliases of aliases can stand for more values than a computer holds."""
TAG = "tag:yaml.org,2002:"

Scalar = str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Node:
    """One value: a scalar, a list, or a mapping.

    `place` is its line and column, `span` its characters in the text, `written` a scalar as it was written.
    `size` counts the values in it, with those behind aliases.
    """

    content: Scalar | list[Node] | dict[str, Node]
    place: Place
    span: tuple[int, int] = (0, 0)
    written: str = ""
    keys: dict[str, Node] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> Any:
        """The value as Python has it."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def get(self, *path: str | int) -> Node | None:
        """The value at `path`, or None where there is none."""
        found = self.nearest(*path)
        return found[0] if found[1] == len(path) else None

    def nearest(self, *path: str | int) -> tuple[Node, int]:
        """The deepest value on the way to `path`, and how many steps of the way there are."""
        node = self
        for depth, step in enumerate(path):
            inner = node.step(step)
            if inner is None:
                return node, depth
            node = inner
        return node, len(path)

    def step(self, step: str | int) -> Node | None:
        """The value of a key, or the entry of a list."""
        if isinstance(self.content, dict):
            return self.content.get(str(step))
        inside = isinstance(self.content, list) and isinstance(step, int) and step < len(self.content)
        return self.items()[int(step)] if inside else None

    def items(self) -> list[Node]:
        """The entries of a list; none where this is no list."""
        return self.content if isinstance(self.content, list) else []

    def key_place(self, key: str) -> Place:
        """Where a key of this mapping stands."""
        return self.keys[key].place if key in self.keys else self.place

    def kind(self) -> str:
        """What this is, in plain words."""
        if isinstance(self.content, dict):
            return "a mapping"
        if isinstance(self.content, list):
            return "a list"
        if self.content is None:
            return "nothing"
        if isinstance(self.content, bool):
            return f"{self.written} (true or false)"
        return f"the text {self.content!r}" if isinstance(self.content, str) else f"the number {self.written}"


class Unreadable(Exception):  # noqa: N818 - ends the reading of one document, and never leaves this module
    """The rest of the text cannot be understood."""


def compose(text: str, mistakes: Mistakes) -> Node | None:
    """Read YAML 1.2 text; what is wrong with it goes to `mistakes`.

    Returns
    -------
    The document's top value; None where there is none or the text cannot be understood.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        return _Composer(yaml.parse(text), mistakes).document()
    except Unreadable:
        return None
    except YAMLError as error:
        mistakes.add(*explain(error, text))
    except (ValueError, IndexError, AttributeError, TypeError, OverflowError) as error:
        # ruamel.yaml lets such errors through for a few broken texts, such as "\UFFFFFFFF"
        mistakes.add((1, 1), f"this is not YAML ({error})", "look for odd characters and escapes")
    return None


class _Composer:
    """Builds the tree from the parser's events."""

    def __init__(self, events: Iterator[Event], mistakes: Mistakes) -> None:
        self.events, self.mistakes = events, mistakes
        self.anchors: dict[str, Node] = {}

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self.events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                what = "a second document begins here; a manifest is one document"
                self.mistakes.add(
                    _place(event), what, "remove this line, or move what follows to its own file"
                )
                raise Unreadable
            if isinstance(event, NodeEvent):
                root = self.node(event, 1)
            elif isinstance(event, DocumentEndEvent) and root is None:
                break
        return root

    def node(self, event: Event, level: int) -> Node:
        if level > MOST_LEVELS:
            self.mistakes.add(_place(event), f"more than {MOST_LEVELS} levels lie in each other here")
            raise Unreadable
        if isinstance(event, AliasEvent):
            return self.alias(event)
        if isinstance(event, SequenceStartEvent):
            made = self.sequence(event, level)
        elif isinstance(event, MappingStartEvent):
            made = self.mapping(event, level)
        else:
            assert isinstance(event, ScalarEvent)
            made = self.scalar(event)
        if made.size > MOST_VALUES:
            what = f"this stands for more than {MOST_VALUES:,} values; its aliases (*name) repeat each other"
            self.mistakes.add(made.place, what, "write out what is meant")
            raise Unreadable
        anchor = getattr(event, "anchor", None)
        if anchor:
            self.anchors[anchor] = made
        return made

    def alias(self, event: AliasEvent) -> Node:
        if event.anchor in self.anchors:
            return self.anchors[event.anchor]
        text = f"*{event.anchor}"
        what = f"text that begins with * must stand in quotes (there is no anchor &{event.anchor})"
        self.mistakes.add(_place(event), what, f'write "{text}"')
        return Node(text, _place(event), _span(event), text)

    def sequence(self, event: SequenceStartEvent, level: int) -> Node:
        self.check_tag(event, "seq")
        items: list[Node] = []
        for inner in self.events:
            if isinstance(inner, SequenceEndEvent):
                break
            items.append(self.node(inner, level + 1))
        return Node(items, _place(event), _span(event), size=1 + sum(item.size for item in items))

    def mapping(self, event: MappingStartEvent, level: int) -> Node:
        self.check_tag(event, "map")
        made = Node({}, _place(event), _span(event))
        members: dict[str, Node] = {}
        merged: list[Node] = []
        for inner in self.events:
            if isinstance(inner, MappingEndEvent):
                break
            key = self.node(inner, level + 1)
            value = self.node(next(self.events), level + 1)
            made.size += value.size
            if key.written == "<<" and _is_plain(inner):
                merged += self.merged(key, value)
            elif not isinstance(key.content, str):
                fix = f'write "{key.written}":' if key.written else "write a word"
                self.mistakes.add(key.place, f"a key must be text, not {key.kind()}", fix)
            elif key.content in members:
                what = (
                    f"the key {key.content!r} is given twice, first in line {made.keys[key.content].place[0]}"
                )
                self.mistakes.add(key.place, what, "keep one of the two")
            else:
                members[key.content], made.keys[key.content] = value, key
        for other in merged:
            assert isinstance(other.content, dict)
            for name, value in other.content.items():
                if name not in members:
                    members[name], made.keys[name] = value, other.keys[name]
        made.content = members
        return made

    def merged(self, key: Node, value: Node) -> list[Node]:
        """The mappings that ``<<`` takes over."""
        others = value.items() if isinstance(value.content, list) else [value]
        if all(isinstance(other.content, dict) for other in others):
            return others
        self.mistakes.add(key.place, f"<< takes over a mapping, not {value.kind()}", "write <<: *anchor")
        return []

    def scalar(self, event: ScalarEvent) -> Node:
        tag = self.check_tag(event, "str", "int", "float", "bool", "null")
        written: str = event.value
        text = whole_characters(written)
        if text is None:
            self.mistakes.add(_place(event), "this text has half of a character (a lone \\ud... escape)")
            text = ""
        plain = _is_plain(event) or tag in ("int", "float", "bool", "null")
        content = plain_scalar(text) if plain else text
        return Node(content, _place(event), _span(event), written)

    def check_tag(self, event: NodeEvent, *known: str) -> str:
        """The event's tag in short, if it has one that YAML 1.2 knows."""
        tag = str(getattr(event, "tag", None) or "")
        short = tag.removeprefix(TAG)
        if tag and tag != "!" and short not in known:
            self.mistakes.add(_place(event), f"the tag {tag} has no meaning here", "remove it")
        return short


def whole_characters(text: str) -> str | None:
    """JSON writes a character beyond U+FFFF as two escapes; None if one of the two is missing."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None


def plain_scalar(text: str) -> Scalar:
    """What text without quotes is, by the core schema of YAML 1.2: dates and ``yes`` are text.

    Examples
    --------
    >>> [plain_scalar(text) for text in ("1", "1.0", "true", "yes", "2026-11-01", "~")]
    [1, 1.0, True, 'yes', '2026-11-01', None]
    """
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]{1,4000}", text):
        return int(text)
    if re.fullmatch(r"0o[0-7]{1,99}|0x[0-9a-fA-F]{1,99}", text):
        return int(text, 0)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        number = float(text)
        return number if math.isfinite(number) else text  # 1e400 is no double: it stays what was written
    if re.fullmatch(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", text):
        return float(text.replace(".", "", 1))
    return text


def _is_plain(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and bool(event.implicit[0]) and not event.tag


def _place(event: Event) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _span(event: Event) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index
