"""How columns are named and described in the engine, which cannot hold every name."""

from __future__ import annotations

import re

import pyarrow as pa

RESERVED = re.compile(r"^_row")
AS_THEY_ARE = {b"lance-encoding:compression": b"none"}
"""How the engine stores files and packed images: they are compressed already, and trying again costs ten times the CPU (0.33
against 3.4 s/GB)."""
EACH_ALONE = {
    b"lance-encoding:structural-encoding": b"fullzip",
    b"lance-encoding:dict-divisor": b"1000000000",
}
"""And packed images: each behind its length however short it is, and without dictionaries, so that one is read alone."""
UNSAFE = re.compile(r"[.`%*]")


def stored_name(name: str) -> str:
    """Encode a column name that Lance cannot hold.

    Examples
    --------
    >>> stored_name("Cells.Area"), stored_name("_rowid"), stored_name("Well"), stored_name("100%")
    ('Cells%2EArea', '%5Frowid', 'Well', '100%25')
    """
    if not name:
        return "%"
    encoded = UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)
    return "%5F" + encoded[1:] if RESERVED.match(encoded) else encoded


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """The schema as Lance holds it: stored names, and how hard large values are compressed."""
    return pa.schema([_stored_field(field) for field in schema])


def _stored_field(field: pa.Field) -> pa.Field:
    stored = pa.field(stored_name(field.name), field.type, metadata=field.metadata)
    if pa.types.is_large_binary(field.type):
        packed = (
            EACH_ALONE if field.metadata else {}
        )  # files have no other key: the engine writes several in any order
        return stored.with_metadata({**(field.metadata or {}), **AS_THEY_ARE, **packed})
    return stored
