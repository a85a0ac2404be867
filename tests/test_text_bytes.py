"""From bytes to clean UTF-8."""

from __future__ import annotations

import gzip
from pathlib import Path

import make_text
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.errors import ManifestError, SourceError
from datapkg.reading import Reading
from datapkg.sources.text import bytes as text_bytes
from datapkg.sources.text.bytes import Utf8Pieces


def text_of(folder: Path, content: bytes, name: str = "t.csv", encoding: str | None = None) -> str:
    """The whole text."""
    with Reading(make_text.file(folder, name, content)) as reading:
        return b"".join(Utf8Pieces(reading, encoding)).decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_recognised_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    assert text_of(tmp_path, "plate,µm\n1,2\n".encode(encoding)) == "plate,µm\n1,2\n"


def test_a_declared_encoding_is_used(tmp_path: Path) -> None:
    assert text_of(tmp_path, "gène,µm\n".encode("cp1252"), encoding="cp1252") == "gène,µm\n"
    assert text_of(tmp_path, b"\xef\xbb\xbfa\n", encoding="UTF8") == "a\n"


def test_an_unknown_encoding_is_a_mistake_of_the_manifest(tmp_path: Path) -> None:
    for name in ("latin-99", "zip", "rot13"):
        with pytest.raises(ManifestError, match="is not known"):
            text_of(tmp_path, b"a\n", encoding=name)


def test_bytes_that_are_not_the_encoding_are_named_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"byte 0xe8 is not UTF-8") as caught:
        text_of(tmp_path, b"a,b\n\n1,g\xe8ne\n")
    assert caught.value.where == "t.csv:3"
    assert "cp1252" in caught.value.fix
    with pytest.raises(SourceError, match="true `encoding`"):
        text_of(tmp_path, b"a\n\xff\xfe\n", encoding="utf-8")
    with pytest.raises(SourceError, match="not UTF-16"):
        text_of(tmp_path, b"\xff\xfea\x00\x00\xd8b\x00", encoding=None)


def test_a_character_may_be_cut_in_two_by_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_bytes, "PIECE_BYTES", 67)
    for word in ("µ", "日本", "😀"):
        content = ("x" * 66 + word * 40 + "\n") * 3
        assert text_of(tmp_path, content.encode()) == content
        assert text_of(tmp_path, content.encode("utf-16")) == content
    with pytest.raises(SourceError, match="byte 0xc2"):
        text_of(tmp_path, b"x" * 70 + b"\xc2")


def test_nul_bytes_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="NUL") as caught:
        text_of(tmp_path, b"a,b\r\n1,2\r\n3,\x00\r\n")
    assert caught.value.where == "t.csv:3"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04....", "Excel"),
        (b"\x89HDF....", "HDF5"),
        (gzip.compress(b"a", mtime=0), "does not end in .gz"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(SourceError, match=what):
        text_of(tmp_path, content)


@given(parts=st.lists(st.text(st.characters(exclude_characters="\0\ufeff", codec="utf-8"), min_size=1)))
def test_gzip_members_are_joined(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("gz")
    text = "id\n" + "".join(parts)
    members = b"".join(gzip.compress(part.encode(), mtime=0) for part in ["id\n", *parts])
    assert text_of(folder, members, "t.csv.gz") == text
    assert text_of(folder, members + b"\0" * 512, "t.csv.gz") == text


def test_broken_gzip_is_named_with_the_line_that_it_breaks_in(tmp_path: Path) -> None:
    lines = [f"{i},{i * 7919 % 1000003}" for i in range(40_000)]
    whole = gzip.compress("\n".join(lines).encode(), mtime=0)
    for content, what in (
        (whole[: len(whole) // 2], "cut off"),
        (whole[:-8] + b"\1\2\3\4" + whole[-4:], "checksum"),
        (whole + b"garbage", "other bytes follow"),
        (b"a,b\n1,2\n", "not compressed with gzip"),
    ):
        (tmp_path / "t.csv.gz").write_bytes(content)
        with Reading(make_text.at(tmp_path / "t.csv.gz", tmp_path)) as reading:
            pieces = Utf8Pieces(reading, None)
            with pytest.raises(SourceError, match=what) as caught:
                list(pieces)
        if what == "cut off":
            assert 10_000 < int(caught.value.where.removeprefix("t.csv.gz:")) < 30_000
        assert caught.value.where.startswith("t.csv.gz")


def test_lines_are_counted_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_bytes, "PIECE_BYTES", 65)
    content = (b"a,b\r\n" * 40 + b"a\rb\n" * 30) + b"\xff"
    with pytest.raises(SourceError) as caught:
        text_of(tmp_path, content)
    assert caught.value.where == "t.csv:101"
