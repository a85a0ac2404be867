"""Sources in buckets: fetched as from the web, and listed, which the web cannot do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import make
import make_archives
import obstore
import pytest
import stores
from make_web import Serving, Site
from stores import BOTH, BUCKET, MOTO, RCLONE

import datapkg
from datapkg.errors import DatapkgError, ManifestError, SourceError
from datapkg.lock import read_lock
from datapkg.remote import Fetched, Fetcher, Wanted, patience
from datapkg.remote.vault import Part, vault

A, B = b"Well,n\nA01,1\n", b"Well,n\nB01,2\n"
SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>secret-token</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>secret-token</Message></Error>"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def prefix() -> str:
    return uuid.uuid4().hex[:12]


def put(store: stores.ObjectStore, key: str, content: bytes) -> str:
    """Store an object; its address."""
    obstore.put(stores.client(store), key, content)
    return f"s3://{BUCKET}/{key}"


@BOTH
def test_an_object_is_a_source(reached: stores.ObjectStore, prefix: str, tmp_path: Path) -> None:
    address = put(reached, f"{prefix}/Müller 1.csv", A)
    path = make.manifest(tmp_path, f'name: wells, path: ["{address.replace(" ", "_")}"]')
    with pytest.raises(SourceError, match="there is no such object in the bucket"):
        make.build(path, tmp_path / "p")
    address = put(reached, f"{prefix}/Müller_1.csv", A)
    make.build(path, tmp_path / "p")
    assert list(datapkg.open(tmp_path / "p")["wells"].to_pandas().source_path) == [address]
    assert read_lock(path).sources[0].path == address


@MOTO
def test_a_known_object_costs_no_request(reached: stores.ObjectStore, prefix: str, tmp_path: Path) -> None:
    path = make.manifest(tmp_path, f'name: wells, path: "{put(reached, f"{prefix}/a.csv", A)}"')
    before = reached.requests()
    make.build(path, tmp_path / "p")
    assert reached.requests() - before == 1
    make.build(path, tmp_path / "p")
    make.build(path, tmp_path / "q", locked=True)
    assert datapkg.status(path, tmp_path / "p").ok
    assert reached.requests() - before == 1
    assert not make.build(path, tmp_path / "p", rehash=True).created


@BOTH
def test_a_glob_lists_the_bucket(reached: stores.ObjectStore, prefix: str, tmp_path: Path) -> None:
    for key, content in {
        "p1/a.csv": A,
        "p1/deep/b.csv": B,
        "p1/.c.csv": A,
        "p1/A.CSV": A,
        "p2/d.csv": B,
    }.items():
        put(reached, f"{prefix}/{key}", content)
    path = make.manifest(tmp_path, f'name: wells, path: "s3://{BUCKET}/{prefix}/p1/**/*.csv"')
    make.build(path, tmp_path / "p")
    start = f"s3://{BUCKET}/{prefix}/p1"
    assert [one.path for one in read_lock(path).sources] == [f"{start}/a.csv", f"{start}/deep/b.csv"]
    assert not make.build(path, tmp_path / "p").created
    assert datapkg.status(path, tmp_path / "p").ok
    put(reached, f"{prefix}/p1/new.csv", B)
    report = make.build(path, tmp_path / "p")
    assert report.version == 2 and report.sources.unchanged == 2
    path = make.manifest(
        tmp_path, f'name: wells, path: "s3://{BUCKET}/{prefix}/**", type: table, exclude: "**/p1/**"'
    )
    make.build(path, tmp_path / "q")
    assert [one.path for one in read_lock(path).sources] == [f"s3://{BUCKET}/{prefix}/p2/d.csv"]


@MOTO
def test_a_glob_that_matches_nothing_is_a_mistake(
    reached: stores.ObjectStore, prefix: str, tmp_path: Path
) -> None:
    path = make.manifest(tmp_path, f'name: wells, path: "s3://{BUCKET}/{prefix}/*.csv"')
    with pytest.raises(ManifestError, match="matches no object of the bucket"):
        make.build(path, tmp_path / "p")
    path = make.manifest(tmp_path, f'name: wells, path: "s3://no-such-bucket/{prefix}/*.csv"')
    with pytest.raises(SourceError, match="there is no such bucket"):
        make.build(path, tmp_path / "p")


@MOTO
def test_a_key_that_programs_read_in_different_ways_is_refused(
    reached: stores.ObjectStore, prefix: str, tmp_path: Path
) -> None:
    put(reached, f"{prefix}/a#1.csv", A)
    path = make.manifest(tmp_path, f'name: wells, path: "s3://{BUCKET}/{prefix}/*.csv"')
    with pytest.raises(SourceError, match="means different things to different programs"):
        make.build(path, tmp_path / "p")


@MOTO
def test_archives_lie_in_buckets_too(reached: stores.ObjectStore, prefix: str, tmp_path: Path) -> None:
    address = put(reached, f"{prefix}/d.zip", make_archives.zipped({"p/a.csv": A, "q/b.csv": B}))
    path = make.manifest(tmp_path, f'name: wells, path: "{address}", members: "p/*.csv"')
    make.build(path, tmp_path / "p")
    assert [one.path for one in read_lock(path).sources] == [f"{address}!/p/a.csv"]


@BOTH
def test_a_transfer_goes_on_where_it_broke(reached: stores.ObjectStore, prefix: str) -> None:
    content = bytes(range(256)) * 100
    address = put(reached, f"{prefix}/a.csv", content)
    tag = obstore.head(stores.client(reached), f"{prefix}/a.csv")["e_tag"]
    for mark in (tag, '"another"'):
        part = Part(address, address)
        part.begin(str(mark))
        with part.writing() as writer:
            writer.write(content[:1000])
        with Fetcher() as fetcher:
            (found,) = fetcher.fetch([Wanted(address)])
        assert isinstance(found, Fetched) and found.local.read_bytes() == content
        found.local.unlink()


def refused(address: str) -> str:
    with Fetcher() as fetcher:
        (found,) = fetcher.fetch([Wanted(address)])
    assert isinstance(found, DatapkgError) and found.fix
    assert not list(vault().glob("objects/*/*"))
    return str(found)


@RCLONE
def test_a_bucket_without_rights_is_told(
    reached: stores.ObjectStore, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = put(reached, f"{prefix}/a.csv", A)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    said = refused(address)
    assert "credentials" in said and "hunter2" not in said


@pytest.fixture
def odd_store(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_ENDPOINT_URL": site.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield site


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (SKEWED, "the clocks of this machine and of the store differ too much (RequestTimeTooSkewed)"),
        (DENIED, "these credentials may not do that in the bucket (AccessDenied)"),
    ],
)
def test_what_a_store_refuses_is_told_without_its_words(odd_store: Site, body: bytes, said: str) -> None:
    odd_store.plan("bucket/a.csv", Serving(status=403, content=body))
    told = refused("s3://bucket/a.csv")
    assert said in told and "secret-token" not in told and "hunter2" not in told


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://bucket/", "names no file"),
        ("s3://key:secret7@bucket/a.csv", "holds a password"),
        ("s3://bucket/a%20b.csv", "has one of % #"),
        ("s3://bucket/plates/", "names a folder"),
        ("s3://bucket/../a.csv", "an empty part, . or .."),
    ],
)
def test_addresses_that_mean_nothing_are_mistakes(tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        datapkg.check(make.manifest(tmp_path, f'name: wells, path: "{address}", type: table'))
    assert said in str(error.value) and "secret7" not in str(error.value)
