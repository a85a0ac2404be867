"""What has changed in a resource since the version before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .engine.local import cpus
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


def hashed(files: Sequence[SourceFile], rehash: bool = False) -> list[str]:
    """The sha256 of each file, unless `rehash` asks to read all of them: remembered where the file is as it was, and
    that of a fetched file the one that it was fetched with, which every reading checks."""
    begun = time.time_ns()
    known = {} if rehash else recalled(files)
    known |= {
        file.path: file.sha256 for file in files if file.sha256 and (not rehash or file.local == Path())
    }
    unknown = [file for file in files if file.path not in known]
    with ThreadPoolExecutor(cpus()) as pool:  # hashing leaves Python's lock
        fresh = dict(zip((file.path for file in unknown), pool.map(_sha256, unknown), strict=True))
    remember([(file, fresh[file.path]) for file in unknown], begun)
    return [known.get(file.path) or fresh[file.path] for file in files]


def _sha256(file: SourceFile) -> str:
    return look(file).sha256
