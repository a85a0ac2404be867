"""The cache of what was fetched: safe with two processes, with Ctrl-C, and on a full disk."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import make
import pytest
from make_web import Serving, Site

from datapkg.errors import StoreError
from datapkg.remote import Fetched, Fetcher, Wanted
from datapkg.remote.vault import held, recalled, vault

CONTENT = os.urandom(200_000)
WELLS = b"Well,n\n" + b"A01,1\n" * 50_000


@contextmanager
def command(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command line in a process of its own, which does not outlive the block."""
    given = [sys.executable, "-c", "from datapkg.cli import main; main()", *map(str, arguments)]
    with subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def fetched(address: str) -> Fetched:
    with Fetcher() as fetcher:
        (found,) = fetcher.fetch([Wanted(address)])
    assert isinstance(found, Fetched)
    return found


def test_of_two_processes_one_fetches_and_both_build(site: Site, tmp_path: Path) -> None:
    address = site.put("wells.csv", WELLS)
    go = threading.Event()
    site.plan("wells.csv", Serving(pause=go, at=1000), Serving())
    path = make.manifest(tmp_path, f'name: wells, path: "{address}"')
    one, two = (command("build", path, tmp_path / name, "--engine", "inline") for name in "pq")
    with one as first, two as second:
        assert site.paused.wait(300)
        go.set()
        for build in (first, second):
            out, err = build.communicate(timeout=300)
            assert build.returncode == 0, out + err
    whole = [request for request in site.asked if not request.headers.get("If-None-Match")]
    assert len(whole) == 1
    assert [place.read_bytes() for place in vault().glob("objects/*/*")] == [WELLS]


def test_ctrl_c_leaves_a_part_that_the_next_build_goes_on_with(site: Site, tmp_path: Path) -> None:
    address = site.put("wells.csv", WELLS)
    never = threading.Event()
    site.plan("wells.csv", Serving(pause=never, at=100_000), Serving())
    path = make.manifest(tmp_path, f'name: wells, path: "{address}"')
    with command("build", path, tmp_path / "p", "--engine", "inline") as build:
        assert site.paused.wait(300)
        parts = vault() / "parts"
        while not any(one.stat().st_size for one in parts.glob("*") if not one.suffix):
            assert build.poll() is None
        build.send_signal(signal.SIGINT)
        _, err = build.communicate(timeout=300)
    never.set()
    assert build.returncode == 130 and "Traceback" not in err
    assert not (tmp_path / "p").exists() and not list(vault().glob("objects/*/*"))
    make.build(path, tmp_path / "p")
    assert site.ranges()[-1].startswith("bytes=") and site.ranges()[-1] != "bytes=0-"
    assert [place.read_bytes() for place in vault().glob("objects/*/*")] == [WELLS]


def test_a_full_disk_is_told_and_the_part_is_gone_on_with(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with Fetcher() as fetcher:
            (found,) = fetcher.fetch([Wanted(address)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(found, StoreError) and "set DATAPKG_CACHE to a folder on another disk" in found.fix
    assert not list(vault().glob("objects/*/*")) and recalled(address) is None
    assert fetched(address).local.read_bytes() == CONTENT
    assert site.ranges() == ["", "bytes=100000-"]


def test_a_cache_that_may_not_be_written_is_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "file"))
    with Fetcher() as fetcher:
        (found,) = fetcher.fetch([Wanted(site.put("x.csv", CONTENT))])
    assert isinstance(found, StoreError) and "a file is in the way of a folder" in found.what


def test_one_file_of_two_addresses_is_kept_once(site: Site) -> None:
    one, two = (fetched(site.put(name, CONTENT)) for name in ("a.csv", "b.csv"))
    assert one.local == two.local == held(one.sha256)
    assert not os.access(one.local, os.W_OK) or os.geteuid() == 0
    assert one.local.stat().st_mode & 0o222 == 0


def test_a_damaged_memory_of_an_address_is_none(site: Site) -> None:
    address = site.put("x.csv", CONTENT)
    fetched(address)
    (place,) = (vault() / "addresses").glob("*.json")
    place.write_bytes(place.read_bytes().replace(b"x.csv", b"y.csv"))
    assert recalled(address) is None
    assert fetched(address).bytes == len(CONTENT)
    assert recalled(address) is not None


def test_a_failure_of_our_own_in_a_transfer_is_not_swallowed(site: Site) -> None:
    def broken(step: object) -> None:
        raise ZeroDivisionError

    with Fetcher(progress=broken) as fetcher, pytest.raises(ZeroDivisionError):
        fetcher.fetch([Wanted(site.put(f"{n}.csv", CONTENT)) for n in range(6)])
