"""The storage engine, behind one door: the only package that knows Lance."""

from ..places import storage_errors
from .blobs import GAPPED_VALUES, LONE, NOTHING
from .chunks import PACKED, PLAIN, ChunkForm, index_of, numbers
from .codings import MISSING, SAME, Coding, dictionary
from .files import Fragment, Pages, StoredFile, intact, table_uri
from .forms import looks_of, unpacked_text
from .fragment import write_fragment
from .kept import places_of
from .layers import Layer
from .names import stored_name
from .pages import BLOBS
from .placed import CHUNKS, CODED, GAPPED, LINES, VALUES
from .read import PinnedTable, damage, fragment_sizes, map_file, read_parts
from .repeats import SHARED, SHARED_VALUES, entries_of, entries_of_rows
from .update import update
from .write import (
    TAG,
    Committed,
    Staged,
    built,
    commit,
    manifest_name,
    pin_content,
    pins,
    set_aside,
    staged,
    tag_path,
    write_pin,
)

__all__ = [
    "BLOBS",
    "CHUNKS",
    "CODED",
    "GAPPED",
    "GAPPED_VALUES",
    "LINES",
    "LONE",
    "MISSING",
    "NOTHING",
    "PACKED",
    "PLAIN",
    "SAME",
    "SHARED",
    "SHARED_VALUES",
    "TAG",
    "VALUES",
    "ChunkForm",
    "Coding",
    "Committed",
    "Fragment",
    "Layer",
    "Pages",
    "PinnedTable",
    "Staged",
    "StoredFile",
    "built",
    "commit",
    "damage",
    "dictionary",
    "entries_of",
    "entries_of_rows",
    "fragment_sizes",
    "index_of",
    "intact",
    "looks_of",
    "manifest_name",
    "map_file",
    "numbers",
    "pin_content",
    "pins",
    "places_of",
    "read_parts",
    "set_aside",
    "staged",
    "storage_errors",
    "stored_name",
    "table_uri",
    "tag_path",
    "unpacked_text",
    "update",
    "write_fragment",
    "write_pin",
]
