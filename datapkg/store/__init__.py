"""The storage engine, behind one door: the only package that knows Lance."""

from ..places import storage_errors
from .chunks import ChunkForm, index_of, numbers
from .files import Fragment, Pages, StoredFile, intact, table_uri
from .forms import from_text as forms_from_text
from .layers import Layer
from .names import stored_name
from .pages import BLOBS, LONE
from .placed import CHUNKS, LINES, VALUES
from .read import PinnedTable, damage, fragment_sizes, map_file, read_parts
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
    write_fragment,
    write_pin,
)

__all__ = [
    "BLOBS",
    "CHUNKS",
    "LINES",
    "LONE",
    "TAG",
    "VALUES",
    "ChunkForm",
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
    "forms_from_text",
    "fragment_sizes",
    "index_of",
    "intact",
    "manifest_name",
    "map_file",
    "numbers",
    "pin_content",
    "pins",
    "read_parts",
    "set_aside",
    "staged",
    "storage_errors",
    "stored_name",
    "table_uri",
    "tag_path",
    "update",
    "write_fragment",
    "write_pin",
]
