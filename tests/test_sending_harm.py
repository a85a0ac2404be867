"""What stands in the way of a copy is told in one clear error, and the target is as it was."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import make
import pytest
import stores
from stores import BOTH, MOTO, RCLONE
from test_cli import run

import datapkg
from datapkg import store
from datapkg.cache import cache_folder
from datapkg.errors import DatapkgError, StoreError, VersionError
from datapkg.places import folder as folders
from datapkg.places import place

IMPATIENT = {"client_max_retries": 0, "client_retry_timeout": 1}


@BOTH
def test_a_bucket_that_is_not_there(
    package: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore, options: dict[str, Any]
) -> None:
    with pytest.raises(StoreError, match="no such bucket"):
        datapkg.push(package, "s3://nobodys-bucket/p", **options)
    with pytest.raises(StoreError, match="no such bucket"):
        datapkg.pull("s3://nobodys-bucket/p", tmp_path / "q")
    with pytest.raises(StoreError, match="nothing at this address"):
        datapkg.pull(uri, tmp_path / "q")
    assert not (tmp_path / "q").exists()


@RCLONE
def test_wrong_keys(
    package: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    for work in (
        lambda: datapkg.push(package, uri, single_writer=True),
        lambda: datapkg.pull(uri, tmp_path / "q"),
    ):
        with pytest.raises(StoreError, match="does not know these credentials"):
            work()
    assert not (tmp_path / "q").exists()


def test_a_bucket_that_may_only_be_read(
    package: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stores.moto()
    try:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        stores.forbid(server, "s3:PutObject")
        with pytest.raises(StoreError, match=r"may not do that in the bucket.*403"):
            datapkg.push(package, uri, storage_options=IMPATIENT)
        assert stores.listed(server, uri) == []
        stores.forbid(server, "s3:DeleteBucket")  # nothing that a copy needs
        datapkg.push(package, uri)
        stores.forbid(server, "s3:GetObject", "s3:HeadObject")
        with pytest.raises(StoreError, match="may not do that in the bucket"):
            datapkg.pull(uri, tmp_path / "q", storage_options=IMPATIENT)
        assert not (tmp_path / "q").exists()
    finally:
        server.stop()


@pytest.fixture
def skewed() -> Iterator[stores.ObjectStore]:
    """A store that finds our clock wrong."""
    server = stores.refusing(403, "RequestTimeTooSkewed")
    yield server
    server.stop()


def test_a_clock_that_is_wrong(
    skewed: stores.ObjectStore, package: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in skewed.environment.items():
        monkeypatch.setenv(name, value)
    for work in (
        lambda: datapkg.push(package, uri, storage_options=IMPATIENT),
        lambda: datapkg.pull(uri, tmp_path / "q", storage_options=IMPATIENT),
    ):
        with pytest.raises(StoreError, match="clocks") as told:
            work()
        assert "set this machine's clock" in told.value.fix


@MOTO
def test_a_disk_that_is_full_leaves_what_was_there(
    package: Path,
    manifest: Path,
    tmp_path: Path,
    uri: str,
    reached: stores.ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    datapkg.push(package, uri)
    datapkg.pull(uri, tmp_path / "q")
    make.text(manifest.parent / "wells.csv", "Well\n" + "B02\n" * 5000)
    make.build(manifest, package)
    datapkg.push(package, uri)
    before = make.tree(tmp_path / "q")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(folders, "_write_all", full)
        with pytest.raises(StoreError, match="the disk is full"):
            datapkg.pull(uri, tmp_path / "q")
        with pytest.raises(StoreError, match="the disk is full"):
            datapkg.pull(uri, tmp_path / "new")
    assert make.tree(tmp_path / "q") == before
    assert datapkg.pull(uri, tmp_path / "q").versions == (2,)
    assert datapkg.pull(uri, tmp_path / "new").versions == (1, 2)
    assert datapkg.verify(tmp_path / "q", deep=True).ok


def test_a_target_that_is_no_folder(package: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "q", "years of work")
    with pytest.raises(StoreError, match="is a file, not a folder"):
        datapkg.pull(package, tmp_path / "q")
    with pytest.raises(StoreError, match=r"is a file|in the way"):
        datapkg.pull(package, tmp_path / "q" / "inside")
    assert (tmp_path / "q").read_text() == "years of work"


@MOTO
def test_no_key_is_shown_or_kept(
    package: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    token = "aSessionTokenThatNobodyMaySee"
    home = make.text(
        tmp_path / "home" / ".aws" / "credentials",
        f"[lab]\naws_access_key_id = {stores.KEY}\naws_secret_access_key = {stores.SECRET}\naws_session_token = {token}\n",
    ).parents[1]
    profile = {"AWS_PROFILE": "lab", "HOME": str(home), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    said = []
    for arguments in (
        ["push", package, uri],
        ["pull", uri, tmp_path / "q", "--json"],
        ["pull", uri, tmp_path / "s", "--where", "Plate = 'p1'"],
    ):
        said.append(run(*arguments, **profile))
        assert said[-1].returncode == 0, said[-1].stderr
    for arguments in (
        ["push", package, f"s3://{stores.KEY}:{stores.SECRET}@{stores.BUCKET}/p"],
        ["pull", f"https://{stores.KEY}:{stores.SECRET}@host/p", tmp_path / "r"],
        ["pull", "s3://nobodys-bucket/p", tmp_path / "r"],
    ):
        said.append(run(*arguments, AWS_SESSION_TOKEN=token))
        assert said[-1].returncode == 2
        assert "Traceback" not in said[-1].stderr
    kept = [place(uri).read(one.name) for one in place(uri).entries()]
    kept += [
        path.read_bytes()
        for folder in (tmp_path / "q", tmp_path / "s", cache_folder())
        for path in folder.rglob("*")
        if path.is_file()
    ]
    for secret in (stores.SECRET, token):
        assert not [one for one in said if secret in one.stdout + one.stderr]
        assert not [content for content in kept if secret.encode() in content]


@pytest.fixture
def diverged(tmp_path: Path) -> list[Path]:
    """Two packages of one name that have nothing in common, of several tables."""
    packages = []
    for who in "xy":
        data = tmp_path / who / "data"
        for table in "abcdef":
            make.text(data / f"{table}.csv", f"Well\n{who}{table}\n")
        manifest = make.manifest(data, *[f"name: {table}, path: {table}.csv" for table in "abcdef"])
        make.build(manifest, tmp_path / who / "p")
        packages.append(tmp_path / who / "p")
    return packages


@MOTO
def test_of_two_copies_at_once_one_wins(diverged: list[Path], uri: str, reached: stores.ObjectStore) -> None:
    together = threading.Barrier(2)

    def sent(package: Path, target: str) -> bool:
        together.wait()
        try:
            datapkg.push(package, target)
        except DatapkgError:
            return False
        return True

    for number in range(4):
        target = f"{uri}/{number}"
        with ThreadPoolExecutor(2) as pool:
            won = list(pool.map(sent, diverged, [target] * 2))
        (winner,) = [package for package, well in zip(diverged, won, strict=True) if well]
        (loser,) = [package for package in diverged if package != winner]
        with pytest.raises(VersionError, match=r"its history is another one|no version in common"):
            datapkg.push(loser, target)
        assert datapkg.verify(target).ok
        assert datapkg.open(target).digest == datapkg.open(winner).digest


@MOTO
def test_what_a_copy_that_was_stopped_has_left_can_be_cleared_at_once(
    diverged: list[Path], uri: str, reached: stores.ObjectStore
) -> None:
    ours, theirs = diverged
    target, pin = place(uri), datapkg.open(theirs).record.table("c").stored
    store.write_pin(target, "c", pin.tag, pin.lance_version, 0)
    target.put(pin.manifest, place(theirs).read(pin.manifest))
    with pytest.raises(StoreError, match="another state of a table there") as told:
        datapkg.push(ours, uri)
    assert f"datapkg gc '{uri}' --grace 0s" in told.value.fix
    datapkg.gc(uri, grace="0s")
    assert datapkg.push(ours, uri).versions == (1,)
    assert datapkg.verify(uri, deep=True).ok


@pytest.mark.parametrize("target", ["https://example.org/p", "x.datapkg.zip"])
def test_a_place_that_is_only_read_is_refused_before_anybody_is_asked(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if target.endswith(".zip"):
        datapkg.export(package, target)
    for copy in (datapkg.push, datapkg.pull):
        with pytest.raises(StoreError, match=r"only (be )?read"):
            copy(package, target)
