"""A bucket that is damaged, fought over, or dies: no version suffers, and the next build completes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import lance
import make
import pyarrow as pa
import pytest
import stores
from stores import BOTH, MOTO

import datapkg
from datapkg import reclaiming, removed, store, versions
from datapkg.cache import cache_folder
from datapkg.errors import DamageError, DatapkgError, StoreError, VersionError
from datapkg.places import Place, place
from datapkg.places.bucket import Bucket
from datapkg.reclaiming import Reclaimed, Rules

WELLS = "Well,Count\nB02,1\nB03,2\n"


@BOTH
def test_damage_and_loss_are_found(
    manifest: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    make.build(manifest, uri, **options)
    lies = place(uri, single_writer=True)
    record = versions.read_record(lies, 1)
    files = {role: path for role, path, _, _ in versions.read_files(lies, record).files["frames"]}
    data = lies.read(files["data"])
    lies.put(files["data"], data[:50] + bytes([data[50] ^ 1]) + data[51:])
    found = datapkg.verify(uri)
    assert [(fault.file, "not what was written" in fault.what) for fault in found.found] == [
        (files["data"], True)
    ]
    assert not datapkg.verify(uri, deep=True).ok
    for cut in (0, 9, len(data) // 2, len(data) - 1):
        lies.put(files["data"], data[:cut])
        with pytest.raises(DamageError):
            datapkg.open(uri, verify=True)["frames"].to_pandas()
        assert "has " in datapkg.verify(uri, deep=True).found[0].what
    lies.put(files["data"], data)
    lies.remove([files["manifest"]])
    assert [fault.what for fault in datapkg.verify(uri).found] == ["is missing (version 1)"]
    with pytest.raises(DamageError, match="not there any more"):
        datapkg.open(uri)["frames"].to_pandas()
    lies.put("versions/1.json", lies.read("versions/1.json").replace(b"little", b"Little"))
    with pytest.raises(DamageError, match="damaged"):
        datapkg.open(uri)


@BOTH
def test_a_data_file_that_is_lost_is_damage_and_is_stored_again(
    manifest: Path, uri: str, options: dict[str, Any]
) -> None:
    make.build(manifest, uri, **options)
    lies = place(uri)
    files = versions.read_files(lies, versions.read_record(lies, 1)).files["frames"]
    lies.remove([path for role, path, _, _ in files if role == "data"])
    with pytest.raises(DamageError, match="missing or damaged"):
        datapkg.open(uri)["frames"].image(0)
    again = make.build(manifest, uri, **options)
    assert (again.version, again.created) == (2, True)
    assert datapkg.verify(uri, version=2, deep=True).ok


@MOTO
def test_a_version_that_was_half_removed_is_there(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    make.build(manifest, uri)
    lies = place(uri)
    lies.put(removed.note_name(1), lies.read("versions/1.json"))
    assert removed.removed_numbers(lies) == []
    assert datapkg.verify(uri).ok
    assert datapkg.gc(uri, grace="0s").deleted == ()
    assert datapkg.open(uri).version == 1


@BOTH
def test_what_another_program_commits_is_set_aside(
    manifest: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    make.build(manifest, uri, **options)
    access = place(uri).options
    dataset = lance.dataset(f"{uri}/wells.lance", storage_options=access)
    dataset.delete("true")
    make.text(manifest.parent / "wells.csv", WELLS)
    report = make.build(manifest, uri, **options)
    assert "another program, or a build that was stopped, has made 1 later states" in " ".join(
        report.warnings
    )
    assert datapkg.open(uri)["wells"].to_pandas().Well.to_list() == ["B02", "B03"]
    assert len(datapkg.open(uri, version=1)["wells"].to_pandas()) == 2
    assert datapkg.verify(uri, deep=True).ok


@MOTO
def test_of_four_builders_at_once_one_wins(tmp_path: Path, uri: str, reached: stores.ObjectStore) -> None:
    manifests = []
    for number in range(4):
        folder = make.folder(tmp_path / str(number)).parent
        make.text(folder / "wells.csv", f"Well\nB{number:02}\n")
        manifests.append(folder / "manifest.yaml")
    for expected in (1, 2, 3):
        ended = at_once([lambda one=one: make.build(one, uri) for one in manifests])
        won = [end for end in ended if not isinstance(end, Exception) and end.created]
        assert [report.version for report in won] == [expected], ended
        for end in ended:
            if isinstance(end, Exception):
                assert isinstance(end, VersionError), end
        assert datapkg.open(uri).digest == won[0].digest
        for number, manifest in enumerate(manifests):
            make.text(manifest.parent / "wells.csv", f"Well\nC{number}{expected}\n")
    assert datapkg.verify(uri, deep=True).ok
    datapkg.gc(uri, grace="0s")
    assert datapkg.verify(uri, deep=True).versions == (1, 2, 3)


@MOTO
def test_builders_of_the_same_content_all_succeed(
    tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    manifests = [make.folder(tmp_path / str(number)) for number in range(3)]
    ended = at_once([lambda one=one: make.build(one, uri) for one in manifests])
    assert [end.version for end in ended] == [1, 1, 1], ended
    assert sum(end.created for end in ended) == 1


def at_once(builds: list[Callable[[], Any]]) -> list[Any]:
    """Run builds at the same time: their reports, or their errors."""
    ended: list[Any] = [None] * len(builds)
    go = threading.Barrier(len(builds))

    def run(at: int) -> None:
        go.wait()
        try:
            ended[at] = builds[at]()
        except DatapkgError as error:
            ended[at] = error

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(builds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@pytest.mark.parametrize("at", ["begin", "commit", "publish", "rename"])
def test_a_store_that_dies_leaves_earlier_versions_whole(
    at: str, manifest: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = stores.rclone(tmp_path)
    for name, value in dying.environment.items():
        monkeypatch.setenv(name, value)
    patient = {"single_writer": True, "storage_options": {"client_max_retries": 1, "client_retry_timeout": 2}}
    try:
        first = make.build(manifest, uri, **patient)
        make.text(manifest.parent / "wells.csv", WELLS)
        with pytest.MonkeyPatch.context() as patch:
            where: Any = {"commit": store, "publish": versions}.get(at, Bucket)
            real = getattr(where, at)

            def killed(*arguments: object) -> object:
                dying.stop()
                return real(*arguments)

            patch.setattr(where, at, killed)
            with pytest.raises(StoreError, match="does not answer"):
                make.build(manifest, uri, **patient)
        dying.start()
        assert datapkg.verify(uri, version=1, deep=True).ok
        assert datapkg.open(uri, version=1).digest == first.digest
        again = make.build(manifest, uri, **patient)
        assert again.version == 2
        assert again.digest == make.build(manifest, tmp_path / "p").digest
        assert datapkg.verify(uri, deep=True).ok
        assert not list((cache_folder() / "building").glob("*/*"))
    finally:
        dying.stop()


@MOTO
def test_a_build_that_is_stopped_is_completed_by_the_next(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("publish", "next_time"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(versions, step, stopped)
            with pytest.raises(KeyboardInterrupt):
                make.build(manifest, uri)
    with pytest.raises(StoreError, match="holds tables but no version"):
        datapkg.open(uri)
    assert make.build(manifest, uri).version == 1
    assert datapkg.verify(uri, deep=True).ok


@MOTO
def test_tables_that_no_build_made_are_refused_and_stay(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    lies = place(uri)
    access = lies.options
    lance.write_dataset(pa.table({"Well": ["A01"]}), f"{uri}/wells.lance", storage_options=access)
    before = stores.listed(reached, uri)
    with pytest.raises(StoreError, match=r"something else than a package \(first: wells\.lance\)"):
        make.build(manifest, uri)
    with pytest.raises(StoreError, match="holds tables but no version"):
        datapkg.gc(uri, grace="0s")
    assert stores.listed(reached, uri) == before


@MOTO
def test_gc_takes_a_killed_first_build_away_but_nothing_else(
    manifest: Path, uri: str, reached: stores.ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("datapkg.store.write.write_pin", stopped)
        make.build(manifest, uri)
    lies = place(uri)
    lance.write_dataset(pa.table({"a": [1]}), f"{uri}/mine.lance", storage_options=lies.options)
    lies.put("notes.txt", b"mine")
    mine = [name for name in stores.listed(reached, uri) if not name.startswith("wells.lance")]
    waiting = datapkg.gc(uri, grace="0s")
    assert waiting.waiting_bytes > 0
    assert "no build into it was ever finished" in str(waiting)
    a_year_later(lies)
    assert stores.listed(reached, uri) == mine
    assert lance.dataset(f"{uri}/mine.lance", storage_options=lies.options).count_rows() == 1


def a_year_later(package: Place) -> Reclaimed:
    rules = Rules(None, None, timedelta(hours=24))
    return reclaiming._gc(package, str(package), rules, False, time.time() + 365 * 86400)
