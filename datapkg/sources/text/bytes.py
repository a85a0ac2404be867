"""From the bytes of a text file to clean UTF-8: unzip, recognise the encoding, refuse what is no text.

Everything streams: a piece is about a megabyte, whatever the file's size, and a small ``.gz`` that unfolds to
gigabytes is never held whole.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain

import numpy as np

from ...addresses import named, scheme_of
from ...errors import ManifestError, SourceError
from ...reading import Reading

PIECE_BYTES = 1 << 20
ZIPPED_BYTES = 1 << 16
"""Small, so that damage is found near the line that it is in."""
NEWLINE = b"\n"[0]
UTF8_MARK = b"\xef\xbb\xbf"
MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive", "save each sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document", "save each sheet as CSV"),
    (b"\x1f\x8b", "compressed with gzip, though its name does not end in .gz", "add .gz to its name"),
    (b"BZh", "compressed with bzip2", "unpack it, or compress it with gzip"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it, or compress it with gzip"),
    (b"%PDF", "a PDF document", "export the table that it shows as CSV"),
    (b"\x89PNG", "a PNG image", "give it a suffix that says so, or exclude it"),
    (b"II*\x00", "a TIFF image", "give it a suffix that says so, or exclude it"),
    (b"MM\x00*", "a TIFF image", "give it a suffix that says so, or exclude it"),
    (b"\x89HDF", "an HDF5 file", "give it a suffix that says so, or exclude it"),
    (b"PAR1", "a Parquet file", "export it as CSV"),
    (b"{\\rtf", "a text processor's document", "save it as plain text"),
)


def is_gzipped(path: str) -> bool:
    """Whether a file's name says that it is compressed."""
    return named(path).lower().endswith(".gz")


