"""Who may reach a store, and what is said where one cannot: clear errors, and no secret in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import obstore
import pytest
import stores
from stores import BOTH, MOTO, RCLONE
from test_cli import run

import datapkg
from datapkg.cache import cache_folder
from datapkg.errors import StoreError
from datapkg.places import place


@RCLONE
def test_a_store_that_cannot_keep_builders_apart_is_refused_before_anything_is_written(
    manifest: Path, uri: str, reached: stores.ObjectStore
) -> None:
    with pytest.raises(StoreError, match="ignores If-None-Match") as refused:
        make.build(manifest, uri)
    assert "--single-writer" in refused.value.fix
    assert stores.listed(reached, uri) == []
    make.build(manifest, uri, single_writer=True)
    with pytest.raises(StoreError, match="ignores If-None-Match"):
        datapkg.release(uri, "late")
    assert datapkg.release(uri, "late", single_writer=True) == 1


@BOTH
def test_a_prefix_that_holds_something_else_is_left_alone(
    manifest: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    place(uri).put("photos/me.jpg", b"mine")
    with pytest.raises(StoreError, match=r"something else than a package \(first: photos\)"):
        make.build(manifest, uri, **options)
    assert stores.listed(reached, uri) == ["photos/me.jpg"]


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
    for read in (frames.to_pandas, lambda: opened.verify(deep=True)):
        with pytest.raises(StoreError, match="does not answer"):
            read()


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
        bytes(
            obstore.get(
                stores.client(reached), f"{uri.removeprefix(f's3://{stores.BUCKET}/')}/{name}"
            ).bytes()
        )
        for name in stores.listed(reached, uri)
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


def test_a_public_package_is_read_without_keys(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.build(manifest, tmp_path / stores.BUCKET / "copied")
    public = stores.rclone(tmp_path, public=True)
    try:
        uri, access = (
            f"s3://{stores.BUCKET}/copied",
            {"aws_endpoint": public.endpoint, "aws_skip_signature": True},
        )
        assert datapkg.open(uri, storage_options=access)["frames"].image(0).shape == (6, 8)
        monkeypatch.setenv("AWS_ENDPOINT_URL", public.endpoint)
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        assert datapkg.verify(uri, deep=True).ok
    finally:
        public.stop()
