"""Which place serves an address: several mirrors, the longest prefix, never outside of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datapkg.errors import SourceError
from datapkg.remote.mirror import served


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def where(patch: pytest.MonkeyPatch, value: str, address: str) -> str:
    patch.setenv("DATAPKG_MIRROR", value)
    return served(address)


def test_without_a_mirror_an_address_serves_itself(mirror: pytest.MonkeyPatch) -> None:
    mirror.delenv("DATAPKG_MIRROR", raising=False)
    assert served("https://host/a.csv") == "https://host/a.csv"


@pytest.mark.parametrize(
    ("value", "address", "place"),
    [
        ("https://host/=https://other/x/", "https://host/a/b.csv", "https://other/x/a/b.csv"),
        ("https://host=https://other", "https://host/a/b.csv", "https://other/a/b.csv"),
        ("https://host/a=https://other/x", "https://host/a/b.csv?v=1", "https://other/x/b.csv?v=1"),
        ("https://host/a=https://other/x", "https://host/ab/c.csv", "https://host/ab/c.csv"),
        ("https://host/a.csv=https://other/x.csv", "https://host/a.csv", "https://other/x.csv"),
        ("https://HOST/=s3://bucket/x", "https://host/a.csv", "s3://bucket/x/a.csv"),
        ("https://host/=/data/x", "https://host/a%20b/c.csv", "/data/x/a b/c.csv"),
        ("https://host/=/my data/x", "https://host/c.csv", "/my data/x/c.csv"),
        ("https://a/=/x\nhttps://host/=/my data\n", "https://host/c.csv", "/my data/c.csv"),
        ("https://a/=/x https://host/=/y", "https://host/c.csv", "/y/c.csv"),
        ("https://host/=/x  https://host/b/=/y", "https://host/b/c.csv", "/y/c.csv"),
        ("s3://bucket/=/x", "s3://bucket/c.csv", "/x/c.csv"),
        ("https://host/=/x", "https://host/c.csv?download=1", "/x/c.csv"),
    ],
)
def test_the_longest_prefix_serves(mirror: pytest.MonkeyPatch, value: str, address: str, place: str) -> None:
    assert where(mirror, value, address) == place


def test_a_file_that_is_named_with_its_query_is_found(mirror: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "get?id=7").write_bytes(b"x")
    assert where(mirror, f"https://host/={tmp_path}", "https://host/get?id=7") == str(tmp_path / "get?id=7")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("/data=/copy", "is no mirror"),
        ("https://host/", "is no mirror"),
        ("https://host/=", "is no mirror"),
        ("https://host/=ftp://other/", "ftp:// addresses are not opened"),
        ("https://host/=https://me:hunter2@other/", "holds a password"),
        ("https://me:hunter2@host/=/x", "holds a password"),
    ],
)
def test_what_is_no_mirror_is_told(mirror: pytest.MonkeyPatch, value: str, said: str) -> None:
    with pytest.raises(SourceError) as error:
        where(mirror, value, "https://host/a.csv")
    assert said in error.value.what and "hunter2" not in str(error.value)


def test_a_link_does_not_lead_out_of_a_mirror(mirror: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "a.csv").symlink_to("/etc/hostname")
    with pytest.raises(SourceError, match="leads out of the folder"):
        where(mirror, f"https://host/={tmp_path}/copy", "https://host/a.csv")


PART = st.text("ab.%2eEfF /?=&;", min_size=0, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(PART | st.sampled_from(["..", "%2e%2e", "%2E.", "."]), min_size=1, max_size=5))
def test_no_address_leads_out_of_a_mirror(
    mirror: pytest.MonkeyPatch, tmp_path: Path, parts: list[str]
) -> None:
    try:
        place = where(mirror, f"https://host/x/={tmp_path}/copy", f"https://host/x/{'/'.join(parts)}")
    except SourceError as error:
        assert "leads out" in error.what
    else:
        assert Path(place).resolve().is_relative_to((tmp_path / "copy").resolve())