class Utf8Pieces:
    """A file's text as pieces of UTF-8 without a byte order mark.

    `line` is the line, from 1, that the next piece begins in: errors name it.
    """

    def __init__(self, reading: Reading, encoding: str | None) -> None:
        self.path = reading.file.path
        self.line = 1
        self._declared = encoding
        self._raw = reading.stream()
        self._after_return = False

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._unzipped() if is_gzipped(self.path) else self._plain(PIECE_BYTES)
        head = b""
        for piece in pieces:  # enough to see a byte order mark and what else a file begins with
            head += piece
            if len(head) >= 64:
                break
        if not head:
            return
        self._refuse_other_formats(head)
        for piece in self._decoded(head, pieces):
            if piece:
                self._refuse_nul(piece)
                yield piece
                self._count_lines(piece)

    def broken(self, what: str, fix: str, before: bytes = b"") -> SourceError:
        """An error at the line that follows all pieces so far and `before`."""
        return SourceError(what, f"{self.path}:{self.line + line_ends(before)}", fix)

    def _plain(self, piece_bytes: int) -> Iterator[bytes]:
        while piece := self._raw.read(piece_bytes):
            yield piece

    def _unzipped(self) -> Iterator[bytes]:
        """Unzip one member after the other; zeros that pad the end are no member."""
        engine, fresh, members = zlib.decompressobj(wbits=31), True, 0
        for piece in self._plain(ZIPPED_BYTES):
            while piece:
                if fresh and members:
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        break
                    if not b"\x1f\x8b".startswith(piece[:2]):
                        raise self.broken(
                            "other bytes follow the end of the compressed data",
                            "make the file again with gzip",
                        )
                try:
                    text = engine.decompress(piece, PIECE_BYTES)
                    while text:
                        yield text
                        if len(text) < PIECE_BYTES:
                            break
                        text = engine.decompress(engine.unconsumed_tail, PIECE_BYTES)
                except zlib.error as error:
                    raise self._damaged(error, first=fresh and not members) from None
                fresh, piece = False, engine.unconsumed_tail
                if engine.eof:
                    members, fresh, piece = members + 1, True, engine.unused_data
                    engine = zlib.decompressobj(wbits=31)
        if not fresh:
            raise self.broken("the compressed file is cut off here", "copy or download the file again")

    def _damaged(self, error: zlib.error, first: bool) -> SourceError:
        if first and "header" in str(error):
            return SourceError(
                "is not compressed with gzip, though its name ends in .gz",
                self.path,
                "take .gz off its name, or compress it",
            )
        if "data check" in str(error) or "length check" in str(error):
            what = "the compressed data do not match their checksum: the file is damaged"
        else:
            what = "the compressed data are damaged here"
        return self.broken(what, "copy or download the file again")

    def _refuse_other_formats(self, head: bytes) -> None:
        for mark, what, fix in OTHER_FORMATS:
            if head.startswith(mark):
                far = "fetch it, and name the file in its place: " if scheme_of(self.path) else ""
                raise SourceError(f"is no text table but {what}", self.path, far + fix)

    def _decoded(self, head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        encoding = self._encoding(head)
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        utf8, split, marked = encoding == "utf-8", False, True
        for piece in chain([head], rest, [b""]):
            if utf8 and not split and piece.isascii():
                text = piece
            else:
                try:
                    decoded = decoder.decode(piece, final=not piece)
                    # UTF-8 goes on as it is: a character cut in two by pieces is whole again in the block
                    text = piece if utf8 else decoded.encode("utf-8")
                except UnicodeDecodeError as error:
                    raise self._undecodable(error, encoding) from None
                except UnicodeError as error:
                    raise self.broken(f"is not {encoding} ({error})", "say the true `encoding`") from None
                split = bool(decoder.getstate()[0])
            if marked:
                text, marked = text.removeprefix(UTF8_MARK), not text
            yield text

    def _encoding(self, head: bytes) -> str:
        if self._declared is not None:
            return _known(self._declared)
        for mark, encoding in MARKS:
            if head.startswith(mark):
                return encoding
        return _unmarked_utf16(head) or "utf-8"

    def _undecodable(self, error: UnicodeDecodeError, encoding: str) -> SourceError:
        data = bytes(error.object)
        byte = data[error.start] if error.start < len(data) else 0
        before = data[: error.start] if encoding == "utf-8" else b""
        if self._declared is None and encoding == "utf-8":
            fix = "save the file as UTF-8, or say its encoding in the manifest, such as `encoding: cp1252`"
        else:
            fix = f"the file is not in {encoding}: say its true `encoding`, or leave that out for UTF-8"
        return self.broken(f"byte 0x{byte:02x} is not {encoding.upper()} text", fix, before)

    def _refuse_nul(self, piece: bytes) -> None:
        at = piece.find(b"\0")
        if at >= 0:
            raise self.broken(
                "has a NUL byte: the file is damaged, or is no text",
                "export the table again; if it is UTF-16, say `encoding: utf-16-le` (or -be)",
                piece[:at],
            )

    def _count_lines(self, piece: bytes) -> None:
        self.line += line_ends(piece)
        if self._after_return and piece.startswith(b"\n"):
            self.line -= 1
        self._after_return = piece.endswith(b"\r")


def line_ends(text: bytes) -> int:
    r"""Count the ends of lines, be they ``\n``, ``\r\n`` or ``\r``.

    Examples
    --------
    >>> line_ends(b"a\r\nb\rc\n")
    3
    """
    count = int(
        np.count_nonzero(np.frombuffer(text, np.uint8) == NEWLINE)
    )  # bytes.count takes ten times as long
    if b"\r" in text:
        count += text.count(b"\r") - text.count(b"\r\n")
    return count


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)  # codecs.lookup also knows codecs that are no text encodings, such as zip
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise ManifestError(
            f"the encoding {encoding!r} is not known", fix="such as utf-8, cp1252, latin-1, utf-16, shift_jis"
        ) from None
    return "utf-8" if name == "utf-8-sig" else name


def _unmarked_utf16(head: bytes) -> str | None:
    """Latin text in UTF-16 has a zero in every second byte; a byte order mark may be missing."""
    pairs = len(head) // 2
    even, odd = head[: 2 * pairs : 2], head[1 : 2 * pairs : 2]
    if pairs and odd.count(0) >= 0.8 * pairs and not even.count(0):
        return "utf-16-le"
    if pairs and even.count(0) >= 0.8 * pairs and not odd.count(0):
        return "utf-16-be"
    return None
