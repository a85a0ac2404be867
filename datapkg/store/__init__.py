"""The storage engine, behind one door: the only package that knows Lance."""

from .files import HASH_CHUNK_BYTES, StoredFile, file_blake3, intact, storage_errors, table_uri
from .read import PinnedTable, fragment_sizes
from .update import update
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
    "fragment_sizes",
    "intact",
    "pinned",
    "set_aside",
    "staged",
    "staging",
    "storage_errors",
    "stored_name",
    "table_uri",
    "update",
    "write_fragment",
    "write_pin",
]
