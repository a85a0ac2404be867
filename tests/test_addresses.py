"""Addresses in manifests: which are opened, what they mean, and that no secret of one is ever shown."""

from __future__ import annotations

from pathlib import Path

import make
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import datapkg
from datapkg.addresses import has_secret, named, root_of, scheme_of, without_secrets
from datapkg.errors import ManifestError
from datapkg.manifest.kinds import kind_of
from datapkg.manifest.load import load
from datapkg.reading import local_path


def path_of(folder: Path, address: str, more: str = "type: table") -> str:
    """An address as the manifest means it."""
    manifest = make.manifest(folder, f'name: t, path: "{address}", {more}')
    return load(manifest).manifest.resources[0].path[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://host/a.csv", "https://host/a.csv"),
        ("HTTPS://Host.ORG:8443/A.csv?v=1&b=%20", "https://host.org:8443/A.csv?v=1&b=%20"),
        ("http://127.0.0.1:80/a.csv", "http://127.0.0.1:80/a.csv"),
        ("https://osf.io/download/abc12/", "https://osf.io/download/abc12/"),
        ("https://host/Müller.csv", "https://host/Müller.csv"),
        ("https://host/a[1].csv", "https://host/a[1].csv"),
        ("s3://Bucket/a b.csv".replace(" ", "_"), "s3://Bucket/a_b.csv"),
        ("gs://bucket/plates/**/*.csv", "gs://bucket/plates/**/*.csv"),
        ("az://container/a.csv", "az://container/a.csv"),
        ("file:///data/a%20b.csv", "file:///data/a%20b.csv"),
    ],
)
def test_addresses_that_are_opened(tmp_path: Path, written: str, meant: str) -> None:
    assert path_of(tmp_path, written) == meant


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("ftp://host/a.csv", "ftp:// addresses are not opened"),
        ("javascript://host/a.csv", "javascript:// addresses are not opened"),
        ("https://host", "names no file"),
        ("https://host/?q=1", "names no file"),
        ("https:///a.csv", "names no file"),
        ("https://host:port/a.csv", "is no address"),
        ("https://host/a.csv#top", "has a #, which names a part of a page"),
        ("https://host/*.csv", "is a glob, and a web server does not list its files"),
        ("https://host/../a.csv", "an empty part, . or .."),
        ("https://host/x//a.csv", "an empty part, . or .."),
        ("https://host/a b.csv", "has a space, a backslash or !/"),
        ("https://host/a.zip!/b.csv", "has a space, a backslash or !/"),
        (f"https://host/{'a' * 300}.csv", "is longer than 255 bytes"),
        ("file://host/a.csv", "names no file of this machine"),
        ("file:///data/../a.csv", "has .. or a glob"),
        ("file:///data/*.csv", "has .. or a glob"),
    ],
)
def test_addresses_that_are_not(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        path_of(tmp_path, written)
    assert said in str(error.value) and error.value.mistakes[0].fix


def test_what_an_address_is_of_is_told_by_its_path(tmp_path: Path) -> None:
    assert kind_of("https://host/a.csv.gz?download=1") == "table"
    assert kind_of("https://host/images/a.TIF?x=.csv") == "images"
    with pytest.raises(ManifestError, match="cannot be told from its suffix"):
        path_of(tmp_path, "https://osf.io/download/abc12/", "title: x")


def test_a_list_or_a_glob_is_many_and_one_address_is_not(tmp_path: Path) -> None:
    manifest = make.manifest(
        tmp_path,
        'name: a, path: "https://host/a.csv?v=1"',
        'name: b, path: ["https://host/a.csv"]',
        'name: c, path: "s3://bucket/*.csv"',
        'name: d, path: "https://host/a.zip", members: "*.csv"',
        'name: e, path: "https://host/a.zip", members: "a.csv"',
    )
    many = {one.name: one.many for one in load(manifest).manifest.resources}
    assert many == {"a": False, "b": True, "c": True, "d": True, "e": False}
    assert datapkg.check(manifest).files == {"a": 1, "b": 1, "c": 0, "d": 0, "e": 0}


SECRET = st.text("abcXYZ019", min_size=8, max_size=12)
NAMES = [
    "sig",
    "token",
    "access_token",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "password",
    "api_key",
    "Signature",
]


@given(secret=SECRET, name=st.sampled_from(NAMES), before=st.sampled_from(["", "v=1&", "download=1;"]))
def test_no_secret_is_shown(secret: str, name: str, before: str) -> None:
    for address in (
        f"https://host/a.csv?{before}{name}={secret}&z=2",
        f"https://ada:{secret}@host/a.csv?{before}x=1",
        f"s3://{secret}@bucket/a.csv",
    ):
        assert has_secret(address)
        assert secret not in without_secrets(address)
        assert without_secrets(without_secrets(address)) == without_secrets(address)


@given(text=st.text(max_size=40))
def test_paths_of_this_machine_stay_what_they_are(text: str) -> None:
    assume(not scheme_of(text))
    assert without_secrets(text) == text and named(text) == text


@given(parts=st.lists(st.sampled_from(["a", "b.zip", "c.tif", "d!", "ü"]), min_size=1, max_size=5))
def test_what_stands_behind_the_root_is_where_a_file_lies(parts: list[str]) -> None:
    inside = "/".join(parts)
    for root in ("https://host/", "s3://bucket/", "@nas/", "x/d.tar.gz!/", "https://host/a/d.zip!/"):
        if "!/" not in inside or root.endswith("!/"):
            assert root_of(root + inside) == root
            assert local_path(Path("/r"), root + inside) == Path("/r") / inside
