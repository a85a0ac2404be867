"""Where a dataset's bytes really lie, and whether they can be there at all.

A dataset may claim any shape: what was never written costs no byte in the file, and reads as zeros. An interrupted
movie is like that and is read; a file of some kilobytes that claims petabytes is refused before memory is asked
for. A dataset may also take its values from other files (external raw storage, virtual datasets), which look like
plain ones: these files must lie inside of the data root, and be there, for HDF5 reads missing ones as zeros.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from ...errors import SourceError
from .nodes import LooseLinkError, Node, Trail
from .types import text

if TYPE_CHECKING:
    from .links import Tree

PLANE_BYTES = 1 << 30
"""No camera gives a plane this large; HDF5 also needs a whole chunk in memory."""
UNWRITTEN_PIXEL_BYTES = 16 << 30
"""What an interrupted movie may lack, at the least."""
UNWRITTEN_ROW_BYTES = 64 << 20
UNWRITTEN_PER_BYTE = 64
CACHE_BYTES = 256 << 20
CACHE_SLOTS = 10007
PREEMPTION = 0.75
"""HDF5's own. At 1.0 chunks that were read in part are never dropped (HDF5 2.0): 1.4 GB for a movie of 1.5 GB."""
COUNT = 1_000_000
MENDED = "write the file again, or leave it out with `exclude`"


def checked_dataset(tree: Tree, group: Node, name: bytes, path: str) -> Any:
    """Open a dataset once it is sure that its bytes lie inside of the root."""
    with tree.reading(path):
        found = h5py.h5d.open(group.item.id, name)
        plist = found.get_create_plist()
        external = [plist.get_external(i) for i in range(plist.get_external_count())]
        kind = plist.get_layout()
    if external:
        _check_external(tree, group, external, path)
    if kind == h5py.h5d.VIRTUAL:
        _check_virtual(tree, group, plist, path)
    with tree.reading(path):
        cache_bytes = _plane_cache_bytes(found, plist.get_chunk()) if kind == h5py.h5d.CHUNKED else 0
        if cache_bytes:
            del found  # HDF5 keeps the settings of the first opening for as long as it is open
            access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
            access.set_chunk_cache(CACHE_SLOTS, cache_bytes, PREEMPTION)
            found = h5py.h5d.open(group.item.id, name, access)
        return h5py.Dataset(found)


def _plane_cache_bytes(found: Any, chunks: tuple[int, ...]) -> int:
    """What holds a chunk until its last plane was read, in the order c, t, z; 0: HDF5's own."""
    if len(chunks) != 5:
        return 0
    _, _, z, y, x = (-(-length // chunk) for length, chunk in zip(found.shape, chunks, strict=True))
    again = z if chunks[1] > 1 else 1
    return int(min(again * y * x * prod(chunks) * found.get_type().get_size(), CACHE_BYTES))


def _check_external(tree: Tree, group: Node, parts: list[tuple[bytes, int, int]], path: str) -> None:
    for raw, offset, size in parts:
        name = raw.decode("utf-8", "surrogateescape")
        local = tree.inside(group.file, name, path)
        length = 0 if size == h5py.h5f.UNLIMITED else size
        # HDF5 looks for a relative name in the folder that a program happens to run in
        if not Path(name).is_absolute() or not local.is_file() or local.stat().st_size < offset + length:
            raise SourceError(
                f"its values lie in another file, {text(name)}, which is not there, is cut short, or depends on"
                " the folder that a program runs in",
                tree.place(path),
                "put the values into the movie itself (`h5repack` does it), or leave it out with `exclude`",
            )


def _check_virtual(tree: Tree, group: Node, plist: Any, path: str) -> None:
    sources = {
        (plist.get_virtual_filename(i), plist.get_virtual_dsetname(i))
        for i in range(plist.get_virtual_count())
    }
    for name, target in sorted(sources):
        told = f"its values come from {target} in {name}, which is not there"
        try:
            _check_virtual_source(tree, group, name, target, path, told)
        except LooseLinkError as error:
            fix = f"put {name} beside the movie, or leave the movie out with `exclude`"
            raise SourceError(str(error), tree.place(path), fix) from None


def _check_virtual_source(tree: Tree, group: Node, name: str, target: str, path: str, told: str) -> None:
    opened = group.file if name == "." else tree.linked_file(group.file, name, path)[0]
    if (
        opened is None or "%" in name + target
    ):  # a % stands for numbers: files that cannot be named beforehand
        raise LooseLinkError(told)
    done = tree.virtual.get((str(opened.local), target))
    if done is False:
        raise LooseLinkError(f"its values come from {target} in {name}, which is made of itself")
    if done is None:
        tree.virtual[str(opened.local), target] = False
        tree.walk(Node(opened.h5["/"], path, opened), target, path, Trail(), told)
        tree.virtual[str(opened.local), target] = True


def check_claim(tree: Tree, node: Node, *, pixels: bool) -> None:
    """Refuse a dataset whose shape claims far more than the file can hold.

    Raises
    ------
    SourceError
        A plane or chunk is too large, or too much of it was never written.
    """
    dataset = node.item
    with tree.reading(node):
        shape = dataset.shape or ()
        item_bytes = max(node.dtype.itemsize, 1)
        claimed = prod(shape) * item_bytes
        chunk_bytes = prod(dataset.chunks) * item_bytes if dataset.chunks else 0
        written = _written_bytes(dataset, claimed, chunk_bytes)
    plane_bytes = prod(shape[-2:]) * item_bytes if pixels else 0
    if plane_bytes > PLANE_BYTES:
        told = f"claims planes of {_shape(shape[-2:])} pixels, which no microscope takes"
        raise SourceError(told, tree.place(node), MENDED)
    if chunk_bytes > PLANE_BYTES:
        told = f"is stored in chunks of {chunk_bytes >> 20:,} MiB, too large to read one at a time"
        raise SourceError(told, tree.place(node), MENDED)
    unwritten = claimed - written
    limit = max(
        UNWRITTEN_PIXEL_BYTES if pixels else UNWRITTEN_ROW_BYTES, UNWRITTEN_PER_BYTE * node.file.bytes
    )
    count = prod(shape[:-2]) if pixels else prod(shape[:1])
    if unwritten > limit or (count > max(COUNT, node.file.bytes) and (unwritten or not claimed)):
        raise SourceError(
            f"claims {_shape(shape)} values ({claimed / 1e9:,.0f} GB), but most of them were never written: the"
            f" whole file has {node.file.bytes / 1e6:,.3f} MB",
            tree.place(node),
            MENDED,
        )
    if pixels and claimed and not written:
        tree.warnings[
            f"{tree.place(node)}: no plane of it was ever written, so all its pixels are the same"
        ] = None


def _written_bytes(dataset: Any, claimed: int, chunk_bytes: int) -> int:
    if dataset.external:
        return claimed  # its files are there in full length
    if dataset.is_virtual:
        return 0
    if chunk_bytes:
        return min(claimed, int(dataset.id.get_num_chunks()) * chunk_bytes)
    return claimed if dataset.id.get_storage_size() else 0


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{length:,}" for length in shape)
