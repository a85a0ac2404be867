"""Packages are copied to other places and back: only what is missing, checked, the record last."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import pytest
import stores
from stores import BOTH, MOTO, RCLONE
from test_bucket_harm import at_once
from test_cli import run

import datapkg
from datapkg import versions
from datapkg.copying import carrying, transfer
from datapkg.errors import DamageError, DatapkgError, StoreError, VersionError
from datapkg.places import Folder, place
from datapkg.removed import removed

WELLS = "Well,Count\nB02,1\nB03,2\n"


@pytest.fixture
def history(manifest: Path, tmp_path: Path) -> Path:
    """A package of three versions; the first is the release 1.0.0, the third the release late."""
    make.build(manifest, tmp_path / "p")
    make.text(manifest.parent / "wells.csv", WELLS)
    make.build(manifest, tmp_path / "p")
    (manifest.parent / "images/p2/A01_1.tif").unlink()
    make.build(manifest, tmp_path / "p", allow_removals=True)
    datapkg.release(tmp_path / "p", "late")
    return tmp_path / "p"


def same(one: Any, other: Any) -> bool:
    """Whether two places hold the same versions of the same package, whole."""
    first, second = datapkg.verify(one, deep=True), datapkg.verify(other, deep=True)
    records = [
        [place(uri).read(f"versions/{number}.json") for number in first.versions] for uri in (one, other)
    ]
    return first.ok and second.ok and first.versions == second.versions and records[0] == records[1]


@BOTH
def test_a_package_travels_to_a_bucket_and_back(
    history: Path, tmp_path: Path, uri: str, options: dict[str, Any]
) -> None:
    done = datapkg.push(history, uri, **options)
    assert (done.versions, done.releases) == ((1, 2, 3), ("1.0.0", "late"))
    assert same(history, uri)
    assert datapkg.open(uri, version="1.0.0")["frames"].image(2).tobytes() == make.image(2).tobytes()
    back = datapkg.pull(uri, tmp_path / "back")
    assert (back.versions, back.digest) == ((1, 2, 3), datapkg.open(history).digest)
    assert same(history, tmp_path / "back")
    assert json.loads((tmp_path / "back" / "datapackage.json").read_text())["version"] == "late"


@BOTH
def test_a_package_travels_between_buckets_and_folders(
    history: Path, tmp_path: Path, uri: str, options: dict[str, Any]
) -> None:
    datapkg.push(history, tmp_path / "folder")
    datapkg.push(tmp_path / "folder", uri, **options)
    datapkg.push(uri, f"{uri} copy", **options)
    datapkg.pull(f"{uri} copy", tmp_path / "last")
    assert same(history, tmp_path / "last")
    assert not list(tmp_path.glob("*/.building-*"))


@BOTH
def test_only_what_is_new_is_copied_on_top_of_what_is_there(
    manifest: Path, tmp_path: Path, uri: str, options: dict[str, Any]
) -> None:
    make.build(manifest, tmp_path / "p")
    datapkg.push(tmp_path / "p", uri, **options)
    there = place(uri).entries()
    assert datapkg.push(tmp_path / "p", uri, **options).files == 0
    assert place(uri).entries() == there
    make.text(manifest.parent / "wells.csv", WELLS)
    make.build(manifest, tmp_path / "p")
    done = datapkg.push(tmp_path / "p", uri, **options)
    assert (done.versions, done.files) == (
        (2,),
        5,
    )  # of wells rows and state; of _sources which rows went, too
    now = place(uri).entries()
    changed = {one.name for one in there} - {one.name for one in now if one in there}
    assert changed == {"datapackage.json"}
    assert same(tmp_path / "p", uri)
    make.build(manifest, uri, **options)
    make.text(manifest.parent / "wells.csv", "Well\nC09\n")
    make.build(manifest, uri, **options)
    assert datapkg.pull(uri, tmp_path / "p").versions == (3,)
    assert same(tmp_path / "p", uri)


def test_a_place_that_is_ahead_is_left_as_it_is(history: Path, tmp_path: Path) -> None:
    datapkg.checkout(history, 1, tmp_path / "first")
    done = datapkg.push(tmp_path / "first", history)
    assert (done.versions, done.files) == ((), 0)
    assert "has later versions" in done.notes[0]
    assert datapkg.pull(history, tmp_path / "first").versions == (2, 3)
    assert same(history, tmp_path / "first")


def test_another_package_is_refused(history: Path, tmp_path: Path) -> None:
    other = make.manifest(tmp_path / "data", "name: wells, path: wells.csv")
    other.write_text(other.read_text().replace("name: little", "name: other"))
    make.build(other, tmp_path / "other")
    before = make.tree(tmp_path / "other")
    with pytest.raises(StoreError, match="holds the package 'other', not 'little'"):
        datapkg.push(history, tmp_path / "other")
    assert make.tree(tmp_path / "other") == before
    make.text(tmp_path / "photos" / "me.jpg", "mine")
    with pytest.raises(StoreError, match="something else than a package"):
        datapkg.push(history, tmp_path / "photos")
    with pytest.raises(StoreError, match="no datapkg package"):
        datapkg.push(tmp_path / "photos", tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_histories_that_differ_are_refused_with_the_first_version_that_does(
    manifest: Path, tmp_path: Path
) -> None:
    make.build(manifest, tmp_path / "p")
    datapkg.push(tmp_path / "p", tmp_path / "q")
    for name in ("p", "q"):
        make.text(manifest.parent / "wells.csv", f"Well\n{name}\n")
        make.build(manifest, tmp_path / name)
        make.text(manifest.parent / "wells.csv", f"Well\n{name}{name}\n")
        make.build(manifest, tmp_path / name)
    before = make.tree(tmp_path / "q")
    with pytest.raises(VersionError, match="another one from version 2 on"):
        datapkg.push(tmp_path / "p", tmp_path / "q")
    assert make.tree(tmp_path / "q") == before


def test_a_release_name_that_means_another_version_is_refused_before_anything_is_copied(
    history: Path, tmp_path: Path
) -> None:
    datapkg.checkout(history, 1, tmp_path / "q")
    datapkg.release(tmp_path / "q", "LATE")
    before = make.tree(tmp_path / "q")
    with pytest.raises(VersionError, match="the release LATE is version 1 there"):
        datapkg.push(history, tmp_path / "q")
    assert make.tree(tmp_path / "q") == before


def test_what_was_removed_stays_removed(history: Path, tmp_path: Path) -> None:
    datapkg.push(history, tmp_path / "early")
    assert datapkg.gc(history, keep_last=1, grace="0s").removed == (2,)
    datapkg.push(history, tmp_path / "q")
    assert versions.numbers(Folder(tmp_path / "q")) == [1, 3]
    assert not removed(Folder(tmp_path / "q"), 2).whole
    assert same(history, tmp_path / "q")
    assert datapkg.pull(history, tmp_path / "early").versions == ()
    assert versions.numbers(Folder(tmp_path / "early")) == [1, 2, 3]
    assert datapkg.push(tmp_path / "early", tmp_path / "q").versions == ()


def test_one_version_is_a_package_of_its_own(history: Path, tmp_path: Path) -> None:
    done = datapkg.pull(history, tmp_path / "q", version="late")
    assert (done.versions, done.releases) == ((3,), ("late",))
    assert datapkg.verify(tmp_path / "q", deep=True).versions == (3,)
    assert datapkg.pull(history, tmp_path / "q", version=3).versions == ()
    with pytest.raises(StoreError, match=r"holds a package already \(versions: 3\)"):
        datapkg.pull(history, tmp_path / "q", version=1)
    with pytest.raises(VersionError, match="no version 7"):
        datapkg.pull(history, tmp_path / "r", version=7)


def test_damage_is_not_passed_on(history: Path, tmp_path: Path) -> None:
    largest = max((history / "frames.lance" / "data").iterdir(), key=lambda path: path.stat().st_size)
    content = largest.read_bytes()
    for harm, what in ((content[:-1], "not what was written"), (None, "is missing")):
        largest.unlink() if harm is None else largest.write_bytes(harm)
        with pytest.raises(DamageError, match=what) as told:
            datapkg.push(history, tmp_path / "q")
        assert largest.name in told.value.where
        some = (tmp_path / "q").exists()  # other files may have come before the error, or none
        with pytest.raises(StoreError, match="holds tables but no version" if some else "no such folder"):
            datapkg.open(tmp_path / "q")
        assert largest.name not in {path.name for path in (tmp_path / "q").rglob("*")}
    largest.write_bytes(content)
    datapkg.push(history, tmp_path / "q")
    assert same(history, tmp_path / "q")


def test_a_copy_that_other_tools_left_half_done_is_completed(history: Path, tmp_path: Path) -> None:
    copy = tmp_path / "q"
    shutil.copytree(history, copy)
    files = sorted(
        path for path in copy.rglob("*") if path.suffix in (".lance", ".manifest") and path.is_file()
    )
    files[0].unlink()
    files[-1].write_bytes(b"cut")
    assert not datapkg.verify(copy).ok
    assert datapkg.push(history, copy).files == 2
    assert same(history, copy)
    for path in (copy / "versions").iterdir():
        path.unlink()
    data = next((copy / "frames.lance" / "data").iterdir())
    data.write_bytes(bytes(data.stat().st_size))
    done = datapkg.push(history, copy)
    assert (done.versions, done.files) == ((1, 2, 3), 1)
    assert same(history, copy)


def test_a_state_that_a_stopped_build_left_is_never_overwritten(history: Path, tmp_path: Path) -> None:
    datapkg.checkout(history, 1, tmp_path / "q")
    state = next(
        name for name in make.tree(history) if name.startswith("wells.lance/_versions/") and "4.m" not in name
    )
    other = tmp_path / "q" / state
    other.write_bytes(b"another state")
    with pytest.raises(StoreError, match="another state of a table"):
        datapkg.push(history, tmp_path / "q")
    assert other.read_bytes() == b"another state"
    assert datapkg.verify(tmp_path / "q", deep=True).ok


@pytest.mark.parametrize("step", ["copy_files", "write_pin", "republish", "write_descriptor"])
def test_ctrl_c_leaves_nothing_half_visible_and_the_next_one_goes_on(
    step: str, history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(versions if step == "republish" else carrying, step, stopped)
        with pytest.raises(KeyboardInterrupt):
            datapkg.push(history, tmp_path / "q")
    assert not list((tmp_path / "q").glob(".building-*"))
    made = versions.numbers(Folder(tmp_path / "q"))
    assert made == ([] if step != "write_descriptor" else [1, 2, 3])
    datapkg.push(history, tmp_path / "q")
    assert same(history, tmp_path / "q")


@pytest.mark.parametrize("after", [0, 1, 3, 6])
@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_server_that_is_killed_in_the_middle(
    way: str, after: int, history: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = stores.rclone(tmp_path)
    for name, value in dying.environment.items():
        monkeypatch.setenv(name, value)
    patient: dict[str, Any] = {"storage_options": {"client_max_retries": 1, "client_retry_timeout": 2}}

    def copied() -> Any:
        if way == "push":
            return datapkg.push(history, uri, single_writer=True, **patient)
        return datapkg.pull(uri, tmp_path / "q", **patient)

    try:
        if way == "pull":
            datapkg.push(history, uri, single_writer=True)
        with monkeypatch.context() as patch:
            patch.setattr(transfer, "proven", killing(dying, after, transfer.proven))
            patch.setattr(carrying, "proven", killing(dying, after, carrying.proven))
            with pytest.raises(StoreError, match=r"does not answer|the store fails"):
                copied()
        dying.start()
        target = uri if way == "push" else tmp_path / "q"
        assert versions.numbers(place(target)) == []
        kept = stored_files(target)
        done = copied()
        assert done.versions == (1, 2, 3)
        assert done.files == len(stored_files(history) - kept)
        assert same(history, target)
    finally:
        dying.stop()


def stored_files(where: Any) -> set[str]:
    """The files of tables that are whole in a place."""
    names = {one.name for one in place(where).entries()}
    return {name for name in names if "/_versions/" in name and name.endswith(".manifest")} | {
        name for name in names if ".lance/data/" in name or ".lance/_deletions/" in name
    } - {name for name in names if name.startswith(".building-")}


def killing(store: stores.ObjectStore, after: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """What hands out a file, and kills the server before the one after so many."""
    asked: list[str] = []

    def proven(source: Any, file: Any, *more: Any) -> Any:
        asked.append(file.path)
        if len(asked) == after + 1:
            store.stop()
        return real(source, file, *more)

    return proven


@RCLONE
def test_a_store_that_cannot_keep_writers_apart_is_refused(
    history: Path, uri: str, reached: stores.ObjectStore
) -> None:
    with pytest.raises(StoreError, match="ignores If-None-Match") as refused:
        datapkg.push(history, uri)
    assert "--single-writer" in refused.value.fix
    assert stores.listed(reached, uri) == []


@MOTO
def test_the_command_line_pushes_and_pulls(
    history: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    pushed = run("push", history, uri)
    assert pushed.returncode == 0, pushed.stderr
    assert f"{uri}: version 1, 2, 3 of little copied" in pushed.stdout
    assert "copying: " in pushed.stderr
    assert "up to date" in run("push", history, uri).stdout
    pulled = run("pull", uri, tmp_path / "q", "--json")
    assert json.loads(pulled.stdout)["versions"] == [1, 2, 3]
    assert run("pull", uri, tmp_path / "r", "--version", "late").returncode == 0
    chosen = run("pull", uri, tmp_path / "s", "--tables", "frames", "--where", "Plate = 'p1'")
    assert "frames: 2 of 2 rows" in chosen.stdout or "frames: all 2 rows" in chosen.stdout
    refused = run("pull", uri, tmp_path / "s")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


@MOTO
def test_of_four_pushes_at_once_no_more_than_one_history_wins(
    manifest: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    make.build(manifest, tmp_path / "0")
    for number in range(1, 4):
        shutil.copytree(tmp_path / "0", tmp_path / str(number))
    together = at_once([lambda one=one: datapkg.push(tmp_path / str(one), uri) for one in range(4)])
    assert [getattr(end, "digest", end) for end in together] == [datapkg.open(uri).digest] * 4
    assert same(tmp_path / "0", uri)
    for number in range(4):
        make.text(manifest.parent / "wells.csv", f"Well\nB{number:02}\n")
        make.build(manifest, tmp_path / str(number))
    ended = at_once([lambda one=one: datapkg.push(tmp_path / str(one), uri) for one in range(4)])
    won = [end for end in ended if not isinstance(end, Exception)]
    assert len(won) <= 1, ended
    assert all(isinstance(end, DatapkgError) for end in ended if isinstance(end, Exception))
    assert datapkg.verify(uri, deep=True).ok
