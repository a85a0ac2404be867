"""Add one derivation to a package, as its next version: the tables and all else stay, and no source is looked at.

The version's manifest gets the entry. Where the manifest file does not get it too, the next build drops the column.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from . import engine as engines
from . import plan, versions
from .builder import attempt_in
from .changes import Change
from .content import taken_over
from .deriving.code import Code
from .deriving.due import made_before
from .deriving.entries import derive
from .deriving.loading import name_of
from .deriving.recipe import Recipe, recipes_of
from .errors import VersionError
from .files import Files
from .manifest import Manifest, normal
from .manifest.document import compose
from .manifest.load import LoadedManifest
from .manifest.mistakes import Mistakes
from .places import Place
from .plan import Plan, Previous, ResourcePlan
from .progress import silent
from .publish import Publisher
from .records import ALL_TABLES

HERE = "__main__"


def add(
    package: Place,
    version: int,
    function: Callable[..., Any] | str,
    said: Mapping[str, Any],
    folder: str | Path | None,
    workers: int | None,
    engine: str,
    ray_address: str | None,
) -> int:
    """Add an entry of `derive` to the newest version, and give the number of the next; see `datapkg.Package.derive`."""
    started = time.monotonic()
    newest = plan.previous(package, versions.read_record(package, version).name)
    assert newest is not None
    if newest.record.version != version:
        fix = f"derive from version {newest.record.version}, the newest: open the package again"
        raise VersionError(f"version {version} is not the newest", package.uri, fix)
    name = function if isinstance(function, str) else name_of(function)
    entry = {**said, "function": name}
    loaded = _loaded(newest, {key: value for key, value in entry.items() if value is not None}, folder)
    codes = {}
    if name.startswith(f"{HERE}:") and not isinstance(function, str):
        engine, ray_address = "inline", None  # it is in no other process
        codes = {name: _typed(function)}
    resources = [taken_over(one, newest) for one in _planned(loaded.manifest, newest)]
    planned = Plan(tuple(_planned(loaded.manifest, newest)), (), {}, False)
    where = engines.get(engine, ray_address)
    needed = [loaded.path.parent] if ".py:" in name else []
    with attempt_in(package, where, workers) as attempt:
        package = attempt.begin(needed)
        recipes = recipes_of(loaded, _known(loaded.manifest, newest), codes)
        derived = derive(loaded, package, attempt.name, resources, newest, attempt.run, silent, recipes)
        publisher = Publisher(package, package.uri, attempt.name, loaded, planned, newest)
        notes = newest.record.warnings.get(ALL_TABLES, [])
        return publisher.publish(derived, notes, started).version


def _typed(function: Callable[..., Any]) -> Code:
    """What is known of a function that was typed into a notebook: its text, or where that is not kept what Python made of it."""
    try:
        text = inspect.getsource(function).encode()
    except (OSError, TypeError):
        code: Any = getattr(function, "__code__", None)
        text = repr((code and code.co_code, code and code.co_consts, code and code.co_names)).encode()
    return Code(str(blake3(text).hexdigest()), {}, {})


def with_entry(text: str, entry: Mapping[str, Any]) -> str:
    """A manifest's text with one more entry of `derive`.

    Examples
    --------
    >>> print(with_entry("name: a\\nresources: [{name: t, path: t.csv}]\\n", {"table": "t"}))
    name: a
    resources: [{name: t, path: t.csv}]
    derive: [{"table": "t"}]
    <BLANKLINE>
    >>> with_entry("name: a\\nderive:\\n- {table: t}  # first\\ntitle: b\\n", {"table": "u"})
    'name: a\\nderive: [{"table": "t"}, {"table": "u"}]\\ntitle: b'
    """
    document = compose(text, Mistakes(""))
    assert document is not None
    there = document.get("derive")
    entries = [*(there.plain() if there is not None and there.items() else ()), dict(entry)]
    if text[document.span[0]] == "{":
        return json.dumps({**document.plain(), "derive": entries}, indent=1)
    lines = text.rstrip().splitlines(keepends=True)
    first = last = len(lines)
    if "derive" in document.keys:
        first = document.key_place("derive")[0] - 1
        others = [node.place[0] - 1 for node in document.keys.values()]
        last = min((line for line in others if line > first), default=len(lines))
    before, after = "".join(lines[:first]), "".join(lines[last:])
    return f"{before.rstrip()}\nderive: {json.dumps(entries)}\n{after}"


def _loaded(newest: Previous, entry: Mapping[str, Any], folder: str | Path | None) -> LoadedManifest:
    """The recorded manifest with the entry, as if it stood in `folder`."""
    text = with_entry(newest.record.manifest, entry)
    path = Path(folder or ".").absolute() / f"{newest.record.name}.yaml"
    manifest = normal.parse_recorded(text)
    document = compose(text, Mistakes(""))
    assert document is not None
    return LoadedManifest(manifest, text, path, path.parent, {}, (), document)


def _planned(manifest: Manifest, newest: Previous) -> list[ResourcePlan]:
    """All resources, as they are."""
    readers = newest.record.readers
    return [
        ResourcePlan(
            one,
            normal.settings_digest(one),
            readers.get(one.name, {}),
            Files.of(()),
            Change(),
            np.empty(0, np.int64),
            {},
        )
        for one in manifest.resources
    ]


def _known(manifest: Manifest, newest: Previous) -> dict[int, Recipe]:
    """The recipes of what the newest version has derived: its functions may be on another machine."""
    found = {}
    for number, entry in enumerate(manifest.derive[:-1]):
        made = made_before(entry, newest.record)
        if made is not None:
            found[number] = Recipe(Code(made.code, made.packages, {}), made.recipe, made.identity)
    return found
