"""Read CellH5 movies (.ch5) as tables: planes, objects, features, tracks, and all that defines them.

CellH5 is HDF5 with a layout of its own, written by CellCognition, the cellh5 library and Bio-Formats. It is read
with h5py: the ``cellh5`` wheel does not import on Python 3. Each table has a module of its own beside this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from ...errors import SchemaError, SourceError
from ...manifest.models import Resource
from ...reading import Reading
from ..base import Decision, Scan, TableSchema
from ..matching import matching
from . import attributes, objects, planes, tables, tracks
from .definition import Definitions
from .layout import Position, is_cellh5, positions
from .links import Tree
from .parts import Parts, parts_of
from .selection import Finds, Selection
from .tables import Evidence, record_batch, table_name

OF_POSITIONS = ("planes", "objects", "features", "tracks")


class Ch5Source:
    """CellH5 movies: one file, with what its links lead to, gives rows to several tables."""

    kind = "ch5"
    reads = 2
    libraries = ("h5py",)

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Look at a movie's structure, definitions and row numbers; no pixel is read."""
        path = reading.file.path
        with _opened(reading, resource) as tree:
            if not is_cellh5(tree):
                told = "is an HDF5 file, but no CellH5 movie: it has neither /sample nor /data"
                raise SourceError(told, path, "leave it out with `exclude`")
            movie = Movie(tree, resource)
            try:
                tables = movie.evidence()
            except SchemaError as error:
                raise SchemaError(error.what, path, "put its positions into files of their own") from None
            warnings = [*tree.warnings, *movie.warnings(tables)]
            members = tree.members()
        kept = {name: one.to_json() for name, one in tables.items() if one.rows or one.finds}
        return Scan(kept, tuple(warnings), members)

    def decide(self, resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
        """Decide the tables and their columns over all files."""
        return tables.decide(resource, scans)

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield this movie's rows of one table."""
        with _opened(reading, resource) as tree:
            for batch in Movie(tree, resource).batches(table, batch_bytes):
                if batch.num_rows:
                    yield batch


class Movie:
    """One opened movie and the tables that it adds to."""

    def __init__(self, tree: Tree, resource: Resource) -> None:
        self.tree, self.resource = tree, resource
        self.definitions = Definitions(tree)
        self.selection = Selection.of(resource)

    def parts(self) -> Iterator[Parts]:
        """What lies under each position that is taken, one at a time: datasets close when they are left."""
        return (
            parts_of(self.tree, position, self.selection)
            for position in positions(self.tree)
            if self._takes(position)
        )

    def evidence(self) -> dict[str, Evidence]:
        """Rows and types by table name. Raises SourceError where parts do not fit together."""
        tables: dict[str, Evidence] = {}

        def table(kind: str, object_name: str = "") -> Evidence:
            name = table_name(self.resource, kind, object_name)
            return tables.setdefault(name, Evidence(kind, object_name))

        table("planes").finds = self._finds()
        for parts in self.parts():
            planes.add_evidence(table("planes"), self.definitions, parts)
            for one in parts.objects:
                objects.check_objects(self.tree, self.definitions, one)
                taken = objects.taken_rows(self.tree, one, self.selection)
                rows = one.rows if taken is None else int(taken.sum())
                table("objects").add(rows, objects.object_types(self.definitions, one))
                table("objects").add_classes(one.name, self.definitions.class_names(one))
                features = objects.feature_types(self.definitions, one, self.tree)
                if features:
                    table("features", one.name).add(rows, features)
            table("tracks").add(tracks.check_tracks(self.tree, self.definitions, parts), {})
        for found in self.definitions.tables():
            table(found.kind).add(found.rows, {name: array.type for name, array in found.columns.items()})
        table("attributes").add(sum(1 for _ in self._leftovers()), {})
        return tables

    def batches(self, table: TableSchema, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """The rows of one table, in order."""
        tree, definitions = self.tree, self.definitions
        if table.kind == "attributes":
            yield from attributes.attribute_batches(self._leftovers(), table, tree.file.path)
        elif table.kind in OF_POSITIONS:
            for parts in self.parts():
                yield from self._position_batches(parts, table, batch_bytes)
        else:
            for found in definitions.tables():
                if found.kind == table.kind:
                    keys = {"path": tree.file.path, "plate": found.plate}
                    yield record_batch(table, found.rows, {**keys, **found.columns})

    def _position_batches(
        self, parts: Parts, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        tree, definitions = self.tree, self.definitions
        if table.kind == "planes":
            yield from planes.plane_batches(tree, definitions, parts, table, batch_bytes)
        elif table.kind == "objects":
            yield from objects.object_batches(tree, definitions, parts, table, batch_bytes)
        elif table.kind == "tracks":
            yield from tracks.track_batches(tree, definitions, parts, table)
        else:
            for one in parts.objects:
                if table_name(self.resource, "features", one.name) == table.name:
                    yield from objects.feature_batches(tree, definitions, parts, one, table, batch_bytes)

    def warnings(self, tables: dict[str, Evidence]) -> Iterator[str]:
        """What a user should know of this movie."""
        path = self.tree.file.path
        if not self.tree.linked and next(positions(self.tree), None) is None:
            yield f"{path}: holds no position, so it gives no plane and no object"
        finds = tables[table_name(self.resource, "planes")].finds
        if finds is not None:
            yield from finds.warnings(path)
        left = tables[table_name(self.resource, "attributes")].rows
        if left:
            name = table_name(self.resource, "attributes")
            yield f"{path}: {left:,} attributes and datasets have no table of their own, and are rows of {name}"

    def _leftovers(self) -> Iterator[attributes.Leftover]:
        left_out = {one.node.path for one in positions(self.tree) if not self._takes(one)}
        used = {node.key for found in self.definitions.tables() for node in found.nodes}
        told = set()
        for parts in self.parts():
            used |= parts.used()
            told |= {(*one.node.key, "valid") for one in parts.images if one.valid is not None}
        return attributes.leftovers(self.tree, used, told, list(positions(self.tree)), left_out)

    def _takes(self, position: Position) -> bool:
        return self.selection.takes(position.plate, position.well, position.site)

    def _finds(self) -> Finds | None:
        """What the resource's options find here; None where they take all."""
        if not self.selection:
            return None
        finds = Finds(self.selection)
        for position in positions(self.tree):
            finds.see_position(position.plate, position.well, position.site)
        for parts in self.parts():
            for image in parts.images:
                finds.see_planes(image.kind, self.definitions.plane_names(image))
            finds.see_frames(parts.frames or 0)
        return finds


def _opened(reading: Reading, resource: Resource) -> Tree:
    return Tree(reading.file, reading.in_place(), matching(resource), reading.max_image_bytes)
