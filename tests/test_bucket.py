"""Packages in object stores: what holds in a folder holds in a bucket, and what a store refuses is told clearly."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import make
import numpy as np
import obstore
import pytest
import stores
from obstore.store import S3Store
from test_cli import run

import datapkg
from datapkg import removed, store, versions
from datapkg.cache import cache_folder
from datapkg.errors import DamageError, DatapkgError, StoreError, VersionError
from datapkg.places import place
from datapkg.places.bucket import Bucket

BOTH = pytest.mark.parametrize("reached", ["moto", "rclone"], indirect=True)
MOTO = pytest.mark.parametrize("reached", ["moto"], indirect=True)
RCLONE = pytest.mark.parametrize("reached", ["rclone"], indirect=True)
WELLS = "Well,Count\nB02,1\nB03,2\n"


@pytest.fixture
def uri() -> str:
    """An empty prefix."""
    return f"s3://{stores.BUCKET}/{uuid.uuid4().hex[:12]}/Müller 1"


@pytest.fixture
def options(reached: stores.ObjectStore) -> dict[str, Any]:
    """What a build into the store needs."""
    return {"single_writer": reached.single_writer}


def objects(reached: stores.ObjectStore) -> S3Store:
    """The bucket, through a client of the tests' own."""
    return S3Store(
        stores.BUCKET,
        endpoint=reached.endpoint,
        access_key_id=stores.KEY,
        secret_access_key=stores.SECRET,
        region="us-east-1",
        client_options={"allow_http": True},
    )


def listed(reached: stores.ObjectStore, uri: str) -> list[str]:
    """The files below an address, with their paths from there."""
    prefix = uri.removeprefix(f"s3://{stores.BUCKET}/")
    found = [one["path"] for part in obstore.list(objects(reached), prefix) for one in part]
    return sorted(path.removeprefix(f"{prefix}/") for path in found)


