"""A manifest's text without the places of this machine, as a package records it; comments stay."""

from __future__ import annotations

from typing import Any

from ..errors import ManifestError
from .document import Node, compose
from .mistakes import Mistakes

RECORDED = "recorded manifest"


def blanked(text: str) -> str:
    """A manifest's text with ``null`` for the places of `root` and of the folders in `allow`.

    Raises
    ------
    ManifestError
        A place cannot be blanked without changing something else, since an anchor or alias is tied to it.

    Examples
    --------
    >>> print(blanked("root: ../data  # on the server\\nallow: {plates: /mnt/plates}"))
    root: null  # on the server
    allow: {plates: null}
    """
    document = compose(text, Mistakes(RECORDED))
    if document is None:
        return text
    blank, places = text, _places(document)
    if not places:
        return text
    for node in sorted(places, key=lambda node: node.span, reverse=True):
        start, end = node.span
        ending = "\n" if text[start:end].endswith("\n") else ""
        blank = blank[:start] + "null" + ending + blank[end:]
    mistakes = Mistakes(RECORDED)
    again = compose(blank, mistakes)
    if again is None or mistakes or _without_places(again.plain()) != _without_places(document.plain()):
        raise ManifestError(
            "the place of root or of a folder in allow is tied to other values by an anchor (&) or alias (*)",
            fix="write the folder out where it is used: places are blanked in what is recorded",
        )
    return blank


def _places(document: Node) -> list[Node]:
    allow = document.get("allow")
    folders = allow.content.values() if allow is not None and isinstance(allow.content, dict) else ()
    found = [node for node in (document.get("root"), *folders) if node is not None]
    return [node for node in found if isinstance(node.content, str)]


def _without_places(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    allow = data.get("allow")
    blank = dict.fromkeys(allow) if isinstance(allow, dict) else allow
    return {**data, **({"root": None} if "root" in data else {}), **({"allow": blank} if allow else {})}
