"""Stores that are not S3: Azure's against its own test server, Google's as far as a server of another kind answers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import stores

import datapkg
from datapkg.errors import StoreError
from datapkg.places import place

AZ = f"az://{stores.BUCKET}/Müller 1"


@pytest.fixture
def azurite() -> Iterator[stores.ObjectStore]:
    """Azure's store, if its test server is installed."""
    store = stores.azurite()
    yield store
    store.stop()


def test_a_package_lives_in_azures_store(azurite: stores.ObjectStore, manifest: Path, tmp_path: Path) -> None:
    access: dict[str, Any] = {"storage_options": stores.azure_options(azurite)}
    report = make.build(manifest, AZ, **access)
    opened = datapkg.open(AZ, **access)
    assert np.array_equal(opened["frames"].image(1), make.image(1))
    assert datapkg.pull(AZ, tmp_path / "q", **access).digest == report.digest
    make.text(manifest.parent / "wells.csv", "Well\nB02\n")
    make.build(manifest, tmp_path / "q")
    assert datapkg.push(tmp_path / "q", AZ, **access).versions == (2,)
    assert datapkg.verify(AZ, deep=True, **access).versions == (1, 2)
    assert not make.build(manifest, AZ, **access).created
    chosen = datapkg.pull(
        AZ, f"{AZ} p1", where="Plate = 'p1'", dest_options=access["storage_options"], **access
    )
    assert chosen.digest == datapkg.verify(f"{AZ} p1", deep=True, **access).digest


def test_azures_store_answers_as_s3_does(azurite: stores.ObjectStore, manifest: Path) -> None:
    access: dict[str, Any] = {"storage_options": stores.azure_options(azurite)}
    make.build(manifest, AZ, **access)
    make.tiff(manifest.parent / "images" / "p2" / "A02_7.tif", make.image(9))
    make.build(manifest, AZ, **access)
    opened = datapkg.open(AZ, **access)
    counts = opened.sql("select Well, count(*) as n from frames group by Well order by Well").to_pandas()
    assert counts.to_dict("list") == {"Well": ["A01", "A02"], "n": [2, 2]}
    assert len(opened["frames"].to_pandas(columns=["path"], where="Well = 'A02'")) == 2
    changed = opened.diff(1)
    assert not changed.ok
    assert len(changed.rows) == 1
    before = make.build(manifest, AZ, **access)
    assert not before.created
    datapkg.gc(AZ, **access)
    assert datapkg.verify(AZ, deep=True, **access).ok
    assert np.array_equal(datapkg.open(AZ, **access)["frames"].image(3), make.image(9))


def test_one_image_in_azures_store_costs_three_requests_cold_and_one_warm(
    azurite: stores.ObjectStore, manifest: Path
) -> None:
    """azurite logs one line for each request that it has answered."""
    access: dict[str, Any] = {"storage_options": stores.azure_options(azurite)}
    make.build(manifest, AZ, **access)
    frames = datapkg.open(AZ, **access)["frames"]
    for row, most in ((1, 3), (2, 1), (0, 1)):
        before = azurite.requests()
        assert np.array_equal(frames.image(row), make.image(row))
        assert 1 <= azurite.requests() - before <= most


def test_azures_store_creates_a_record_only_once(azurite: stores.ObjectStore) -> None:
    lies = place(AZ, stores.azure_options(azurite))
    lies.refuse_careless()
    assert lies.put_if_absent("versions/1.json", b"1")
    assert not lies.put_if_absent("versions/1.json", b"2")


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
