"""Packages that anybody may read: by plain requests of HTTP, without a key and without a listing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import make
import numpy as np
import pytest
import stores
from test_cli import run

import datapkg
from datapkg import versions
from datapkg.errors import StoreError, VersionError
from datapkg.places import place
from datapkg.places.web import Web


@pytest.fixture(autouse=True)
def keys_that_nobody_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and an endpoint of something else in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOTFORTHIS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stores.SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "aTokenThatIsNotForThis")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


@pytest.fixture
def site(manifest: Path, tmp_path: Path) -> Path:
    """The folder of a web site with a package of two versions in it."""
    package = tmp_path / "site" / "My data" / "x.datapkg"
    make.build(manifest, package)
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, package)
    return tmp_path / "site"


@pytest.fixture
def url(site: Path) -> Iterator[str]:
    server = stores.web(site)
    yield f"{server.endpoint}/My%20data/x.datapkg"
    server.stop()


def test_a_package_is_read_over_http(url: str, site: Path) -> None:
    opened, local = datapkg.open(url), datapkg.open(site / "My data" / "x.datapkg")
    assert (opened.version, opened.digest, opened.uri) == (2, local.digest, url)
    assert opened["wells"].to_pandas().equals(local["wells"].to_pandas())
    assert np.array_equal(opened["frames"].image(2), make.image(2))
    assert opened["frames"].to_pandas(where="Plate = 'p2'").path.to_list() == ["images/p2/A01_1.tif"]
    assert opened.sql("select count(*) as n from frames").to_pandas().n.to_list() == [3]
    assert datapkg.open(url, version="1.0.0").version == 1
    assert datapkg.open(url, version=1)["wells"].to_pandas().Well.to_list() == ["005", "042"]
    assert opened.versions()["version"].to_list() == [1, 2]
    assert opened.diff(1).as_json() == local.diff(1).as_json()
    assert datapkg.open(url, verify=True)["frames"].image(0).shape == (6, 8)
    assert datapkg.verify(url, deep=True).ok
    with pytest.raises(VersionError, match="no version 3"):
        datapkg.open(url, version=3)
    with pytest.raises(VersionError, match=r"no release '2\.0'"):
        datapkg.open(url, version="2.0")


def test_lazy_cells_find_their_package_again(url: str) -> None:
    import pickle

    frame = datapkg.open(url)["frames"].to_pandas(columns=["image_array"])
    again = pickle.loads(pickle.dumps(frame))
    assert np.array_equal(again.image_array.iloc[1], make.image(1))


def test_the_newest_version_is_found_without_a_listing(site: Path, tmp_path: Path, manifest: Path) -> None:
    package = site / "My data" / "x.datapkg"
    old = (package / "datapackage.json").read_bytes()
    for number in range(3):
        make.text(manifest.parent / "wells.csv", f"Well\nC{number}\n")
        make.build(manifest, package)
    server = stores.web(site)
    try:
        lies = place(f"{server.endpoint}/My data/x.datapkg".replace(" ", "%20"))
        assert lies.latest() == 5
        (package / "datapackage.json").write_bytes(old)
        assert lies.latest() == 5
        (package / "datapackage.json").unlink()
        assert lies.latest() == 5
        assert versions.numbers(lies) == [1, 2, 3, 4, 5]
        datapkg.gc(package, keep_last=1, grace="0s")
        assert versions.numbers(lies) == [1, 5]
        assert datapkg.open(lies).version == 5
        assert datapkg.verify(lies).ok
        datapkg.checkout(package, 5, site / "copy")
        assert datapkg.open(f"{server.endpoint}/copy").version == 5
        (site / "copy" / "datapackage.json").unlink()
        assert datapkg.open(f"{server.endpoint}/copy").version == 5
        make.text(site / "page" / "index.html", "<html>")
        for nowhere in ("page", "nothing/here"):
            with pytest.raises(StoreError, match="no package at this address"):
                datapkg.open(f"{server.endpoint}/{nowhere}")
    finally:
        server.stop()
    with pytest.raises(StoreError, match="does not answer"):
        datapkg.open(lies.uri, storage_options={"client_max_retries": 0, "client_retry_timeout": 1})


def test_a_package_is_pulled_from_the_web(url: str, site: Path, tmp_path: Path) -> None:
    assert datapkg.pull(url, tmp_path / "q").versions == (1, 2)
    assert datapkg.verify(tmp_path / "q", deep=True).ok
    assert datapkg.open(tmp_path / "q").digest == datapkg.open(site / "My data" / "x.datapkg").digest
    chosen = datapkg.pull(url, tmp_path / "s", tables=["frames"], where="Plate = 'p1'")
    assert chosen.digest == datapkg.verify(tmp_path / "s", deep=True).digest
    taken = datapkg.open(tmp_path / "s").record.taken_from
    assert taken is not None
    assert (taken.address, taken.version) == (url, 2)
    shown = run("show", url)
    assert shown.returncode == 0, shown.stderr


def test_a_server_without_parts_of_files_gives_whole_packages(site: Path, tmp_path: Path) -> None:
    server = stores.web(site, parts=False)
    url = f"{server.endpoint}/My%20data/x.datapkg"
    try:
        opened = datapkg.open(url)
        assert opened.tables == ["wells", "frames"]
        with pytest.raises(StoreError, match="gives whole files") as refused:
            opened["frames"].image(0)
        assert "datapkg pull" in refused.value.fix
        datapkg.pull(url, tmp_path / "q")
        assert datapkg.verify(tmp_path / "q", deep=True).ok
    finally:
        server.stop()


def test_nothing_is_written_to_the_web(url: str, manifest: Path, site: Path) -> None:
    before = make.tree(site)
    for work in (
        lambda: make.build(manifest, url),
        lambda: datapkg.release(url, "late"),
        lambda: datapkg.push(site / "My data" / "x.datapkg", f"{url}.copy"),
    ):
        with pytest.raises(StoreError, match="can only be read"):
            work()
    assert make.tree(site) == before


def test_a_public_bucket_is_read_without_a_key_or_a_listing(
    manifest: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = stores.moto()
    try:
        for name, value in reached.environment.items():
            monkeypatch.setenv(name, value)
        make.build(manifest, uri)
        address = uri.replace("s3://", f"{reached.endpoint}/").replace(" ", "%20")
        with pytest.raises(StoreError, match="no package at this address that everybody may read"):
            datapkg.open(address)
        stores.open_to_all(reached)
        _read_by_everybody(address, reached)
    finally:
        reached.stop()


def _read_by_everybody(address: str, reached: stores.ObjectStore) -> None:
    before = len(reached.lines)
    assert np.array_equal(datapkg.open(address)["frames"].image(1), make.image(1))
    reached.requests()
    asked = [line.split('"')[1] for line in reached.lines[before:] if "HTTP/1.1" in line]
    assert not [line for line in asked if "list-type" in line or "X-Amz" in line]
    assert {line.split()[0].rpartition("m")[2] for line in asked} <= {"GET", "HEAD"}


def test_no_key_is_ever_sent(site: Path, tmp_path: Path) -> None:
    server = stores.web(site)
    try:
        opened = datapkg.open(f"{server.endpoint}/My%20data/x.datapkg")
        options = opened.place.options or {}
        assert opened["frames"].image(0).shape == (6, 8)
        assert not [name for name in options if "key" in name or "token" in name]
        assert not [line for line in server.lines if "AKIANOTFORTHIS" in line or "aTokenThat" in line]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("https://me:secret@host/x", "no place for credentials"),
        ("http://192.0.2.1/x", "plain http"),
        ("https://host", "no address of a package"),
        ("https://host/a/../x", "no address of a package"),
        ("https://host/x?versionId=1", "holds one of"),
        ("https://host/a%2541/x", "holds one of"),
        ("https://host/%20", "no address of a package"),
        ("ftp://host/x", "is no place for a package"),
    ],
)
def test_other_addresses_are_refused(address: str, what: str) -> None:
    with pytest.raises(StoreError, match=what) as refused:
        place(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "endpoint", "cut"),
    [
        ("https://data.example.org/x.datapkg/", "https://data.example.org", "s3://x.datapkg"),
        ("https://b.s3.eu-west-1.amazonaws.com/a/x", "https://b.s3.eu-west-1.amazonaws.com", "s3://a/x"),
        ("https://storage.googleapis.com/b/x", "https://storage.googleapis.com", "s3://b/x"),
        ("https://host/M%C3%BCller 1/x/y z", "https://host/M%C3%BCller%201", "s3://x/y z"),
    ],
)
def test_addresses_are_cut_for_clients_of_stores(address: str, endpoint: str, cut: str) -> None:
    lies = place(address)
    assert isinstance(lies, Web)
    assert (lies.options["aws_endpoint"], str(lies.address)) == (endpoint, cut)
