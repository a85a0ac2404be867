"""What a function's code is: its file, what that imports from beside it, and the distributions that it is from or imports.

All of it is found without running or importing anything. Imports are read from the syntax tree: one that is made only
when a function is called counts as any other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from blake3 import blake3

OURS = "datapkg"
"""Ready-made functions are known by their file: not every release of datapkg changes them."""


@dataclass(frozen=True, slots=True)
class Code:
    """A function's source: BLAKE3 of its files (empty where there are none), the distribution it is from, what it imports."""

    digest: str
    own: Mapping[str, str]
    imported: Mapping[str, str]


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
    beside = place.endswith(".py")
    file = folder / place if beside else module_file(place)
    top = "" if beside else place.partition(".")[0]
    own = {} if top in ("", OURS) else _versions([top])
    if file is None or file.suffix != ".py" or not file.is_file():
        return Code("", own or {"python": _python()}, {})
    if own or top == OURS:
        files, root = [file], file.parent
    else:
        root = file.parent if beside else root_of(file, place)
        files = own_files(file, root)
    tops = names_of(files, root)
    imported = () if own else sorted({name for one in files for name in _imports(one)} - tops - {OURS})
    return Code(digest_of(files, root), own, _versions(imported))


def own_files(file: Path, root: Path) -> list[Path]:
    """A file, and those in a folder that it imports, or that these do: modules, and packages with all of their files."""
    found: list[Path] = []
    waiting = [file, *_beside(root, next(iter(names_of([file], root))))]
    while waiting:
        one = waiting.pop(0)
        if one not in found:
            found.append(one)
            waiting += [path for name in _imports(one) for path in _beside(root, name)]
    return [file, *sorted(path for path in found if path != file)]


def names_of(files: Sequence[Path], root: Path) -> set[str]:
    """The names by which files in a folder are imported: of a package's files that of the package."""
    return {path.relative_to(root).parts[0].removesuffix(".py") for path in files}


def digest_of(files: Sequence[Path], root: Path) -> str:
    """The BLAKE3 of some files in a folder, with their names."""
    digest = blake3()
    for file in files:
        name, content = file.relative_to(root).as_posix(), file.read_bytes()
        digest.update(name.encode() + b"\0" + len(content).to_bytes(8, "little") + content)
    return str(digest.hexdigest())


def _beside(folder: Path, name: str) -> list[Path]:
    """The files in a folder that Python would import by a name."""
    if (folder / name / "__init__.py").is_file():
        return sorted((folder / name).rglob("*.py"))
    module = folder / f"{name}.py"
    return [module] if module.is_file() else []


def root_of(file: Path, module: str) -> Path:
    """The folder that a module's first name is looked up in."""
    return file.parents[module.count(".") + (file.name == "__init__.py")]


def module_file(module: str) -> Path | None:
    """Where a module's source would be found; its packages are looked into, and not imported."""
    path: Any = None
    spec = None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        spec = spec_of(".".join(parts[:end]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def spec_of(name: str, path: Sequence[str] | None, but: object = None) -> ModuleSpec | None:
    """What Python's finders, but for one, say of a module that is looked for in some folders, or everywhere."""
    finders = [finder for finder in sys.meta_path if finder is not but and hasattr(finder, "find_spec")]
    return next((found for finder in finders if (found := finder.find_spec(name, path, None))), None)


def _imports(file: Path) -> list[str]:
    """The first names of all that a file imports, anywhere in it; what it imports of its own package is among its files."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return []  # loading it will say so
    return sorted(set(_imported(tree)))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _versions(modules: Sequence[str]) -> dict[str, str]:
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


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
