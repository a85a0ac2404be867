"""Compute the entries of a manifest's `derive`, one after the other.

Everything is computed before anything of the coming version is moved into the package. A row is computed again only
if its source changed, or what decides its value did: the function's code, its arguments, the packages it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..compaction import settled
from ..content import Content, ResourceContent
from ..engine import Run
from ..errors import DeriveError, nearest
from ..manifest.load import LoadedManifest
from ..manifest.models import Derivation
from ..places import Place
from ..plan import Previous
from ..progress import Progress
from ..records import Lineage
from ..source_list import SourceRows
from .column import derive_columns, refuse_unknown
from .coming import Coming
from .computing import Engine, Ingredients
from .finished import Finished
from .gathering import opened
from .given import Beside
from .loading import FunctionName
from .outputs import Outputs
from .recipe import Recipe, recipes_of
from .table import KEYS, derive_table


def derive(
    loaded: LoadedManifest,
    package: Place,
    attempt: str,
    resources: Sequence[ResourceContent],
    before: Previous | None,
    run: Run,
    progress: Progress,
    recipes: Sequence[Recipe] | None = None,
) -> list[ResourceContent]:
    """Settle how the content of resources will lie, and add everything that a manifest derives.

    Parameters
    ----------
    recipes
        Those of all entries, where they are known already.

    Raises
    ------
    DeriveError
        A function cannot be found, fails, or gives what was not announced.
    """
    resources = [
        replace(one, tables=tuple(settled(package, attempt, content, before) for content in one.tables))
        for one in resources
    ]
    if not loaded.manifest.derive:
        return resources
    recipes = recipes or recipes_of(loaded)
    engine = Engine(run, progress, Finished.of(package, attempt))
    made = _Deriving(loaded, package, attempt, before, engine, resources, recipes)
    try:
        for number, entry in enumerate(loaded.manifest.derive):
            made.add(number, entry)
        return made.result()
    finally:
        opened.cache_clear()


class _Deriving:
    """All tables of a coming version while entries are added, one after the other."""

    def __init__(
        self,
        loaded: LoadedManifest,
        package: Place,
        attempt: str,
        before: Previous | None,
        engine: Engine,
        resources: Sequence[ResourceContent],
        recipes: Sequence[Recipe],
    ) -> None:
        self._loaded, self._package, self._attempt = loaded, package, attempt
        self._before, self._engine, self._resources = before, engine, resources
        self._tables: dict[str, Coming] = {}
        self._lineage: dict[str, list[Lineage]] = {}
        self._recipes = recipes
        self._into: list[str] = []
        self._keys: dict[str, tuple[str, ...]] = {}
        for resource in resources:
            for content in resource.tables:
                self._take(content)

    def _take(self, content: Content) -> None:
        self._tables[content.table.name] = Coming(self._package, self._attempt, content, self._before)

    def add(self, number: int, entry: Derivation) -> None:
        """Compute what an entry asks for."""
        where = self._loaded.place("derive", number)
        if entry.table not in self._tables:
            raise DeriveError(f"there is no table {entry.table!r}", where, nearest(entry.table, self._tables))
        taken = {name.casefold(): name for name in self._tables}.get((entry.into or "").casefold())
        if taken is not None:
            raise DeriveError(f"there is a table {taken!r} already", where, "rename the derived table")
        coming = self._tables[entry.table]
        refuse_unknown(coming, entry, where)
        recipe, beside = self._recipes[number], Beside.of(self._loaded)
        made_of = recipe.code.digest + "".join(recipe.files.values())
        function = FunctionName.of(entry.function, beside.folder, beside.paths(entry.args), made_of)
        made = Ingredients(entry, recipe, function, self._outputs(entry, recipe, function, where), where)
        if entry.into is not None:
            key = self._key(coming)
            content = derive_table(coming, made, self._engine, number, key, self._before)
            self._keys[entry.into] = key
            self._lineage[entry.into] = list(content.table.lineage)
            self._take(settled(self._package, self._attempt, content, self._before))
            self._into.append(entry.into)
            return
        lineage = derive_columns(coming, made, self._engine, number)
        self._lineage.setdefault(entry.table, []).append(lineage)

    def _before_of(self, entry: Derivation, recipe: Recipe) -> Any:
        """The types that the same recipe gave in the version before."""
        tables = () if self._before is None else self._before.record.tables
        name = entry.into or entry.table
        made = [one for table in tables if table.name == name for one in table.lineage]
        same = next((one for one in made if one.recipe == recipe.recipe), None)
        if same is None:
            return None
        return dict(zip(same.columns, same.output, strict=True)) if entry.into else list(same.output)

    def _outputs(self, entry: Derivation, recipe: Recipe, function: FunctionName, where: str) -> Outputs:
        """The names and types of what a function gives: as the entry says, or as the function does."""
        output: Any = entry.output
        if output is None:
            output = self._before_of(entry, recipe) or self._engine.described(function).output
        if output is None:
            fix = "write output: image, or an Arrow type such as output: float32"
            raise DeriveError(f"what the function {entry.function} gives is not known", where, fix)
        error = ("error" if entry.into else f"{entry.columns[0]}_error") if entry.on_error == "null" else ""
        if entry.into is not None:
            if not isinstance(output, Mapping):
                fix = "write output: {label: int32, area: float32}"
                raise DeriveError("a table needs the name and type of each of its columns", where, fix)
            return Outputs(dict(output), error)
        types = [output] if isinstance(output, str) else list(output)
        if len(types) != len(entry.columns):
            what = f"the function {entry.function} gives {len(types)} columns, and {len(entry.columns)} are named"
            raise DeriveError(what, where, "give column as many names")
        return Outputs(dict(zip(entry.columns, types, strict=True)), error)

    def _key(self, coming: Coming) -> tuple[str, ...]:
        """The columns that name a row of a table."""
        if coming.name in self._keys:
            return self._keys[coming.name]
        resources = {one.name: one for one in self._loaded.manifest.resources}
        resource = resources[coming.content.table.resource]
        names = KEYS.get(resource.type, resource.table_schema.primary_key)
        return tuple(name for name in names if name in coming.columns)

    def result(self) -> list[ResourceContent]:
        """The content of all resources with what was derived, and of derived tables."""
        found = [
            replace(one, tables=tuple(self._finished(content.table.name) for content in one.tables))
            for one in self._resources
        ]
        found += [
            ResourceContent(name, (self._finished(name),), SourceRows.of(()), ()) for name in self._into
        ]
        return found

    def _finished(self, name: str) -> Content:
        coming = self._tables[name]
        table = replace(
            coming.content.table,
            columns=tuple(coming.columns.values()),
            image_bytes=coming.held,
            lineage=tuple(self._lineage.get(name, ())),
        )
        return replace(coming.content, table=table, layers=tuple(coming.layers))
