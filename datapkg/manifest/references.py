"""A schema or a dialect that stands in a file of its own is written out in the manifest's text, before it is read.

So a package records all that was said, and everything after this knows one text alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from .document import Node, compose
from .mistakes import Mistakes

KEYS = ("schema", "dialect")
MAY_HAVE = re.compile(r"\b(schema|dialect)[\"']?\s*:\s*[\"']?[^\s\"'{}\[\]]+\.(json|ya?ml)\b")
"""A quick look, since to read a text twice takes time."""


def written_out(text: str, folder: Path, mistakes: Mistakes) -> str:
    """Put the content of the files that ``schema: wells.json`` and the like name in the place of their names.

    Parameters
    ----------
    text
        The manifest's text.
    folder
        The manifest's folder; what is named lies in it.
    mistakes
        Where files that are not there or cannot be read are told of.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()); _ = (folder / "wells.json").write_text('{"fields": [{"name": "Well"}]}')
    >>> written_out("resources: [{path: wells.csv, schema: wells.json}]", folder, Mistakes("m.yaml"))
    'resources: [{path: wells.csv, schema: {"fields": [{"name": "Well"}]}}]'
    """
    document = compose(text, Mistakes("")) if MAY_HAVE.search(text) else None
    resources = document.get("resources") if document is not None else None
    named = [resource.get(key) for resource in (resources.items() if resources else ()) for key in KEYS]
    nodes = {id(node): node for node in named if node is not None and isinstance(node.content, str)}
    for node in sorted(nodes.values(), key=lambda node: node.span, reverse=True):
        content = _content(node, folder, mistakes)
        if content is not None:
            start, end = node.span
            ending = "\n" if text[start:end].endswith("\n") else ""
            text = text[:start] + json.dumps(content.plain()) + ending + text[end:]
    return text


def _content(node: Node, folder: Path, mistakes: Mistakes) -> Node | None:
    name = str(node.content)
    path = folder / name
    if "://" in name or not path.resolve().is_relative_to(folder.resolve()):
        what = f"{name!r} is not in the manifest's folder"
        mistakes.add(node.place, what, "put the file beside the manifest, or write out what it says")
        return None
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = (
            "there is no such file"
            if isinstance(error, FileNotFoundError)
            else f"it cannot be read ({error})"
        )
        mistakes.add(node.place, f"{name!r}: {reason}", "correct its name, or write out what it says")
        return None
    inside = Mistakes(str(path))
    found = compose(text, inside)
    for mistake in inside.found():
        mistakes.add(node.place, f"{mistake.where}: {mistake.what}", mistake.fix)
    return found if not inside else None
