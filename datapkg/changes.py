"""What has changed in a resource since the version before."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .engine.local import cpus
from .hashes import recalled, remember
from .reading import SourceFile, look


@dataclass(frozen=True, slots=True)
class Change:
    """Files of a resource that came, went or changed; `why` says what else asks for all of them to be read again."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    why: str = ""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.why)


def hashed(files: Sequence[SourceFile], rehash: bool = False) -> list[str]:
    """The sha256 of each file: remembered where the file is as it was, unless `rehash` asks to read all of them."""
    known = {} if rehash else recalled(files)
    unknown = [file for file in files if file.path not in known]
    with ThreadPoolExecutor(cpus()) as pool:  # hashing leaves Python's lock
        fresh = dict(zip((file.path for file in unknown), pool.map(_sha256, unknown), strict=True))
    remember([(file, fresh[file.path]) for file in unknown])
    return [known.get(file.path) or fresh[file.path] for file in files]


def _sha256(file: SourceFile) -> str:
    return look(file).sha256
