"""Walk HDF5 files link by link, so that nothing outside of the data root is ever opened.

HDF5 follows soft and external links by itself, opens raw data in other files, and looks for them in the current
folder too. Here each link is looked at before it is followed: soft links are walked, external links are opened
inside the root only, and links that lead nowhere, or round in a circle, are warnings and not crashes.

A link to a file that the resource itself matches is followed for its definitions, but what lies there is
`foreign`: it gives its rows where it belongs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unicodedata import normalize

import h5py

from ...addresses import root_of
from ...errors import SourceError
from ...reading import MISSING, SourceFile
from .nodes import LooseLinkError, Node, OpenFile, Trail
from .storage import checked_dataset
from .types import text

BROKEN = "copy the file again from where it came, or leave it out with `exclude`"


class Tree:
    """A movie's HDF5 tree, with what its links lead to.

    Parameters
    ----------
    file, local
        The movie, and where it is to be opened; the file's `root` is the folder that no link may leave.
    belongs
        Says whether a path, relative to the root, is a file that the resource matches.
    max_image_bytes
        What one plane may take.

    `loose` holds the links that lead nowhere by path, `warnings` says so in words; `linked` tells whether a link
    led to a file that the resource matches.
    """

    def __init__(
        self, file: SourceFile, local: Path, belongs: Callable[[str], bool], max_image_bytes: int
    ) -> None:
        self.file = file
        self.max_image_bytes = max_image_bytes
        self.loose: dict[str, str] = {}
        self.warnings: dict[str, None] = {}
        self.virtual: dict[tuple[str, str], bool] = {}
        self.linked = False
        self._belongs = belongs
        self._root = os.path.realpath(file.root)
        self._open: dict[str, OpenFile] = {}
        self._missing: dict[str, Path] = {}
        opened = self._opened(local, file.path)
        self.root = Node(opened.h5["/"], "", opened)

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *exception: object) -> None:
        for opened in self._open.values():
            opened.h5.close()

    def members(self) -> tuple[SourceFile, ...]:
        """The other files that links have led to, and those that they should have led to."""
        found = {
            one.name: (one.local, one.bytes) for one in self._open.values() if one.name != self.file.path
        }
        found |= {name: (local, MISSING) for name, local in self._missing.items()}
        return tuple(
            SourceFile(name, local, self.file.root, size) for name, (local, size) in sorted(found.items())
        )

    def place(self, node: Node | str) -> str:
        """Where an object is, for a message."""
        if isinstance(node, str):
            return f"{self.file.path}, {node}"
        there = "" if node.file.name == self.file.path else f" (in {node.file.name})"
        return f"{self.file.path}, {node.path or '/'}{there}"

    @contextmanager
    def reading(self, node: Node | str) -> Iterator[None]:
        """Turn what HDF5 says about damage into an error that names file and place."""
        try:
            yield
        except (OSError, RuntimeError, KeyError, ValueError, OverflowError, MemoryError) as error:
            reason = (str(error).strip("'\"").splitlines() or ["no reason given"])[0]
            told = f"cannot be read: this part of the file is damaged ({reason})"
            raise SourceError(told, self.place(node), BROKEN) from None

    def child(self, node: Node | None, *names: str) -> Node | None:
        """The object that `names` lead to, or None where there is none."""
        for name in names:
            node = self._child(node, name.encode()) if node is not None and node.is_group else None
        return node

    def children(self, node: Node | None) -> list[Node]:
        """All that lies in a group, ordered by name as bytes; links that lead nowhere are left out."""
        if node is None or not node.is_group:
            return []
        with self.reading(node):
            names = sorted(node.item.id)
        found = [self._child(node, name) for name in names]
        return [child for child in found if child is not None]

    def _child(self, node: Node, name: bytes) -> Node | None:
        path = f"{node.path}/{text(name)}"
        with self.reading(path):
            if not node.item.id.links.exists(name):
                return None
        try:
            return self._follow(node, name, path, Trail())
        except LooseLinkError as error:
            self.loose[path] = str(error)
            self.warnings[f"{self.place(path)}: {error}, so nothing was read there"] = None
            return None

    def _follow(self, node: Node, name: bytes, path: str, trail: Trail) -> Node:
        with self.reading(path):
            kind = node.item.id.links.get_info(name).type
            link: Any = None if kind == h5py.h5l.TYPE_HARD else node.item.id.links.get_val(name)
        if kind == h5py.h5l.TYPE_HARD:
            return Node(self._object(node, name, path), path, node.file, node.foreign)
        trail.step()
        if kind == h5py.h5l.TYPE_EXTERNAL:
            file_name, target = (part.decode("utf-8", "surrogateescape") for part in link)
            told = f"the link leads to {text(target)} in {text(file_name)}, which is not there"
            opened, foreign = self.linked_file(node.file, file_name, path)
            start = Node(opened.h5["/"], path, opened, node.foreign or foreign) if opened else None
        else:
            target = link.decode("utf-8", "surrogateescape")
            told = f"the link leads to {text(target)}, which is not there"
            start = Node(node.file.h5["/"], path, node.file, node.foreign) if target.startswith("/") else node
        return self.walk(start, target, path, trail, told)

    def walk(self, start: Node | None, target: str, path: str, trail: Trail, told: str) -> Node:
        """The object at `target`, as HDF5 writes it, seen from `start`; raises LooseLinkError(`told`)."""
        for name in target.split("/"):
            if start is None or not start.is_group:
                raise LooseLinkError(told)
            if name not in ("", "."):
                raw = name.encode("utf-8", "surrogateescape")
                with self.reading(path):
                    there = start.item.id.links.exists(raw)
                if not there:
                    raise LooseLinkError(told)
                start = self._follow(start, raw, path, trail)
        if start is None:
            raise LooseLinkError(told)
        return Node(start.item, path, start.file, start.foreign)

    def linked_file(self, file: OpenFile, name: str, path: str) -> tuple[OpenFile | None, bool]:
        """The file that a link in `file` names, if it is there, and whether the resource matches it."""
        local = self.inside(file, name, path)
        shown = self._prefix() + normalize("NFC", local.relative_to(self._root).as_posix())
        if not local.is_file():
            self._missing[shown] = local
            return None, False
        foreign = self._belongs(shown)
        self.linked |= foreign
        return self._opened(local, shown), foreign

    def inside(self, file: OpenFile, name: str, path: str) -> Path:
        """Where a file that `file` names would lie. Raises SourceError outside of the root."""
        local = Path(os.path.realpath(file.local.parent / name))
        if not local.is_relative_to(self._root):
            raise SourceError(
                f"a link leads to {text(name)}, which lies outside of the data root",
                self.place(path),
                "copy that file below the root and link to it there, or give a `root` that holds both files",
            )
        return local

    def _prefix(self) -> str:
        """What stands before the paths of this root, such as ``@plates/``."""
        return root_of(self.file.path)

    def _opened(self, local: Path, name: str) -> OpenFile:
        real = os.path.realpath(local)
        if real not in self._open:
            try:
                h5 = h5py.File(local, "r", locking="best-effort")
            except (OSError, RuntimeError, ValueError) as error:
                raise _not_hdf5(local, name, str(error)) from None
            self._open[real] = OpenFile(name, local, h5, local.stat().st_size)
        return self._open[real]

    def _object(self, node: Node, name: bytes, path: str) -> Any:
        with self.reading(path):
            if h5py.h5o.get_info(node.item.id, name).type != h5py.h5o.TYPE_DATASET:
                found = h5py.h5o.open(node.item.id, name)
                return h5py.Group(found) if isinstance(found, h5py.h5g.GroupID) else h5py.Datatype(found)
        return checked_dataset(self, node, name, path)


def _not_hdf5(local: Path, name: str, reason: str) -> SourceError:
    size = local.stat().st_size
    if size == 0:
        return SourceError("is empty (0 bytes)", name, BROKEN)
    if "truncated" in reason:
        return SourceError(f"is cut short: it ends after {size:,} bytes", name, BROKEN)
    if "lock" in reason:
        fix = "close the program that writes to it, and build again"
        return SourceError("is locked: another program has it open", name, fix)
    told = "is no HDF5 file, or its first bytes are damaged; a CellH5 movie is an HDF5 file"
    return SourceError(told, name, BROKEN)
