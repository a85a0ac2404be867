"""What has changed in a resource since the version before."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .engine.local import cpus
from .files import Files
from .hashes import recalled, remember
from .reading import SourceFile, look


@dataclass(frozen=True, slots=True)
class Change:
    """Files of a resource that came, went or changed; `why` says what else asks for all of them to be read again.

    `moved` says that the files are listed in another order.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    why: str = ""
    moved: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.why or self.moved)


def hashed(files: Files, rehash: bool = False) -> list[str]:
    """The sha256 of each file, unless `rehash` asks to read all of them: remembered where the file is as it was, and
    that of a fetched file the one that it was fetched with, which every reading checks."""
    begun = time.time_ns()
    known = [""] * len(files) if rehash else recalled(files)
    for at, file in files.odd():
        if file.sha256 and (not rehash or file.local == Path()):
            known[at] = file.sha256
    unknown = [at for at, sha256 in enumerate(known) if not sha256]
    if unknown:
        with ThreadPoolExecutor(cpus()) as pool:  # hashing leaves Python's lock
            for at, sha256 in zip(unknown, pool.map(_sha256, (files[at] for at in unknown)), strict=True):
                known[at] = sha256
        fresh = files if len(unknown) == len(files) else files.take(np.array(unknown, np.int64))
        remember(fresh, [known[at] for at in unknown], begun)
    return known


def _sha256(file: SourceFile) -> str:
    return look(file).sha256
