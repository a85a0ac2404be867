"""The storage engine, behind one door: the only package that knows Lance."""

from .files import HASH_CHUNK_BYTES, StoredFile, file_blake3, intact, storage_errors, table_uri
from .read import PinnedTable
from .write import (
    STAGING,
    TAG,
    Committed,
    Fragment,
    Staged,
    clear_staging,
    commit,
    pinned,
    set_aside,
    staged,
    staging,
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
    "Staged",
    "StoredFile",
    "clear_staging",
    "commit",
    "file_blake3",
    "intact",
    "pinned",
    "set_aside",
    "staged",
    "staging",
    "storage_errors",
    "stored_name",
    "table_uri",
    "write_fragment",
    "write_pin",
]
