"""One transfer: from a server into the cache, gone on with where it broke off, and held to its hash.

Bytes go to a part file, and become a file of the cache when all of them are there and their hash is right. What was
written before a transfer broke off, or before the process was stopped, is used by the next one, if the server's mark
says that the file is the same, or if a hash can tell at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from ..errors import SourceError
from .answers import Answer, Asked, Server
from .patience import InterruptedTransferError, Patience
from .vault import Part, PartWriter

WEAK = "W/"
"""What a mark begins with that says only that the file means the same, not that its bytes are."""
HTML = (b"<!doctype html", b"<html")
Note = Callable[[int, int | None], None]
"""Called with the bytes that are there, and the size of the whole where it is known."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The hash that a file must have, such as ``sha256:0123...``; empty where it is to be learned.

    `said_by` names who says so, `accept` how another file becomes the right one.
    """

    hash: str = ""
    said_by: str = ""
    accept: str = ""

    def fits(self, part: Part, sha256: str) -> bool:
        """Whether a file is the right one."""
        return not self.hash or self._found(part, sha256) == self.hash

    def refused(self, part: Part, sha256: str, shown: str) -> SourceError:
        """What to say where it is not."""
        found = self._found(part, sha256)
        what = (
            f"is not the file that {self.said_by} means: it has {found}, and {self.said_by} says {self.hash}"
        )
        return SourceError(
            what, shown, f"find out why; if the new file is right, {self.accept.format(hash=found)}"
        )

    def _found(self, part: Part, sha256: str) -> str:
        kind = self.hash.partition(":")[0]
        return f"{kind}:{sha256 if kind == 'sha256' else hashed(part, kind)}"


def transfer(
    server: Server,
    part: Part,
    expected: Expected,
    shown: str,
    patience: Patience,
    note: Note,
    known: str = "",
) -> tuple[str, int, str]:
    """Fetch one file into the cache.

    Parameters
    ----------
    server, part, expected, shown
        Who has it, what there is of it, what it must be, and how it is called.
    patience
        When to try again, and when to give up.
    note
        Told how far it is.
    known
        The server's mark of a state that need not be fetched.

    Returns
    -------
    The sha256 of the file, its bytes, and the server's mark of its state.

    Raises
    ------
    SourceError
        It cannot be had, or is another file. The cache is as it was, but for the part.
    UnmodifiedError
        Its state is the known one.
    """
    resumed = _filled(server, part, expected, shown, patience, note, known)
    sha256 = hashed(part, "sha256")
    if not expected.fits(part, sha256) and resumed:  # the pieces may be of two states of the file
        part.drop()
        _filled(server, part, expected, shown, patience, note, "")
        sha256 = hashed(part, "sha256")
    if not expected.fits(part, sha256):
        refused = expected.refused(part, sha256, shown)
        part.drop()
        raise refused
    size, tag = part.bytes, part.tag
    part.keep(sha256)
    return sha256, size, tag


def hashed(part: Part, kind: str) -> str:
    """The hash of a part, in hex."""
    digest = hashlib.new(kind, usedforsecurity=False)
    for piece in part.read():
        digest.update(piece)
    return digest.hexdigest()


def _filled(
    server: Server, part: Part, expected: Expected, shown: str, patience: Patience, note: Note, known: str
) -> bool:
    """Fetch until all bytes are there; whether they are from more than one answer."""
    resumed = False
    while True:
        certain = bool(part.tag) and not part.tag.startswith(WEAK)
        before = part.bytes if certain or expected.hash else 0
        try:
            answer = server.ask(Asked(before, part.tag, known))
            resumed = resumed or answer.start > 0
            _take(answer, part, note)
            if answer.is_page and not expected.hash:
                _refuse_page(part, shown)
            return resumed
        except InterruptedTransferError as error:
            at, known = part.bytes, known if not part.bytes else ""
            if not patience.again(error, at - before):
                fix = "build again: what was fetched so far is kept; DATAPKG_MIRROR can name a copy"
                what = (
                    f"{error.what}, in {patience.failures} tries one after the other ({at:,} bytes are here)"
                )
                raise SourceError(what, shown, fix) from None


def _take(answer: Answer, part: Part, note: Note) -> None:
    """Write what an answer brings. Raises InterruptedTransferError where it is not all that was promised."""
    at = answer.start
    with closing(answer.pieces) as pieces, _at_its_end(part, answer) as writer:
        note(at, answer.total)
        for piece in pieces:
            writer.write(piece)
            at += len(piece)
            note(at, answer.total)
    if answer.total is not None and at != answer.total:
        if at > answer.total:
            part.drop()
        raise InterruptedTransferError(
            f"the server sent {at:,} bytes of a file that it says has {answer.total:,}"
        )


def _at_its_end(part: Part, answer: Answer) -> AbstractContextManager[PartWriter]:
    """Go on with the part, or begin it with an answer that is from the file's beginning."""
    if answer.start == 0:
        part.begin(answer.tag)
    return part.writing()


def _refuse_page(part: Part, shown: str) -> None:
    """A page to log in, or one that says that there is no such file, is not what anybody means."""
    head = bytes(next(part.read(), b""))[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(HTML):
        part.drop()
        fix = (
            "open it in a browser: perhaps it asks to log in, or there is another address for the file itself"
        )
        raise SourceError("the server sends a web page, not a file", shown, fix)
