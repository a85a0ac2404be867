"""What a build would compute, and why: found out without running or importing anything."""

from __future__ import annotations

from collections.abc import Mapping

from ..changes import Change
from ..manifest.load import LoadedManifest
from ..manifest.models import Derivation
from ..records import Lineage, Record
from .recipe import Recipe, recipes_of


def to_derive(loaded: LoadedManifest, changes: Mapping[str, Change], old: Record | None) -> dict[str, str]:
    """Derived columns (as ``table.column``) and tables that would be computed, each with the reason.

    Parameters
    ----------
    changes
        What is not as it was, by resource.
    old
        The newest version, if there is one.
    """
    recipes = recipes_of(loaded)
    origins = _origins(loaded, old)
    found = {}
    for entry, recipe in zip(loaded.manifest.derive, recipes, strict=True):
        name = entry.into or f"{entry.table}.{', '.join(entry.columns)}"
        why = _why(entry, recipe, made_before(entry, old))
        change = changes.get(origins.get(entry.table, entry.table))
        if why:
            found[name] = why
        elif change is not None and (change.added or change.changed or change.why):
            found[name] = _rows(change)
    return found


def made_before(entry: Derivation, old: Record | None) -> Lineage | None:
    """How the newest version made what an entry asks for."""
    tables = {} if old is None else {table.name: table for table in old.tables}
    table = tables.get(entry.into or entry.table)
    for made in table.lineage if table is not None else ():
        if entry.into is not None and made.table == entry.table:
            return made
        if entry.into is None and made.columns[:1] == entry.columns[:1]:
            return made
    return None


def _why(entry: Derivation, recipe: Recipe, made: Lineage | None) -> str:
    if made is None:
        return "it is new"
    if made.recipe == recipe.recipe:
        return ""
    packages = {**recipe.code.own, **recipe.code.imported}
    if made.function != entry.function:
        return f"its function is {entry.function}, was {made.function}"
    if made.code != recipe.code.digest:
        return "the code of its function is another"
    for name in sorted({*recipe.files, *made.files}):
        if recipe.files.get(name) != made.files.get(name):
            return f"the file {name}, which an argument names, is another"
    if made.args != entry.args:
        return "its arguments are others"
    for name in sorted({*packages, *made.packages}):
        if packages.get(name) != made.packages.get(name):
            return f"{name} is {packages.get(name, 'not used')}, was {made.packages.get(name, 'not used')}"
    return "its entry, or what it is made of, is another"


def _rows(change: Change) -> str:
    if change.why:
        return "its table is read again; values of files that give equal rows stay"
    files = len(change.added) + len(change.changed)
    return "1 file is new or changed" if files == 1 else f"{files:,} files are new or changed"


def _origins(loaded: LoadedManifest, old: Record | None) -> dict[str, str]:
    """The resource that each table comes from in the end."""
    found = {table.name: table.resource for table in (old.tables if old is not None else ())}
    for entry in loaded.manifest.derive:
        if entry.into is not None:
            found[entry.into] = found.get(entry.table, entry.table)
    return found
