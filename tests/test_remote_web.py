"""Fetching from web servers that drop, lie, redirect, refuse and change: what is kept is right, or nothing is."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_web import Serving, Site, certificate, serving

from datapkg.errors import DatapkgError, SourceError
from datapkg.progress import Step
from datapkg.remote import Fetched, Fetcher, Wanted, patience
from datapkg.remote.vault import vault

CONTENT = bytes(range(256)) * 40
OTHER = CONTENT[::-1]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fetch(address: str, content: bytes | None = None, **options: object) -> bytes:
    """Fetch one address, held to the hash of `content` if there is one; the bytes in the cache."""
    learned = {} if content is None else {address: sha256(content)}
    with Fetcher(learned, "m.lock", **options) as fetcher:  # type: ignore[arg-type]
        (found,) = fetcher.fetch([Wanted(address)])
    if isinstance(found, DatapkgError):
        raise found
    assert isinstance(found, Fetched)
    kept = found.local.read_bytes()
    assert (found.sha256, found.bytes) == (sha256(kept), len(kept))
    return kept


def kept() -> list[str]:
    """The files of the cache, by their hash."""
    return sorted(path.name for path in vault().glob("objects/*/*"))


def refused(address: str, content: bytes | None = None) -> str:
    """Why an address cannot be fetched; the cache has nothing of it."""
    before = kept()
    with pytest.raises(SourceError) as error:
        fetch(address, content)
    assert kept() == before
    assert error.value.fix
    return f"{error.value.where}: {error.value.what}"


def test_a_file_is_fetched_once(site: Site) -> None:
    address = site.put("a/x.csv", CONTENT)
    assert fetch(address, CONTENT) == CONTENT
    assert fetch(address, CONTENT) == CONTENT
    assert len(site.asked) == 1
    assert site.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_file_without_a_known_hash_is_asked_for_again_and_not_sent_again(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    fetch(address)
    assert fetch(address) == CONTENT
    assert [request.headers.get("If-None-Match", "")[:1] for request in site.asked] == ["", '"']
    site.files["x.csv"] = OTHER
    assert fetch(address) == OTHER


def test_a_dropped_connection_is_gone_on_with_where_it_broke(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(drop_after=1000), Serving(drop_after=2000), Serving())
    assert fetch(address) == CONTENT
    assert site.ranges() == ["", "bytes=1000-", "bytes=3000-"]
    assert all("If-Range" in request.headers for request in site.asked[1:])


def test_what_a_stopped_build_has_fetched_is_used_by_the_next(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(drop_after=1000), Serving(status=503))
    assert "the server fails (503), in 6 tries" in refused(address)
    site.plan("x.csv", Serving())
    assert fetch(address) == CONTENT
    assert site.ranges()[-1] == "bytes=1000-"


def test_a_server_that_sends_no_parts_begins_again(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(drop_after=1000), Serving(ranges=False))
    assert fetch(address) == CONTENT


def test_without_a_mark_and_a_hash_nothing_is_pieced_together(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(drop_after=1000, marks=False), Serving(marks=False))
    assert fetch(address) == CONTENT
    assert site.ranges() == ["", ""]


def test_a_weak_mark_pieces_nothing_together(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    weak = {"ETag": 'W/"1"'}
    site.plan("x.csv", Serving(drop_after=1000, headers=weak), Serving(headers=weak))
    assert fetch(address) == CONTENT
    assert site.ranges() == ["", ""]


def test_without_a_mark_a_hash_tells_whether_the_pieces_fit(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(drop_after=1000, marks=False), Serving(marks=False))
    assert fetch(address, CONTENT) == CONTENT
    assert site.ranges() == ["", "bytes=1000-"]


@pytest.mark.parametrize("heeded", [True, False])
def test_a_file_that_changes_between_its_parts_is_fetched_anew(site: Site, heeded: bool) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(drop_after=1000, content=OTHER), Serving(ignores_if_range=not heeded))
    assert fetch(address) == CONTENT
    assert site.ranges()[1] == "bytes=1000-"


def test_pieces_of_two_states_that_no_mark_tells_apart_are_found_by_the_hash(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(drop_after=1000, content=OTHER, marks=False), Serving(marks=False))
    assert fetch(address, CONTENT) == CONTENT
    assert site.ranges() == ["", "bytes=1000-", ""]


def test_a_part_that_is_already_the_whole_is_complete(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(length=10), Serving())
    assert fetch(address) == CONTENT
    assert site.ranges() == ["", f"bytes={len(CONTENT)}-"]


def test_a_length_that_is_too_long_is_no_whole_file(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(length=10, ranges=False))
    assert "the connection was cut off, in 6 tries" in refused(address)
    assert len(site.asked) == patience.ATTEMPTS


def test_a_length_that_is_too_short_is_found_by_the_hash(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(length=-10))
    assert f"the lock says sha256:{sha256(CONTENT)}" in refused(address, CONTENT)


def test_a_file_whose_length_nobody_tells_is_fetched(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(untold=True))
    assert fetch(address) == CONTENT


@pytest.mark.parametrize("length", ["abc", "-5"])
def test_a_length_that_is_no_number_is_refused(site: Site, length: str) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(untold=True, headers={"Content-Length": length}, drop_after=10))
    assert "gives a length that is no number" in refused(address)


def test_chunks_without_an_end_are_no_whole_file(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(chunked=True, drop_after=1000), Serving(chunked=True))
    assert fetch(address) == CONTENT
    assert site.ranges() == ["", "bytes=1000-"]


def test_what_has_come_is_kept_at_once_however_little(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    go = threading.Event()
    steps: list[Step] = []
    site.plan("x.csv", Serving(pause=go, at=10))

    def progress(step: Step) -> None:
        steps.append(step)
        if step.bytes == 10:
            go.set()

    assert fetch(address, progress=progress) == CONTENT
    assert go.is_set() and steps[-1] == Step("fetching", 1, 1, len(CONTENT), len(CONTENT))


def test_wrong_bytes_are_refused_with_both_hashes_and_a_way_to_accept_them(site: Site) -> None:
    address = site.put("x.csv", OTHER)
    with pytest.raises(SourceError) as error:
        fetch(address, CONTENT)
    assert sha256(CONTENT) in str(error.value) and sha256(OTHER) in str(error.value)
    assert f'write hash: "sha256:{sha256(OTHER)}"' in error.value.fix and "delete m.lock" in error.value.fix
    assert kept() == []
    site.files["x.csv"] = CONTENT
    assert fetch(address, CONTENT) == CONTENT


def test_a_hash_of_another_kind_is_held_too(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    md5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    with Fetcher() as fetcher:
        (found,) = fetcher.fetch([Wanted(address, md5)])
        assert isinstance(found, Fetched)
        (wrong,) = fetcher.fetch([Wanted(address, "md5:" + "0" * 32)])
    assert md5 in str(wrong) and "the manifest says" in str(wrong)
    with Fetcher() as fetcher:
        assert fetcher.fetch([Wanted(address, md5)]) == [found]
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("status", "said", "tries"),
    [
        (404, "the file is not there (404)", 1),
        (410, "the file is not there (410)", 1),
        (403, "the server does not allow to read it (403)", 1),
        (401, "the server does not allow to read it (401)", 1),
        (304, "the server refuses to send it (304)", 1),
        (418, "the server refuses to send it (418)", 1),
        (500, "the server fails (500), in 6 tries", 6),
        (503, "the server fails (503), in 6 tries", 6),
    ],
)
def test_refusals_are_told(site: Site, status: int, said: str, tries: int) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(status=status))
    assert f"{address}: {said}" in refused(address)
    assert len(site.asked) == tries


def test_a_server_that_fails_for_a_while_is_asked_again(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(status=503, headers={"Retry-After": "0"}), Serving(status=429), Serving())
    assert fetch(address) == CONTENT


def test_redirects_are_followed(site: Site) -> None:
    address = site.put("doi/1", b"")
    site.put("real/x.csv", CONTENT)
    site.plan("doi/1", Serving(status=302, location="/hop"))
    site.plan("hop", Serving(status=307, location=f"{site.url}/real/x.csv?sig=secret"))
    assert fetch(address) == CONTENT
    assert [request.path for request in site.asked] == ["/doi/1", "/hop", "/real/x.csv?sig=secret"]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("file:///etc/passwd", "is redirected to a file: address, which is not followed"),
        ("ftp://host/x.csv", "is redirected to a ftp: address"),
        ("s3://bucket/x.csv", "is redirected to a s3: address"),
        ("data:text/csv,a", "is redirected to a data: address"),
        ("/x.csv", "is redirected more than 10 times, perhaps in a circle"),
    ],
)
def test_redirects_lead_nowhere_else(site: Site, location: str, said: str) -> None:
    address = site.put("x.csv", CONTENT)
    site.plan("x.csv", Serving(status=301, location=location))
    assert said in refused(address)


@pytest.fixture
def own_certificate(tmp_path: Path, site: Site) -> Path:
    return certificate(tmp_path / "certificate.pem")


def test_a_server_that_nobody_vouches_for_is_refused(own_certificate: Path) -> None:
    with serving({"x.csv": CONTENT}, own_certificate) as secure:
        assert "the server's certificate is not valid" in refused(f"{secure.url}/x.csv")
        assert not secure.asked


def test_https_is_read_and_leads_to_nothing_less(
    own_certificate: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
    with serving({"x.csv": CONTENT}, own_certificate) as secure:
        assert fetch(f"{secure.url}/x.csv") == CONTENT
        down = site.put("y.csv", CONTENT)
        secure.plan("y.csv", Serving(status=302, location=down))
        assert "is redirected to a http: address" in refused(f"{secure.url}/y.csv")
        site.plan("up.csv", Serving(status=302, location=f"{secure.url}/x.csv"))
        assert fetch(f"{site.url}/up.csv") == CONTENT


def test_a_web_page_is_no_file(site: Site) -> None:
    page = b"\n<!DOCTYPE html><title>Log in</title>"
    address = site.put("x.csv", page)
    site.plan("x.csv", Serving(headers={"Content-Type": "text/html; charset=utf-8"}))
    assert "the server sends a web page, not a file" in refused(address)
    assert fetch(address, page) == page  # whoever knows its hash means it


def test_a_server_that_is_silent_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "READ_S", 0.1)
    address = site.put("x.csv", CONTENT)
    never = threading.Event()
    site.plan("x.csv", Serving(pause=never, at=500))
    assert "the server does not answer, in 6 tries" in refused(address)
    never.set()


def test_no_server_at_all_is_told() -> None:
    with serving() as gone:
        address = f"{gone.url}/x.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "FIRST_PAUSE_S", 0.0)
        assert "the server cannot be reached, in 6 tries" in refused(address)


def test_a_login_comes_from_netrc_and_is_never_shown(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret7\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    address = site.put("x.csv", CONTENT)
    assert fetch(address) == CONTENT
    assert site.asked[0].headers["Authorization"].startswith("Basic ")
    site.plan("x.csv", Serving(status=401))
    assert "secret7" not in refused(address)


def test_many_files_come_a_few_at_a_time_and_all_failures_are_told(site: Site) -> None:
    addresses = [site.put(f"{n}.csv", b"%d" % n) for n in range(20)]
    site.plan("7.csv", Serving(status=404))
    with Fetcher() as fetcher:
        found = fetcher.fetch([Wanted(address) for address in addresses])
    failed = [at for at, one in enumerate(found) if not isinstance(one, Fetched)]
    assert failed == [7]
    assert [one.local.read_bytes() for one in found if isinstance(one, Fetched)] == [
        b"%d" % n for n in range(20) if n != 7
    ]


def test_offline_nobody_is_asked(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    with Fetcher(offline=True) as fetcher:
        assert fetcher.fetch([Wanted(address)]) == [None]
    fetch(address)
    with Fetcher(offline=True) as fetcher:
        (found,) = fetcher.fetch([Wanted(address)])
    assert isinstance(found, Fetched) and len(site.asked) == 1


def test_a_damaged_file_of_the_cache_is_fetched_again_by_rehash(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    fetch(address, CONTENT)
    place = next(vault().glob("objects/*/*"))
    place.chmod(0o644)
    place.write_bytes(OTHER)
    assert fetch(address, CONTENT, rehash=True) == CONTENT


FEW = CONTENT[:300]
SERVINGS = st.builds(
    Serving,
    status=st.sampled_from([200, 200, 200, 503, 429]),
    drop_after=st.none() | st.integers(0, 400),
    length=st.sampled_from([0, 0, 0, 7]),
    ranges=st.booleans(),
    marks=st.booleans(),
    ignores_if_range=st.booleans(),
    content=st.none() | st.sampled_from([FEW[::-1], FEW[:100], FEW + b"x"]),
    untold=st.booleans(),
    chunked=st.booleans(),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(servings=st.lists(SERVINGS, max_size=8))
def test_whatever_a_server_does_the_cache_holds_the_file_or_nothing(
    site: Site, servings: list[Serving]
) -> None:
    name = f"{len(site.files)}.csv"
    address = site.put(name, FEW)
    site.plan(name, *servings, Serving())
    for _ in range(len(servings) + 1):
        try:
            assert fetch(address, FEW) == FEW
        except SourceError:
            assert kept() == []
            continue
        break
    else:
        pytest.fail("it was never fetched")
    assert kept() == [sha256(FEW)]
    next(vault().glob("objects/*/*")).unlink()
