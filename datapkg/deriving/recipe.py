"""What decides the values of a derivation, found without running or importing anything that a manifest names.

A function is known by its name, the bytes of its source files, and the versions of what these are from and import. So
`status` can say what would be computed again, and a build computes only that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from ..companions import companions
from ..manifest.load import LoadedManifest
from ..manifest.models import Derivation
from ..manifest.types import canonical, type_tree
from .code import Code, code_of
from .given import Beside


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a derivation's values beside its inputs; see `datapkg.records.Lineage`."""

    code: Code
    recipe: str
    identity: str
    files: Mapping[str, str] = field(default_factory=dict)


def recipes_of(
    loaded: LoadedManifest,
    known: Mapping[int, Recipe] | None = None,
    codes: Mapping[str, Code] | None = None,
) -> list[Recipe]:
    """The recipes of all entries; what is made of derived columns or tables has theirs in its own.

    Parameters
    ----------
    known
        The recipes of entries whose functions need not be looked at, by their numbers.
    codes
        What is known of functions that stand in no file, by their names.
    """
    columns: dict[tuple[str, str], Recipe] = {}
    tables: dict[str, Recipe] = {}
    found = []
    beside = Beside.of(loaded)
    for number, entry in enumerate(loaded.manifest.derive):
        made_of = {name: columns.get((entry.table, name), tables.get(entry.table)) for name in entry.input}
        inputs = {name: recipe for name, recipe in made_of.items() if recipe is not None}
        given = (known or {}).get(number)
        code = (codes or {}).get(entry.function)
        recipe = given or recipe_of(
            entry, code or code_of(entry.function, beside.folder), inputs, beside.hashes(entry.args)
        )
        found.append(recipe)
        if entry.into is not None:
            tables[entry.into] = recipe
        for name in entry.columns:
            those = (name, *companions(name).names)
            columns |= dict.fromkeys(((entry.table, one) for one in those), recipe)
    return found


def recipe_of(
    entry: Derivation, code: Code, inputs: Mapping[str, Recipe], files: Mapping[str, str]
) -> Recipe:
    """A derivation's recipe; `inputs` are those of the derived columns among its inputs, `files` hashes of what args name."""
    output = entry.output
    if isinstance(output, str):
        output = canonical(type_tree(output))
    elif isinstance(output, Mapping):
        output = {name: canonical(type_tree(text)) for name, text in output.items()}
    elif output is not None:
        output = tuple(canonical(type_tree(text)) for text in output)
    said = {
        "function": entry.function,
        "code": code.digest,
        "from": dict(code.own),
        "args": entry.args,
        "input": list(entry.input),
        "into": entry.into,
        "column": list(entry.columns),
        "output": output,
        "seed": entry.seed,
        "on_error": entry.on_error,
        **({"files": dict(files)} if files else {}),
    }
    identity = {**said, "inputs": {name: one.identity for name, one in inputs.items()}}
    whole = {
        **said,
        "inputs": {name: one.recipe for name, one in inputs.items()},
        "packages": {**code.own, **code.imported},
    }
    return Recipe(code, _hashed("datapkg-recipe-1", whole), _hashed("datapkg-identity-1", identity), files)


def _hashed(tag: str, said: Mapping[str, Any]) -> str:
    text = json.dumps({"tag": tag, **said}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(blake3(text.encode()).hexdigest())
