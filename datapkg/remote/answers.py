"""What a server gives when it is asked for a file, or for the rest of one: the same from the web, a bucket, a folder."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

Pieces = Generator[bytes, None, None]


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of a file from `start` on.

    `total` is the size of the whole file where the server says it, `tag` its mark of the file's state, empty where it
    gives none. `is_page` says that it calls what it sends a web page. Whoever takes the pieces closes them.
    """

    start: int
    total: int | None
    tag: str
    pieces: Pieces
    is_page: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted: all bytes from `start` on if the file's state is still `tag`, else the whole file.

    `known` is the mark of a state that need not be sent again. Without a mark the rest is taken as it comes: then only
    a hash can tell whether it fits.
    """

    start: int = 0
    tag: str = ""
    known: str = ""


def nothing() -> Pieces:
    """No bytes at all."""
    yield from ()


class UnmodifiedError(Exception):
    """The file's state is the one that is known."""


class Server(Protocol):
    """One file's server."""

    def ask(self, asked: Asked) -> Answer:
        """Ask for the file, or for the rest of it.

        Raises
        ------
        SourceError
            There is no such file, it may not be read, or it is not served as it should be.
        InterruptedTransferError
            The server cannot be reached, or fails for now.
        UnmodifiedError
            The file's state is the known one.
        """
        ...