@BOTH
def test_a_package_lives_in_a_bucket_as_in_a_folder(
    manifest: Path, tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    local = make.build(manifest, tmp_path / "p")
    first = make.build(manifest, uri, **options)
    assert (first.version, first.created, first.digest, first.package) == (1, True, local.digest, uri)
    assert not make.build(manifest, uri, **options).created
    make.text(manifest.parent / "wells.csv", WELLS)
    second = make.build(manifest, uri, **options)
    assert (second.version, second.digest) == (2, make.build(manifest, tmp_path / "p").digest)
    opened, kept = datapkg.open(uri), datapkg.open(tmp_path / "p")
    assert opened["wells"].to_pandas().equals(kept["wells"].to_pandas())
    for one, other in zip(opened["frames"].images([2, 0]), kept["frames"].images([2, 0]), strict=True):
        assert np.array_equal(one, other)
    assert opened["frames"].to_pandas(columns=["path"], where="Plate = 'p2'").path.to_list() == [
        "images/p2/A01_1.tif"
    ]
    assert opened.diff(1).as_json() == kept.diff(1).as_json()
    assert opened.diff(kept).ok
    assert datapkg.release(uri, "2.0.0", **options) == 2
    assert (datapkg.open(uri, version="1.0.0").version, datapkg.open(uri, version="2.0.0").version) == (1, 2)
    assert opened.versions().release.to_list() == ["1.0.0", "2.0.0"]
    assert datapkg.verify(uri, deep=True).ok
    assert datapkg.status(manifest, uri).ok
    assert sorted(make.tree(tmp_path / "p").keys() - {"releases/2.0.0.json"}) != []
    assert {name.partition("/")[0] for name in listed(reached, uri)} == {
        path.name for path in (tmp_path / "p").iterdir()
    }
    assert not list((cache_folder() / "building").glob("*/*"))


@BOTH
def test_large_images_are_read_in_parts(tmp_path: Path, uri: str, options: dict[str, Any]) -> None:
    images = [make.image(seed, (700, 900)) for seed in range(4)]
    for seed, image in enumerate(images):
        make.tiff(tmp_path / f"{seed}.tif", image)
    manifest = make.manifest(tmp_path, 'name: frames, path: "*.tif"')
    make.build(manifest, uri, **options)
    opened = datapkg.open(uri, verify=True)
    assert np.array_equal(opened["frames"].image(3), images[3])
    assert datapkg.verify(uri, deep=True).ok
    assert not make.build(manifest, uri, **options).created


@MOTO
def test_a_packages_workers_read_and_write_it_too(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    report = datapkg.build(manifest, uri, workers=2)
    assert datapkg.verify(uri, deep=True).digest == report.digest


@MOTO
def test_what_opening_and_reading_one_image_cost(
    tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    for seed in range(30):
        make.tiff(tmp_path / f"{seed:02}.tif", make.image(seed, (300, 400)))
    make.build(make.manifest(tmp_path, 'name: frames, path: "*.tif"'), uri)

    def cost(read: Callable[[], Any]) -> int:
        before = reached.requests()
        read()
        datapkg.open(uri)  # moto logs a request when it is answered: this one comes after
        return reached.requests() - before - OPENING

    assert cost(lambda: datapkg.open(uri)) == OPENING
    frames = datapkg.open(uri)["frames"]
    assert cost(lambda: frames.rows.pinned.lance) <= STATE
    assert cost(lambda: frames.take(np.array([7]), ["image_array"])) <= 3
    assert cost(lambda: frames.take(np.array([20]), ["image_array"])) == 1


OPENING = 2
"""The list of versions, and a record."""
STATE = 4
"""The list of a version's files, the table's state twice (its hash, and the engine), and its size."""


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
    lies.put(files["data"], data)
    lies.remove([files["manifest"]])
    assert [fault.what for fault in datapkg.verify(uri).found] == ["is missing (version 1)"]
    with pytest.raises(DamageError, match="not there any more"):
        datapkg.open(uri)["frames"].image(0)
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


@BOTH
def test_gc_gives_back_versions_and_what_stopped_builds_left(
    manifest: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    manifest.write_text(manifest.read_text().replace('version: "1.0.0"\n', ""))
    for number in range(3):
        make.text(manifest.parent / "wells.csv", f"Well\nB{number:02}\n")
        make.build(manifest, uri, **options)
    lies = place(uri)
    staging = lies.staging("stopped")
    staging.put("wells.lance/data/x", b"rows")
    lies.put("versions/.4-00ff.files.json", b"{}")
    lies.put(".building-00ff.probe", b"1")
    planned = datapkg.gc(uri, dry_run=True, keep_last=1, grace="0s")
    assert (planned.removed, len(planned.paths)) == ((1, 2), 3)
    done = datapkg.gc(uri, keep_last=1, grace="0s")
    assert (done.removed, sorted(done.paths)) == ((1, 2), sorted(planned.paths))
    assert (versions.numbers(lies), staging.exists()) == ([3], False)
    assert datapkg.verify(uri, deep=True).ok
    assert removed.removed(lies, 2).whole
    removed.bring_back(lies, 2)
    assert datapkg.open(uri, version=2)["wells"].to_pandas().Well.to_list() == ["B01"]


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
def test_a_version_is_copied_out_of_a_bucket(
    manifest: Path, tmp_path: Path, uri: str, options: dict[str, Any]
) -> None:
    report = make.build(manifest, uri, **options)
    assert datapkg.checkout(uri, 1, tmp_path / "out") == report.digest
    assert datapkg.verify(tmp_path / "out", deep=True).ok
    assert datapkg.open(tmp_path / "out").release == "1.0.0"


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
    assert "another program has made 1 later states" in " ".join(report.warnings)
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


@RCLONE
def test_a_store_that_cannot_keep_builders_apart_is_refused_before_anything_is_written(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    with pytest.raises(StoreError, match="ignores If-None-Match") as refused:
        make.build(manifest, uri)
    assert "--single-writer" in refused.value.fix
    assert listed(reached, uri) == []
    make.build(manifest, uri, single_writer=True)
    with pytest.raises(StoreError, match="ignores If-None-Match"):
        datapkg.release(uri, "late")
    assert datapkg.release(uri, "late", single_writer=True) == 1


@pytest.mark.parametrize("at", ["begin", "commit", "publish", "rename"])
def test_a_store_that_dies_leaves_earlier_versions_whole(
    at: str, manifest: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = stores.rclone(tmp_path)
    for name, value in {**dying.environment, "AWS_MAX_ATTEMPTS": "2"}.items():
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


@BOTH
def test_a_prefix_that_holds_something_else_is_left_alone(
    manifest: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    place(uri).put("photos/me.jpg", b"mine")
    with pytest.raises(StoreError, match=r"something else than a package \(first: photos\)"):
        make.build(manifest, uri, **options)
    assert listed(reached, uri) == ["photos/me.jpg"]


@BOTH
def test_what_is_not_there_is_said(manifest: Path, uri: str, options: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="nothing at this address"):
        datapkg.open(uri)
    for work in (datapkg.open, datapkg.verify, datapkg.gc, lambda one: make.build(manifest, one, **options)):
        with pytest.raises(StoreError, match="no such bucket"):
            work("s3://nobodys-bucket/p")


@RCLONE
@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "does not know these credentials"),
        ("AWS_ACCESS_KEY_ID", "AKIAWRONG", "does not know these credentials"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", "does not answer"),
        ("AWS_ENDPOINT_URL", "http://192.0.2.1", "plain http"),
        ("AWS_ENDPOINT_URL", "127.0.0.1", "no http:// or https:// address"),
        ("AWS_PROFILE", "nobody", "the profile 'nobody' is not there"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_clear_error(
    name: str,
    value: str,
    what: str,
    manifest: Path,
    tmp_path: Path,
    uri: str,
    reached: stores.ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    if name == "AWS_PROFILE":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    for work in (datapkg.open, datapkg.verify, lambda one: make.build(manifest, one, single_writer=True)):
        with pytest.raises(StoreError, match=what) as refused:
            work(uri)
        assert refused.value.fix


@RCLONE
def test_a_table_that_is_out_of_reach_is_not_called_damaged(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    make.build(manifest, uri, single_writer=True)
    opened = datapkg.open(uri, storage_options={"client_max_retries": 0, "client_retry_timeout": 1})
    frames = opened["frames"]
    assert frames.rows.order.rows == 3
    assert opened.place.options is not None
    opened.place.options["aws_endpoint"] = "http://127.0.0.1:9"
    with pytest.raises(StoreError, match="does not answer"):
        frames.image(0)


def test_a_store_without_rights_to_write_is_told_before_reading(
    manifest: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = stores.rclone(tmp_path, "--read-only")
    try:
        for name, value in fixed.environment.items():
            monkeypatch.setenv(name, value)
        patient = {"client_max_retries": 0, "client_retry_timeout": 1}
        with pytest.raises(StoreError, match=r"the store fails|may not do that"):
            make.build(manifest, uri, single_writer=True, storage_options=patient)
    finally:
        fixed.stop()


@MOTO
def test_keys_are_taken_from_options_and_from_a_profile(
    manifest: Path,
    tmp_path: Path,
    uri: str,
    reached: stores.ObjectStore,
    rclone: stores.ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in reached.environment:
        monkeypatch.delenv(name)
    given = {
        "aws_endpoint": rclone.endpoint,
        "aws_access_key_id": stores.KEY,
        "aws_secret_access_key": stores.SECRET,
    }
    make.build(manifest, uri, storage_options=given, single_writer=True)
    assert datapkg.open(uri, storage_options=given)["frames"].image(0).shape == (6, 8)
    make.text(
        tmp_path / "credentials",
        f"[lab]\naws_access_key_id = {stores.KEY}\naws_secret_access_key = {stores.SECRET}\n",
    )
    make.text(tmp_path / "config", f"[profile lab]\nendpoint_url = {rclone.endpoint}\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert datapkg.open(uri)["frames"].image(0).shape == (6, 8)
    assert datapkg.verify(uri, deep=True).ok


@RCLONE
def test_credentials_appear_nowhere(
    manifest: Path, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    token = "aSessionTokenThatNobodyMaySee"
    wrong = "anotherSecretThatNobodyMaySee"
    told = []
    good = run("build", manifest, uri, "--single-writer", "--workers", "1")
    assert good.returncode == 0, good.stderr
    for arguments in (["show", uri], ["log", uri, "--json"], ["verify", uri, "--deep"], ["gc", uri]):
        told.append(run(*arguments))
        assert told[-1].returncode == 0, told[-1].stderr
    for environment in (
        {"AWS_SECRET_ACCESS_KEY": wrong, "AWS_SESSION_TOKEN": token},
        {"AWS_SESSION_TOKEN": token, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        {"AWS_SESSION_TOKEN": token, "AWS_ENDPOINT_URL": f"http://user:{wrong}@127.0.0.1:9"},
    ):
        told.append(run("build", manifest, uri, "--single-writer", **environment))
        assert told[-1].returncode == 2
        assert "Traceback" not in told[-1].stderr
    told.append(run("show", f"s3://{stores.KEY}:{wrong}@{stores.BUCKET}/p"))
    said = [one.stdout + one.stderr for one in (good, *told)]
    with pytest.raises(StoreError) as refused:
        datapkg.open(uri, storage_options={"aws_skip_signature": wrong})
    said += [repr(refused.value), str(refused.value), repr(datapkg.open(uri)), repr(place(uri))]
    kept = [
        bytes(obstore.get(objects(reached), f"{uri.removeprefix(f's3://{stores.BUCKET}/')}/{name}").bytes())
        for name in listed(reached, uri)
    ]
    kept += [
        path.read_bytes()
        for folder in (tmp_path, cache_folder())
        for path in folder.rglob("*")
        if path.is_file()
    ]
    for secret in (stores.SECRET, token, wrong):
        assert not [text for text in said if secret in text]
        assert not [content for content in kept if secret.encode() in content]


@MOTO
def test_the_command_line_takes_addresses(manifest: Path, uri: str, reached: stores.ObjectStore) -> None:
    built = run("build", manifest, uri, "--json", "--workers", "1")
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["package"] == uri
    assert "up to date" in run("status", manifest, uri).stdout
    assert run("release", uri, "first").returncode == 0
    assert json.loads(run("log", uri, "--json").stdout)[0]["version"] == 1
    assert run("diff", uri, "1", "1", "--exit-code").returncode == 0
