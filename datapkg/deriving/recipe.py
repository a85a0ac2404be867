"""What decides the values of a derivation, found without running or importing anything that a manifest names.

A function is known by its name, the bytes of its source files, and the versions of what these are from and import. So
`status` can say what would be computed again, and a build computes only that.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from blake3 import blake3

from ..companions import companions
from ..manifest.load import LoadedManifest
from ..manifest.models import Derivation
from ..manifest.types import canonical, type_tree
from .given import Beside

OURS = "datapkg"
"""Ready-made functions are known by their file: not every release of datapkg changes them."""


@dataclass(frozen=True, slots=True)
class Code:
    """A function's source: BLAKE3 of its files (empty where there are none), the distribution it is from, what it imports."""

    digest: str
    own: Mapping[str, str]
    imported: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a derivation's values beside its inputs; see `datapkg.records.Lineage`."""

    code: Code
    recipe: str
    identity: str
    files: Mapping[str, str] = field(default_factory=dict)


def code_of(function: str, folder: Path) -> Code:
    """Find out what a function's name stands for.

    Parameters
    ----------
    function
        ``module:name`` or ``file.py:name``.
    folder
        Where such files lie.
    """
    place = function.rpartition(":")[0]
    file = folder / place if place.endswith(".py") else _module_file(place)
    top = "" if place.endswith(".py") else place.partition(".")[0]
    own = {} if top in ("", OURS) else _versions([top])
    if file is None or file.suffix != ".py" or not file.is_file():
        return Code("", own or {"python": _python()}, {})
    if own:
        return Code(_digest([file]), own, {})
    files = [file] if top == OURS else _with_neighbours(file)
    imported = sorted({name for one in files for name in _imports(one)} - {one.stem for one in files})
    return Code(_digest(files), {}, _versions([name for name in imported if name != OURS]))


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


def _module_file(module: str) -> Path | None:
    """Where a module's source would be found; its packages are looked into, and not imported."""
    path: Any = None
    spec = None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
        spec = next((found for finder in finders if (found := finder.find_spec(name, path, None))), None)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _with_neighbours(file: Path) -> list[Path]:
    """A file, and those beside it that it imports, and that these import."""
    found, waiting = [], [file]
    while waiting:
        one = waiting.pop(0)
        found.append(one)
        beside = [file.parent / f"{name}.py" for name in _imports(one)]
        waiting += [path for path in beside if path.is_file() and path not in (*found, *waiting)]
    return [found[0], *sorted(found[1:])]


def _imports(file: Path) -> list[str]:
    """The first names of all that a file imports, anywhere in it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return []  # loading it will say so
    return sorted(set(_imported(tree)))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def _versions(modules: list[str]) -> dict[str, str]:
    """The installed distributions that modules are from, with their versions."""
    found = {one.name: one.version for module in modules for one in _distributions().get(module, ())}
    return dict(sorted(found.items()))


@cache
def _distributions() -> Mapping[str, list[metadata.Distribution]]:
    """The distributions that each module is from.

    `metadata.packages_distributions` reads what every distribution says of itself: a second for some hundred, before
    each build.
    """
    found: dict[str, list[metadata.Distribution]] = {}
    for one in metadata.distributions():
        declared = (one.read_text("top_level.txt") or "").split()
        for module in declared or _listed(one.read_text("RECORD") or ""):
            found.setdefault(module, []).append(one)
    return found


def _listed(record: str) -> set[str]:
    """The modules whose files a distribution lists."""
    first = {line.partition(",")[0].partition("/")[0] for line in record.splitlines()}
    names = {name.partition(".")[0] if name.endswith((".py", ".so", ".pyd")) else name for name in first}
    return {name for name in names if name.isidentifier()}


def _digest(files: list[Path]) -> str:
    digest = blake3()
    for file in files:
        content = file.read_bytes()
        digest.update(file.name.encode() + b"\0" + len(content).to_bytes(8, "little") + content)
    return str(digest.hexdigest())


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
