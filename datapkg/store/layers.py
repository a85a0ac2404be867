"""Columns beside a table's rows: each layer has a data file of its own in every fragment, so that no other is written again.

A layer's file has as many rows as were ever written into its fragment, deleted ones included: there it holds nulls.
The engine knows columns by numbers. A file names those that its columns have in the table's schema, so a file that was
written alone gets them when it is put beside a fragment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import StoreError
from .files import Fragment
from .names import stored_schema

if TYPE_CHECKING:
    import lance

Numbers = Mapping[str, Sequence[int]]
"""The engine's numbers of a column and all that is nested in it, by the column's stored name."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Columns that follow a table's own: their schema, under true names, and the files that were written for them.

    `files` holds them by fragment: the number of one that is there, or -1 for the first new one, -2 for the second
    and so on. A fragment that is there and has no entry keeps the file that it has.
    """

    schema: pa.Schema
    files: Mapping[int, Fragment]


def numbers_of(schema: Any) -> dict[str, list[int]]:
    """The numbers that the engine's own schema gives its columns."""
    return {field.name(): list(_numbers(field)) for field in schema.fields()}


def whole_schema(schema: pa.Schema, layers: Sequence[Layer]) -> pa.Schema:
    """The stored schema of a table with its layers."""
    return pa.schema(
        [field for part in (schema, *(one.schema for one in layers)) for field in stored_schema(part)]
    )


def with_layers(fragment: Any, at: int, layers: Sequence[Layer], numbers: Numbers) -> Any:
    """The engine's description of a fragment, with those files of layers that were written for it.

    Parameters
    ----------
    at
        The fragment, as `Layer.files` counts them.
    numbers
        Those of the table as it will be.

    Raises
    ------
    StoreError
        A layer has no file for it, neither written nor there.
    """
    from lance.fragment import FragmentMetadata

    described = fragment.to_json()
    for layer in layers:
        names = stored_schema(layer.schema).names
        own = numbers_among(names, numbers)
        beside = [file for file in described["files"] if set(own).isdisjoint(file["fields"])]
        if at in layer.files:
            described["files"] = [*beside, *renumbered(json.loads(layer.files[at].metadata)["files"], own)]
        elif len(beside) == len(described["files"]):
            raise StoreError(
                f"no values of {', '.join(layer.schema.names)} are stored for a part of the rows",
                fix="make sure that nothing else writes to the package, and build again",
            )
    return FragmentMetadata.from_json(json.dumps(described))


def numbers_among(names: Sequence[str], numbers: Numbers) -> list[int]:
    """The numbers that columns, by their stored names, have among those of a table; what is nested in them has its own."""
    return [number for name in names for number in numbers[name]]


def renumbered(files: Sequence[Mapping[str, Any]], own: Sequence[int]) -> list[dict[str, Any]]:
    """Descriptions of files that were written by themselves, with the numbers that their columns have in a table.

    Examples
    --------
    >>> renumbered([{"path": "a.lance", "fields": [0, 1]}], [4, 5])
    [{'path': 'a.lance', 'fields': [4, 5]}]
    """
    return [{**file, "fields": [own[number] for number in file["fields"]]} for file in files]


def with_columns(
    dataset: lance.LanceDataset, own: Sequence[str], layers: Sequence[Layer]
) -> lance.LanceDataset:
    """The table with the columns of its layers, and with none but those and its `own` (stored names)."""
    there = {field.name: field.type for field in dataset.schema}
    wanted = {field.name: field for layer in layers for field in stored_schema(layer.schema)}
    gone = [
        name
        for name, kind in there.items()
        if name not in own and (name not in wanted or wanted[name].type != kind)
    ]
    if gone:
        dataset.drop_columns(gone)
    new = [field for name, field in wanted.items() if name not in there or name in gone]
    if new:
        dataset.add_columns(pa.schema(new))
    return dataset


def _numbers(field: Any) -> Iterator[int]:
    yield field.id()
    for child in field.children():
        yield from _numbers(child)
