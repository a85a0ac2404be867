"""What a resource's schema promises about its rows together: keys and references, by the names they are told with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .models import FieldModel, ForeignKey, Manifest, Resource


@dataclass(frozen=True, slots=True)
class Key:
    """Columns whose values together are different in each row; a primary key's have a value in each row too."""

    name: str
    columns: tuple[str, ...]
    primary: bool = False


def category_values(field: FieldModel) -> list[Any]:
    """The values that a field declares as its categories, without their labels.

    Examples
    --------
    >>> category_values(FieldModel.model_validate({"name": "x", "categories": [{"value": 1, "label": "one"}, 2]}))
    [1, 2]
    """
    return [item["value"] if isinstance(item, dict) else item for item in field.categories or ()]


def keys_of(resource: Resource) -> list[Key]:
    """All keys that a resource declares.

    Examples
    --------
    >>> schema = {"primaryKey": ["Plate", "Well"], "uniqueKeys": [["Barcode"]]}
    >>> wells = Resource.model_validate({"name": "wells", "path": "w.csv", "type": "table", "schema": schema})
    >>> [key.name for key in keys_of(wells)]
    ['primaryKey [Plate, Well]', 'uniqueKeys [Barcode]']
    """
    schema = resource.table_schema
    found = []
    if schema.primary_key:
        found.append(Key(f"primaryKey {_listed(schema.primary_key)}", schema.primary_key, primary=True))
    found += [Key(f"uniqueKeys {_listed(columns)}", columns) for columns in schema.unique_keys]
    found += [
        Key(f"the constraint unique of `{field.name}`", (field.name,))
        for field in schema.fields
        if field.constraints.unique
    ]
    return found


def reference_name(key: ForeignKey, resource: Resource) -> str:
    """How a foreign key of a resource is told of."""
    target = key.reference.resource or resource.name
    return f"foreignKeys {_listed(key.fields)} -> {target} {_listed(key.reference.fields)}"


def promises(manifest: Manifest, table: str) -> list[str]:
    """Everything of that kind that a manifest declares for the table of a text resource."""
    return [
        told
        for resource in manifest.resources
        if resource.name == table and resource.tabular
        for told in (
            *(key.name for key in keys_of(resource)),
            *(reference_name(key, resource) for key in resource.table_schema.foreign_keys),
        )
    ]


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"
