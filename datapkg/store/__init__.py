"""The storage engine, behind one door: the only package that knows Lance."""

from .files import HASH_CHUNK_BYTES, StoredFile, file_blake3, intact, storage_errors, table_uri
from .read import PinnedTable
from .write import (
    STAGING,
    TAG,
    Committed,
    Fragment,
    clear_staging,
    commit,
    pinned,
    set_aside,
    stored_name,
    write_fragment,
    write_pin,
)

__all__ = [
    "HASH_CHUNK_BYTES",
    "STAGING",
    "TAG",
    "Committed",
    "Fragment",
    "PinnedTable",
    "StoredFile",
    "clear_staging",
    "commit",
    "file_blake3",
    "intact",
    "pinned",
    "set_aside",
    "storage_errors",
    "stored_name",
    "table_uri",
    "write_fragment",
    "write_pin",
]
