"""What a package needs of a place holds for every place: files are whole, created once, listed and removed."""

from __future__ import annotations

import os
import pickle
import threading
import uuid
from itertools import count
from pathlib import Path

import pytest
import stores
from blake3 import blake3

from datapkg.errors import StoreError
from datapkg.places import Entry, Folder, Place, folder, place
from datapkg.places.bucket import RANGE_BYTES, RANGES


@pytest.fixture(params=["folder", "moto", "rclone"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty place of each kind."""
    if request.param == "folder":
        return Folder(tmp_path / "p")
    store: stores.ObjectStore = request.getfixturevalue(request.param)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{stores.BUCKET}/{uuid.uuid4().hex}/Größe 1"
    return place(uri, single_writer=store.single_writer)


def test_what_is_put_comes_back_whole(anywhere: Place) -> None:
    name = "t.lance/data/a"
    content = os.urandom(RANGES * RANGE_BYTES + RANGE_BYTES + 7)
    anywhere.put(name, content)
    assert b"".join(bytes(chunk) for chunk in anywhere.chunks(name)) == content
    anywhere.put(name, content[1:])
    assert anywhere.read(name) == content[1:]
    assert anywhere.blake3(name) == blake3(content[1:]).hexdigest()
    assert anywhere.sizes([name, "t.lance/data/b", "t.lance"]) == {name: len(content) - 1}
    anywhere.put("t.lance/data/b", b"")
    assert list(map(bytes, anywhere.chunks("t.lance/data/b"))) in ([], [b""])
    assert anywhere.sizes([name, "t.lance/data/b"]) == {name: len(content) - 1, "t.lance/data/b": 0}


def test_of_many_who_create_a_file_one_does(anywhere: Place) -> None:
    if getattr(anywhere, "single_writer", False):
        assert anywhere.put_if_absent("versions/1.json", b"0")
        assert not anywhere.put_if_absent("versions/1.json", b"1")
        assert anywhere.read("versions/1.json") == b"0"
        return
    won = []
    go = threading.Barrier(8)

    def create(number: int) -> None:
        go.wait()
        if anywhere.put_if_absent("versions/1.json", f"{number}".encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [anywhere.read("versions/1.json")] == [str(number).encode() for number in won]
    assert anywhere.names("versions") == ["1.json"]


def test_files_are_listed_deep_and_flat(anywhere: Place) -> None:
    for name in ("b", "v/2", "v/10", "v/w/x", "v2/x"):
        anywhere.put(name, b"123")
    assert anywhere.names() == ["b", "v", "v2"]
    assert anywhere.names("v") == ["10", "2", "w"]
    assert [(entry.name, entry.bytes) for entry in anywhere.entries("v")] == [
        ("v/10", 3),
        ("v/2", 3),
        ("v/w/x", 3),
    ]
    assert [entry.name for entry in anywhere.entries(deep=False)] == ["b"]
    (only,) = anywhere.entries("v/w")
    assert (only.name, only.bytes) == ("v/w/x", 3)
    assert int(only.touched) == int(anywhere.touched("v/w/x"))
    assert (anywhere.names("nowhere"), anywhere.entries("nowhere")) == ([], [])


def test_a_moved_renamed_and_removed_file(anywhere: Place, tmp_path: Path) -> None:
    staged = tmp_path / "p" / "staged"
    staged.parent.mkdir(exist_ok=True)
    staged.write_bytes(b"rows")
    anywhere.move_in(Folder(staged.parent), [("staged", "t.lance/data/a")])
    anywhere.rename("t.lance/data/a", "t.lance/data/b")
    assert (anywhere.names("t.lance/data"), staged.exists()) == (["b"], False)
    assert anywhere.read("t.lance/data/b") == b"rows"
    anywhere.put("t.lance/data/c", b"1")
    anywhere.remove(["t.lance/data/b", "t.lance/data/gone"])
    assert anywhere.names("t.lance/data") == ["c"]
    anywhere.remove(["t.lance/data/c"])
    assert anywhere.entries() == []
    for missing in (
        anywhere.read,
        anywhere.blake3,
        anywhere.touched,
        lambda name: anywhere.rename(name, "x"),
    ):
        with pytest.raises(FileNotFoundError):
            missing("t.lance/data/b")


def test_an_attempt_that_committed_nothing_leaves_nothing(anywhere: Place) -> None:
    assert not anywhere.exists()
    for attempt in ("a", "b"):
        anywhere.begin(attempt)
        anywhere.staging(attempt).put("t.lance/data/x", b"rows")
    assert [Path(staging.uri).name[-1] for staging in anywhere.stagings()] == ["a", "b"]
    for attempt in ("a", "b"):
        anywhere.end(attempt)
    assert (anywhere.stagings(), anywhere.entries(), anywhere.exists()) == ([], [], False)


@pytest.fixture
def staged(tmp_path: Path) -> Folder:
    """A first build that is about to give a file its name."""
    package = Folder(tmp_path / "p")
    package.begin("a")
    package.staging("a").put("t.lance/data/x", b"rows")
    return package


def test_an_attempt_that_is_stopped_before_it_moves_leaves_no_empty_folders(
    staged: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: Path, target: Path) -> None:
        assert target.parent.is_dir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", stopped)
        staged.move_in(staged.staging("a"), [("t.lance/data/x", "t.lance/data/x")])
    staged.end("a")
    assert not staged.path.exists()
    staged.put("u.lance/data/x", b"rows")
    staged.begin("a")
    staged.end("a")
    assert staged.read("u.lance/data/x") == b"rows"


def test_an_attempt_moves_its_files_though_another_that_ends_tidies_up(
    staged: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def after_tidying(self: Path, target: Path) -> Path:
        monkeypatch.undo()
        target.parent.rmdir()
        return real(self, target)

    monkeypatch.setattr(Path, "replace", after_tidying)
    staged.move_in(staged.staging("a"), [("t.lance/data/x", "t.lance/data/x")])
    assert staged.read("t.lance/data/x") == b"rows"


def test_a_place_goes_to_workers(anywhere: Place) -> None:
    anywhere.put("b", b"1")
    copy: Place = pickle.loads(pickle.dumps(anywhere))
    assert (copy.read("b"), copy.uri, repr(copy)) == (b"1", anywhere.uri, repr(anywhere))


def test_empty_folders_go_with_their_last_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "p")
    folder.put("t.lance/data/c", b"")
    folder.put("t.lance/x", b"")
    assert folder.entries("t.lance/data") == [Entry("t.lance/data/c", 0, folder.touched("t.lance/data/c"))]
    folder.remove(["t.lance/data/c"])
    assert folder.names("t.lance") == ["x"]
    folder.remove(["t.lance/x"])
    assert folder.names() == []


def test_an_address_means_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = place("p")
    assert (here.uri, str(place(here))) == (f"{tmp_path}/p", f"{tmp_path}/p")
    assert here.at("versions/1.json") == f"{tmp_path}/p/versions/1.json"
    assert here.name_of(here.at("versions/1.json")) == "versions/1.json"
    assert place(f"file://{tmp_path}/Gr%C3%B6%C3%9Fe").uri == f"{tmp_path}/Größe"
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        place("file").names()
    (tmp_path / "m.yaml").touch()
    with pytest.raises(
        StoreError, match=r"is a file, not a folder\n  fix: build it \(datapkg build \S*/m.yaml\)"
    ):
        place("m.yaml").names()


@pytest.mark.parametrize("wrong", [None, 3, ["p"]])
def test_what_is_no_address_is_told(wrong: object) -> None:
    with pytest.raises(StoreError, match="is no address of a package"):
        place(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["ftp://host/p", "memory://p", "s3a://b/p", "hdfs://host/p"])
def test_no_other_kind_of_address_is_opened(address: str) -> None:
    with pytest.raises(StoreError, match="is no place for a package"):
        place(address)


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        ([], None),
        (["1.json", "1.files.json"], 1),
        (["2.json", "10.json", "9.json", "10.files.json", "9.removed.json"], 10),
        ([".11-ab.files.json", "3.json", "12.json.part", "x.json"], 3),
        (["3.json", "copy_of_4.json"], None),  # what looks strange is left to the listing of all
        (["3.json", "007.json"], None),
    ],
)
def test_the_newest_version_of_a_folder(names: list[str], newest: int | None, tmp_path: Path) -> None:
    for name in names:
        Folder(tmp_path).put(f"versions/{name}", b"{}")
    assert Folder(tmp_path).latest() == newest


def test_the_newest_version_is_known_again_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, moments = Folder(tmp_path / "p"), count(10**18, 10**9)
    assert package.latest() is None
    for young in (folder.YOUNG_NS, -(10**18)):  # as it is right after a change, and as if that were long ago
        monkeypatch.setattr(folder, "YOUNG_NS", young)
        for number in (*range(1, 30), *range(28, 0, -1)):
            package.put(f"versions/{number}.json", b"{}")
            package.remove([f"versions/{number + 1}.json"])
            if young < 0:  # clocks of disks may stand still between two changes
                os.utime(tmp_path / "p" / "versions", ns=(0, next(moments)))
            assert package.latest() == number


def test_a_folder_that_stays_as_it_is_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Folder(tmp_path)
    package.put("versions/1.json", b"{}")
    monkeypatch.setattr(folder, "YOUNG_NS", -(10**18))
    listed: list[str] = []
    listing = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(str(path)) or listing(path))
    assert [package.latest() for _ in range(3)] == [1, 1, 1]
    assert len(listed) == 1
