"""Files that the arguments of a function name, such as the weights of a model: what is in them decides its values.

``{file: model.pt}`` stands for a file beside the manifest, ``{folder: training}`` for all files below a folder, and
``@name/...`` for a place in a folder of `allow`. The function gets the path.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from ..errors import DeriveError, nearest
from ..files import Files
from ..hashes import recalled, remember
from ..manifest.derivations import given_files, given_kind
from ..manifest.load import LoadedManifest
from ..reading import SourceFile, look


@dataclass(frozen=True, slots=True)
class Beside:
    """Where the files that a manifest's functions take are looked for."""

    folder: Path
    allow: Mapping[str, Path]

    @classmethod
    def of(cls, loaded: LoadedManifest) -> Beside:
        """The places that a manifest may name."""
        return cls(loaded.path.absolute().parent, loaded.allow)

    def hashes(self, args: Mapping[str, Any]) -> dict[str, str]:
        """The hashes of all files and folders that arguments name, by these names.

        Raises
        ------
        DeriveError
            One is not there, or lies outside of the manifest's folder and of `allow`.
        """
        return {text: _hash(self._local(kind, text), text) for kind, text in given_files(args)}

    def paths(self, args: Any) -> Any:
        """The arguments with paths of this machine in the place of the files."""
        if kind := given_kind(args):
            return str(self._local(kind, args[kind]))
        if isinstance(args, Mapping):
            return {name: self.paths(value) for name, value in args.items()}
        return [self.paths(value) for value in args] if isinstance(args, list | tuple) else args

    def _local(self, kind: str, text: str) -> Path:
        where = f"args, {kind} {text}"
        base, rest = self.folder, text
        if text.startswith("@"):
            name, _, rest = text[1:].partition("/")
            if name not in self.allow:
                fix = nearest(f"@{name}", [f"@{one}" for one in self.allow])
                raise DeriveError(f"allow has no folder {name!r}", where, fix)
            base = self.allow[name]
        path = base / rest
        if not (path.is_file() if kind == "file" else path.is_dir()):
            raise DeriveError(
                f"there is no such {kind}: {path}", where, f"correct the path, or put the {kind} there"
            )
        inside = [one.resolve() for one in (self.folder, *self.allow.values())]
        if not any(path.resolve().is_relative_to(one) for one in inside):
            fix = "list its folder under allow, and write @name/... for it"
            raise DeriveError("lies outside of the manifest's folder", where, fix)
        return path


def function_folders(loaded: LoadedManifest) -> set[Path]:
    """The folders that the functions of a manifest are read from, and the files that their arguments name."""
    beside, found = Beside.of(loaded), set()
    for entry in loaded.manifest.derive:
        names = [text for _, text in given_files(entry.args)]
        found |= {beside.allow[text[1:].partition("/")[0]] for text in names if text.startswith("@")}
        if ".py:" in entry.function or any(not text.startswith("@") for text in names):
            found.add(beside.folder)
    return found


def _hash(path: Path, text: str) -> str:
    if path.is_file():
        return _sha256s(Files.of([_file(path, path.parent, text)]))[0]
    found = [
        _file(one, path, one.relative_to(path).as_posix())
        for one in sorted(path.rglob("*"))
        if one.is_file() and not any(part.startswith(".") for part in one.relative_to(path).parts)
    ]
    files = Files.of(sorted(found, key=lambda one: one.path.encode()))
    digest = blake3()
    for shown, sha256 in zip(files.paths, _sha256s(files), strict=True):
        digest.update(f"{shown}\0{sha256}\n".encode())
    return str(digest.hexdigest())


def _file(path: Path, root: Path, shown: str) -> SourceFile:
    return SourceFile(shown, path, root, path.stat().st_size)


def _sha256s(files: Files) -> list[str]:
    known, begun = recalled(files), time.time_ns()
    at = [number for number, sha256 in enumerate(known) if not sha256]
    for number in at:
        known[number] = look(files[number]).sha256
    remember(files.take(np.array(at, np.int64)), [known[number] for number in at], begun)
    return known
