"""What a package needs of a place holds for folders: files are whole, created once, listed and removed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from blake3 import blake3

from datapkg.errors import StoreError
from datapkg.places import CHUNK_BYTES, Entry, Folder, place


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "p")


def test_what_is_put_comes_back_whole(folder: Folder) -> None:
    content = os.urandom(CHUNK_BYTES + 7)
    folder.put("t.lance/data/a", content)
    folder.put("t.lance/data/a", content[1:])
    assert folder.read("t.lance/data/a") == content[1:]
    assert [len(chunk) for chunk in folder.chunks("t.lance/data/a")] == [CHUNK_BYTES, 6]
    assert folder.blake3("t.lance/data/a") == blake3(content[1:]).hexdigest()
    assert folder.sizes(["t.lance/data/a", "t.lance/data/b", "t.lance"]) == {
        "t.lance/data/a": CHUNK_BYTES + 6
    }


def test_of_many_who_create_a_file_one_does(folder: Folder) -> None:
    won = []
    go = threading.Barrier(8)

    def create(number: int) -> None:
        go.wait()
        if folder.put_if_absent("versions/1.json", f"{number}".encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [folder.read("versions/1.json")] == [str(number).encode() for number in won]
    assert folder.names("versions") == ["1.json"]


def test_files_are_listed_deep_and_flat(folder: Folder) -> None:
    for name in ("b", "v/2", "v/10", "v/w/x"):
        folder.put(name, b"123")
    assert folder.names() == ["b", "v"]
    assert folder.names("v") == ["10", "2", "w"]
    assert [(entry.name, entry.bytes) for entry in folder.entries("v")] == [
        ("v/10", 3),
        ("v/2", 3),
        ("v/w/x", 3),
    ]
    assert [entry.name for entry in folder.entries(deep=False)] == ["b"]
    assert folder.entries("v/w") == [Entry("v/w/x", 3, folder.touched("v/w/x"))]
    assert (folder.names("nowhere"), folder.entries("nowhere")) == ([], [])


def test_a_moved_renamed_and_removed_file(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "staged").write_bytes(b"rows")
    folder.move_in([(tmp_path / "staged", "t.lance/data/a")])
    folder.rename("t.lance/data/a", "t.lance/data/b")
    assert (folder.names("t.lance/data"), (tmp_path / "staged").exists()) == (["b"], False)
    folder.put("t.lance/data/c", b"")
    folder.remove(["t.lance/data/b", "t.lance/data/gone"])
    assert folder.names("t.lance") == ["data"]
    folder.remove(["t.lance/data/c"])
    assert folder.names() == []
    for missing in (folder.read, folder.blake3, folder.touched, lambda name: folder.rename(name, "other")):
        with pytest.raises(FileNotFoundError):
            missing("t.lance/data/b")


def test_an_attempt_that_committed_nothing_leaves_nothing(folder: Folder) -> None:
    folder.begin("a")
    folder.staging("a").put("t.lance/data/x", b"rows")
    folder.begin("b")
    assert [staging.uri for staging in folder.stagings()] == [
        f"{folder.uri}/.building-a",
        f"{folder.uri}/.building-b",
    ]
    folder.end("a")
    assert folder.names() == [".building-b", "versions"]
    folder.end("b")
    assert not folder.exists()


def test_an_address_means_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = place("p")
    assert (here.uri, str(place(here)), here.at("versions/1.json")) == (
        f"{tmp_path}/p",
        f"{tmp_path}/p",
        f"{tmp_path}/p/versions/1.json",
    )
    assert here.name_of(here.at("versions/1.json")) == "versions/1.json"
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        place("file").names()
