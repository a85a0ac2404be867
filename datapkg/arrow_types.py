"""Types as manifests and records write them, as Arrow's."""

from __future__ import annotations

import pyarrow as pa

from .manifest.types import TypeTree, type_tree

ARROW = {
    "string": pa.string(),
    "binary": pa.large_binary(),
    "bool": pa.bool_(),
    "date": pa.date32(),
}
RECORDED = {"null": pa.null(), "date32[day]": pa.date32()} | {
    f"time{bits}[{unit}]": kind(unit)
    for bits, kind, units in ((32, pa.time32, ("s", "ms")), (64, pa.time64, ("us", "ns")))
    for unit in units
}
"""What records name and manifests cannot."""


def arrow_type(tree: TypeTree) -> pa.DataType:
    """The Arrow type of a type's text.

    Examples
    --------
    >>> arrow_type(type_tree("list<struct<label: string, score: float32>>"))
    ListType(list<item: struct<label: string, score: float>>)
    """
    if tree.name == "list":
        return pa.list_(arrow_type(tree.inside[0]))
    if tree.name == "struct":
        return pa.struct([(name, arrow_type(one)) for name, one in zip(tree.words, tree.inside, strict=True)])
    if tree.name == "timestamp":
        return pa.timestamp(tree.words[0], tree.words[1] if len(tree.words) > 1 else None)
    return ARROW.get(tree.name) or pa.type_for_alias(tree.name)


def recorded_type(text: str) -> pa.DataType:
    """The Arrow type of a logical type, as a record names it. Raises ValueError where there is none.

    Examples
    --------
    >>> recorded_type("date32[day]"), recorded_type("list<float32>")
    (DataType(date32[day]), ListType(list<item: float>))
    """
    return RECORDED.get(text) or arrow_type(type_tree(text))
