"""What a resource is, from the suffixes of its files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..addresses import named, scheme_of, without_secrets
from ..errors import nearest
from .addresses import names_many
from .document import Node
from .mistakes import Mistakes

SUFFIXES = {
    **dict.fromkeys(("csv", "tsv", "txt"), "table"),
    **dict.fromkeys(("tif", "tiff", "btf", "stk", "lsm", "svs"), "images"),
    **dict.fromkeys(
        ("png", "jpg", "jpeg", "jls", "bmp", "jp2", "j2k", "jxl", "webp", "gif", "qoi"), "images"
    ),
    **dict.fromkeys(("heic", "heif", "hif", "avif", "jxr", "exr", "hdr", "fits", "fit", "fts"), "images"),
    **dict.fromkeys(("pbm", "pgm", "ppm", "pnm", "pam", "pfm"), "images"),
    "ch5": "ch5",
    **dict.fromkeys(("db", "sqlite", "sqlite3", "db3"), "sqlite"),
}
CHOOSE = 'choose files of the archive, such as members: "plate1/*.tif"'
HINTS = {
    "xlsx": "save the sheet as CSV", "xls": "save the sheet as CSV", "ods": "save the sheet as CSV",
    "h5": "if it is a CellH5 file, write type: ch5", "hdf5": "if it is a CellH5 file, write type: ch5",
    "parquet": "write it as CSV", "zip": CHOOSE, "tar": CHOOSE, "tgz": CHOOSE,
    "czi": "convert it to OME-TIFF", "nd2": "convert it to OME-TIFF", "lif": "convert it to OME-TIFF",
    "dcm": "export it as TIFF", "mrc": "export it as TIFF", "npy": "save it with `tifffile.imwrite`",
    "dat": "write type: table, if it is text",
    **dict.fromkeys(("db", "sqlite", "sqlite3", "db3"), "add a resource for a table or a query of it"),
}  # fmt: skip


def kind_of(path: str) -> str | None:
    """`table`, `images`, `ch5` or `sqlite`, or None where the suffix does not say; the case of letters does not count.

    Examples
    --------
    >>> kind_of("profiles/*.csv.gz"), kind_of("images/**/*.tif*"), kind_of("notes.docx")
    ('table', 'images', None)
    """
    suffix = suffix_of(path)
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    before_glob = re.match(r"[a-z0-9]+(?=[*?\[])", suffix)
    return SUFFIXES.get(before_glob[0]) if before_glob else None


def suffix_of(path: str) -> str:
    """The last suffix of a file name, without ``.gz``, in lower case; ``[tT]`` is a t."""
    name = named(path).rsplit("/", 1)[-1].lower()
    name = re.sub(r"\[([a-z0-9])\1\]", r"\1", name).removesuffix(".gz")
    return name.rpartition(".")[2] if "." in name else ""


def is_many(path: Any) -> bool:
    """Whether a resource's `path`, as it was written, can name more than one file."""
    return isinstance(path, list) or (isinstance(path, str) and names_many(path))


def settle_kind(resource: dict[str, Any], node: Node, mistakes: Mistakes) -> None:
    """Fill in a resource's `type` where the manifest does not give it; of archives, what is chosen of them tells it."""
    if "type" in resource:
        return
    resource["type"] = (
        "table"  # what `data` is; it also stands in where there is a mistake, so that other mistakes are found too
    )
    key = "members" if "members" in resource else "path"
    written = resource.get(key)
    paths = [written] if isinstance(written, str) else written if isinstance(written, list) else []
    files = [path for path in paths if isinstance(path, str) and (scheme_of(path) or not path.endswith("/"))]
    kinds = {path: kind_of(path) for path in files}
    if not kinds:
        return
    place = (node.get(key) or node).place
    if None in kinds.values():
        unclear = next(path for path, kind in kinds.items() if kind is None)
        what = f"the type of {without_secrets(unclear)!r} cannot be told from its suffix"
        mistakes.add(place, what, _unclear(unclear))
    elif len(set(kinds.values())) > 1:
        mixed = " and ".join(_kinds_in_order(kinds.values()))
        mistakes.add(
            place, f"the paths name {mixed}: these do not fit one table", "make a resource for each type"
        )
    else:
        resource["type"] = next(iter(kinds.values()))


def _kinds_in_order(kinds: Iterable[str | None]) -> list[str]:
    return sorted({kind for kind in kinds if kind})


def _unclear(path: str) -> str:
    suffix = suffix_of(path)
    if suffix in HINTS:
        return (
            HINTS[suffix]
            if suffix in ("h5", "hdf5", "dat", "zip", "tar", "tgz")
            else f".{suffix} is not read: {HINTS[suffix]}"
        )
    if re.search(r"\{[^{}]*,[^{}]*\}", path):
        return "braces are no glob: write a list of paths, [a.tif, a.tiff]"
    known = ", ".join(f".{name}" for name in SUFFIXES)
    close = nearest(suffix, SUFFIXES) if suffix else ""
    meant = f"{close} " if close.startswith("did") else ""
    return f"{meant}add type: table, images, ch5 or sqlite (known suffixes: {known}, and .gz behind those of tables)"
