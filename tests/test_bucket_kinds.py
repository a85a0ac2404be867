"""Stores that are not S3: Azure's against its own test server, Google's in another's words before a server of S3's."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import make
import numpy as np
import pytest
import stores

import datapkg
from datapkg.errors import StoreError
from datapkg.places import place

AZ = f"az://{stores.BUCKET}/Müller 1"
GS = f"gs://{stores.BUCKET}/Müller 1"


class Kind(NamedTuple):
    """A store of a kind: the address of a package in it, what it takes to reach it, and its server."""

    uri: str
    access: dict[str, Any]
    server: stores.ObjectStore


@pytest.fixture
def azurite() -> Iterator[stores.ObjectStore]:
    """Azure's store, if its test server is installed."""
    store = stores.azurite()
    yield store
    store.stop()


@pytest.fixture(params=["azure", "google"])
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    """Each kind of store."""
    if request.param == "azure":
        azure = request.getfixturevalue("azurite")
        yield Kind(AZ, {"storage_options": stores.azure_options(azure)}, azure)
        return
    behind = stores.moto()
    google = stores.google(behind)
    yield Kind(GS, {"storage_options": stores.google_options(google)}, google)
    google.stop()
    behind.stop()


def test_a_package_lives_in_a_store_of_each_kind(kind: Kind, manifest: Path, tmp_path: Path) -> None:
    uri, access, _ = kind
    report = make.build(manifest, uri, **access)
    opened = datapkg.open(uri, **access)
    assert np.array_equal(opened["frames"].image(1), make.image(1))
    assert datapkg.pull(uri, tmp_path / "q", **access).digest == report.digest
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, tmp_path / "q")
    assert datapkg.push(tmp_path / "q", uri, **access).versions == (2,)
    assert datapkg.verify(uri, deep=True, **access).versions == (1, 2)
    assert not make.build(manifest, uri, **access).created
    chosen = datapkg.pull(
        uri, f"{uri} p1", where="Plate = 'p1'", dest_options=access["storage_options"], **access
    )
    assert chosen.digest == datapkg.verify(f"{uri} p1", deep=True, **access).digest


def test_each_kind_answers_as_s3_does(kind: Kind, manifest: Path) -> None:
    uri, access, _ = kind
    make.build(manifest, uri, **access)
    make.tiff(manifest.parent / "images" / "p2" / "A02_7.tif", make.image(9))
    make.build(manifest, uri, **access)
    opened = datapkg.open(uri, **access)
    counts = opened.sql("select Well, count(*) as n from frames group by Well order by Well").to_pandas()
    assert counts.to_dict("list") == {"Well": ["A01", "A02"], "n": [2, 2]}
    assert len(opened["frames"].to_pandas(columns=["path"], where="Well = 'A02'")) == 2
    changed = opened.diff(1)
    assert not changed.ok
    assert len(changed.rows) == 1
    before = make.build(manifest, uri, **access)
    assert not before.created
    datapkg.gc(uri, **access)
    assert datapkg.verify(uri, deep=True, **access).ok
    assert np.array_equal(datapkg.open(uri, **access)["frames"].image(3), make.image(9))


def test_one_image_costs_three_requests_cold_and_one_warm(kind: Kind, manifest: Path) -> None:
    """The servers log one line for each request that they have answered."""
    uri, access, server = kind
    make.build(manifest, uri, **access)
    frames = datapkg.open(uri, **access)["frames"]
    for row, most in ((1, 3), (2, 1), (0, 1)):
        before = server.requests()
        assert np.array_equal(frames.image(row), make.image(row))
        assert 1 <= server.requests() - before <= most


def test_of_several_at_once_one_creates_a_record(kind: Kind) -> None:
    lies = place(kind.uri, kind.access["storage_options"])
    lies.refuse_careless()
    with ThreadPoolExecutor(4) as threads:
        made = list(
            threads.map(lambda name: lies.put_if_absent("versions/1.json", name), (b"1", b"2", b"3", b"4"))
        )
    assert sum(made) == 1
    assert lies.read("versions/1.json") == b"%d" % (made.index(True) + 1)
    lies.remove(["versions/1.json"])
    assert not lies.names("versions")


def test_azures_refusals_are_said(azurite: stores.ObjectStore, manifest: Path) -> None:
    with pytest.raises(StoreError, match="no such bucket"):
        datapkg.open("az://nobody/p", storage_options=stores.azure_options(azurite))
    wrong = base64.b64encode(b"wrong" * 6).decode()
    with pytest.raises(StoreError, match="may not do that") as refused:
        make.build(manifest, AZ, storage_options=stores.azure_options(azurite, wrong))
    assert "AZURE_STORAGE_ACCOUNT_KEY" in refused.value.fix
    assert wrong not in str(refused.value)


def test_googles_client_copies_packages(manifest: Path, tmp_path: Path) -> None:
    """rclone speaks S3's language, which Google's XML interface shares, but for the header of conditional puts."""
    server = stores.rclone(tmp_path, public=True)
    access: dict[str, Any] = {"storage_options": stores.google_options(server)}
    uri = f"gs://{stores.BUCKET}/Müller 1"
    try:
        make.build(manifest, tmp_path / "p")
        with pytest.raises(StoreError, match="ignores If-None-Match"):
            datapkg.push(tmp_path / "p", uri, **access)
        assert datapkg.push(tmp_path / "p", uri, single_writer=True, **access).versions == (1,)
        assert make.tree(tmp_path / stores.BUCKET / "Müller 1").keys() >= {
            "versions/1.json",
            "datapackage.json",
        }
        opened = datapkg.open(uri, **access)
        assert opened.release == "1.0.0"
        assert np.array_equal(opened["frames"].image(1), make.image(1))
        assert opened.diff(1).ok
        assert datapkg.pull(uri, tmp_path / "q", **access).versions == (1,)
        assert datapkg.verify(tmp_path / "q", deep=True).ok
    finally:
        server.stop()
