"""Packages from addresses: learned into the lock, asked for once, the same from any mirror."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import make
import pytest
from make_web import Serving, Site
from typer.testing import CliRunner

import datapkg
from datapkg.cli import app
from datapkg.errors import LockedError, ManifestError, SourceError
from datapkg.lock import read_lock
from datapkg.progress import Step

WELLS = b"Well,n\nA01,1\nA02,2\n"
MORE = b"Well,n\nB01,3\n"


def manifest(folder: Path, *resources: str) -> Path:
    return make.manifest(folder, *resources)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_an_address_is_a_source_and_its_path(site: Site, tmp_path: Path) -> None:
    address = site.put("wells.csv", WELLS)
    path = manifest(tmp_path, f'name: wells, path: "{address}", source: true')
    report = make.build(path, tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    frame = package["wells"].to_pandas()
    assert list(frame.source_path) == [address, address] and list(frame.n) == [1, 2]
    assert report.sources.files == 1 and report.sources.bytes == len(WELLS)
    (source,) = read_lock(path).sources
    assert (source.path, source.bytes, source.sha256) == (address, len(WELLS), sha256(WELLS))


def test_addresses_and_files_are_one_table(site: Site, tmp_path: Path) -> None:
    make.text(tmp_path / "here.csv", MORE.decode())
    address = site.put("a/wells.csv.gz", __import__("gzip").compress(WELLS))
    path = manifest(tmp_path, f'name: wells, path: [here.csv, "{address}?download=1"]')
    make.build(path, tmp_path / "p")
    frame = datapkg.open(tmp_path / "p")["wells"].to_pandas()
    assert list(frame.Well) == ["B01", "A01", "A02"]
    assert list(frame.source_path) == ["here.csv", *[f"{address}?download=1"] * 2]


def test_images_have_the_name_of_the_file_and_columns_of_the_path(site: Site, tmp_path: Path) -> None:
    image = make.tiff(tmp_path / "x.tif", make.image(1))
    address = site.put("p1/C6_1.tif", image.read_bytes()) + "?v=2"
    path = manifest(
        tmp_path, f'name: frames, path: ["{address}"], pattern: "{{Plate}}/{{Well}}_{{Site:d}}.tif"'
    )
    make.build(path, tmp_path / "p")
    (row,) = datapkg.open(tmp_path / "p")["frames"].to_pandas().itertuples()
    assert (row.path, row.file_name, row.Plate, row.Well, row.Site) == (address, "C6_1.tif", "p1", "C6", 1)


def test_later_builds_status_and_locked_builds_ask_nobody(site: Site, tmp_path: Path) -> None:
    path = manifest(tmp_path, f'name: wells, path: "{site.put("wells.csv", WELLS)}"')
    first = make.build(path, tmp_path / "p")
    assert not make.build(path, tmp_path / "p").created
    assert datapkg.status(path, tmp_path / "p").ok
    assert make.build(path, tmp_path / "q", locked=True).digest == first.digest
    assert datapkg.verify(tmp_path / "p", sources=path).ok
    assert len(site.asked) == 1


def test_what_changed_on_the_web_is_told_when_it_is_asked_for(site: Site, tmp_path: Path) -> None:
    address = site.put("wells.csv", WELLS)
    path = manifest(tmp_path, f'name: wells, path: "{address}"')
    make.build(path, tmp_path / "p")
    site.files["wells.csv"] = MORE
    assert not make.build(path, tmp_path / "p").created
    with pytest.raises(SourceError) as error:
        make.build(path, tmp_path / "p", rehash=True)
    assert sha256(WELLS) in error.value.what and sha256(MORE) in error.value.what
    hashed = f'name: wells, path: "{address}", hash: "sha256:{sha256(MORE)}"'
    report = make.build(manifest(tmp_path, hashed), tmp_path / "p")
    assert report.version == 2 and read_lock(path).sources[0].sha256 == sha256(MORE)


def test_without_its_lock_a_build_learns_again(site: Site, tmp_path: Path) -> None:
    path = manifest(tmp_path, f'name: wells, path: "{site.put("wells.csv", WELLS)}"')
    make.build(path, tmp_path / "p")
    path.with_suffix(".lock").unlink()
    site.files["wells.csv"] = MORE
    assert make.build(path, tmp_path / "p").version == 2
    assert list(datapkg.open(tmp_path / "p")["wells"].to_pandas().Well) == ["B01"]


def test_a_locked_build_fetches_only_what_has_a_hash(site: Site, tmp_path: Path) -> None:
    wells, more = site.put("wells.csv", WELLS), site.put("more.csv", MORE)
    path = manifest(tmp_path, f'name: wells, path: ["{wells}"]')
    make.build(path, tmp_path / "p")
    manifest(tmp_path, f'name: wells, path: ["{wells}", "{more}"]')
    with pytest.raises(LockedError) as error:
        make.build(path, tmp_path / "q", locked=True)
    assert f"file {more} of wells is new: neither the lock nor the manifest says its hash" in str(error.value)
    assert len(site.asked) == 1 and not (tmp_path / "q").exists()


def test_a_lost_cache_is_filled_again_and_held_to_the_lock(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manifest(tmp_path, f'name: wells, path: "{site.put("wells.csv", WELLS)}"')
    make.build(path, tmp_path / "p")
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "other"))
    assert datapkg.status(path, tmp_path / "p").ok and len(site.asked) == 1
    assert make.build(path, tmp_path / "q", locked=True).created and len(site.asked) == 2
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "third"))
    site.files["wells.csv"] = MORE
    with pytest.raises(SourceError, match="is not the file that the lock means"):
        make.build(path, tmp_path / "q", locked=True)


def test_status_says_what_is_not_here(site: Site, tmp_path: Path) -> None:
    wells, more = site.put("wells.csv", WELLS), site.put("more.csv", MORE)
    path = manifest(tmp_path, f'name: wells, path: ["{wells}"]')
    make.build(path, tmp_path / "p")
    manifest(tmp_path, f'name: wells, path: ["{wells}", "{more}"]')
    found = datapkg.status(path, tmp_path / "p")
    assert found.resources["wells"].added == (more,) and not found.ok
    assert f"wells: not in the cache, so that a build has to ask for it: {more}" in found.warnings
    assert len(site.asked) == 1
    checked = datapkg.check(path)
    assert checked.files == {"wells": 2} and len(site.asked) == 1


def test_only_what_came_is_fetched_and_read(site: Site, tmp_path: Path) -> None:
    wells, more = site.put("b.csv", WELLS), site.put("a.csv", MORE)
    path = manifest(tmp_path, f'name: wells, path: ["{wells}"]')
    make.build(path, tmp_path / "p")
    manifest(tmp_path, f'name: wells, path: ["{wells}", "{more}"]')
    steps: list[Step] = []
    report = make.build(path, tmp_path / "p", progress=steps.append)
    assert report.sources.unchanged == 1 and len(site.asked) == 2
    assert [step.all_files for step in steps if step.doing == "fetching"][-1] == 1
    assert list(datapkg.open(tmp_path / "p")["wells"].to_pandas().Well) == ["B01", "A01", "A02"]


def test_every_failure_is_told_at_once_and_nothing_is_made(site: Site, tmp_path: Path) -> None:
    gone, closed = site.put("gone.csv", b"x"), site.put("closed.csv", b"x")
    site.plan("gone.csv", Serving(status=404))
    site.plan("closed.csv", Serving(status=403))
    path = manifest(tmp_path, f'name: wells, path: ["{gone}", "{closed}", missing.csv]')
    with pytest.raises(ManifestError) as error:
        make.build(path, tmp_path / "p")
    assert len(error.value.mistakes) == 3 and not (tmp_path / "p").exists()


def test_sizes_and_empty_files_are_checked(site: Site, tmp_path: Path) -> None:
    address = site.put("wells.csv", WELLS)
    path = manifest(tmp_path, f'name: wells, path: "{address}", bytes: 5')
    with pytest.raises(SourceError, match=f"the file has {len(WELLS)} bytes, and the manifest says 5"):
        make.build(path, tmp_path / "p")
    path = manifest(tmp_path, f'name: wells, path: "{site.put("empty.csv", b"")}"')
    with pytest.raises(SourceError, match="the file is empty"):
        make.build(path, tmp_path / "p")


def test_a_damaged_copy_in_the_cache_is_never_read(site: Site, tmp_path: Path) -> None:
    path = manifest(tmp_path, f'name: wells, path: "{site.put("wells.csv", WELLS)}"')
    make.build(path, tmp_path / "p")
    (copy,) = (tmp_path / "cache" / "fetched" / "objects").glob("*/*")
    copy.chmod(0o644)
    copy.write_bytes(WELLS.replace(b"A01", b"C01"))
    with pytest.raises(SourceError, match="its copy in the cache is damaged"):
        make.build(path, tmp_path / "q")
    assert make.build(path, tmp_path / "q", rehash=True).created


def test_a_file_address_stays_inside_of_the_folders(tmp_path: Path, site: Site) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a b.csv").write_bytes(WELLS)
    (tmp_path / "secret.csv").write_bytes(WELLS)
    inside = (tmp_path / "data" / "a b.csv").as_uri()
    path = manifest(tmp_path / "data", f'name: wells, path: "{inside}"')
    make.build(path, tmp_path / "p")
    assert len(datapkg.open(tmp_path / "p")["wells"]) == 2
    path = manifest(tmp_path / "data", f'name: wells, path: "{(tmp_path / "secret.csv").as_uri()}"')
    with pytest.raises(SourceError, match="lies outside of root"):
        make.build(path, tmp_path / "q")


def test_rehash_and_status_on_the_command_line(site: Site, tmp_path: Path) -> None:
    path = manifest(tmp_path, f'name: wells, path: "{site.put("wells.csv", WELLS)}"')
    for command in (["build", "--engine", "inline"], ["status"], ["build", "--rehash", "--engine", "inline"]):
        done = CliRunner().invoke(app, [command[0], str(path), str(tmp_path / "p"), *command[1:]])
        assert done.exit_code == 0, done.output
    assert [bool(request.headers.get("If-None-Match")) for request in site.asked] == [False, True]


@pytest.mark.parametrize("query", ["token=hunter2", "X-Amz-Signature=hunter2&x=1", "sig=hunter2"])
def test_secrets_of_an_address_are_refused_and_never_shown(tmp_path: Path, query: str) -> None:
    for address in (
        f"https://host/a.csv?{query}",
        f"https://host/a.xyz?{query}",
        "https://ada:hunter2@host/a.csv",
    ):
        path = manifest(tmp_path, f'name: wells, path: "{address}"')
        with pytest.raises(ManifestError) as error:
            datapkg.check(path)
        assert "holds a password, key or signature" in str(error.value)
        assert "hunter2" not in str(error.value)


def everything(package: Path, lock: Path) -> str:
    """All that a package and a lock say in plain text."""
    records = [one.read_text() for one in sorted(package.glob("versions/*.json"))]
    return "\n".join([*records, lock.read_text(), (package / "datapackage.json").read_text()])


def test_a_mirror_gives_the_same_package_and_stands_in_no_record(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("copy/wells.csv", WELLS)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "wells.csv").write_bytes(WELLS)
    path = manifest(tmp_path, 'name: wells, path: "https://example.invalid/data/wells.csv", source: true')
    made = []
    for number, place in enumerate(
        (f"{site.url}/copy/", f"{tmp_path}/folder", (tmp_path / "folder").as_uri())
    ):
        monkeypatch.setenv("DATAPKG_MIRROR", f"https://example.invalid/data={place}")
        monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / f"cache{number}"))
        path.with_suffix(".lock").unlink(missing_ok=True)
        report = make.build(path, tmp_path / f"p{number}")
        lock = path.with_suffix(".lock").read_text()
        facts = json.loads((tmp_path / f"p{number}" / "versions" / "1.json").read_text())["facts"]
        made.append((report.digest, facts, lock))
        said = everything(tmp_path / f"p{number}", path.with_suffix(".lock"))
        assert "127.0.0.1" not in said and not re.search(r"[/\"]folder\b", said)
    assert made[0] == made[1] == made[2]


def test_many_rows_of_many_addresses_come_through_workers(site: Site, tmp_path: Path) -> None:
    addresses = [site.put(f"{n:02}.csv", b"Well,n\n" + b"A01,%d\n" % n * 50) for n in range(12)]
    listed = ", ".join(f'"{one}"' for one in addresses)
    report = datapkg.build(manifest(tmp_path, f"name: wells, path: [{listed}]"), tmp_path / "p", workers=2)
    assert report.tables[0].rows == 600


def test_a_file_that_a_server_packs_on_the_way_is_told_of(site: Site, tmp_path: Path) -> None:
    address = site.put("wells.csv", gzip.compress(b"Well\nA1\n"))
    site.plan("wells.csv", Serving(headers={"Content-Encoding": "gzip"}))
    with pytest.raises(SourceError, match="compressed with gzip") as refused:
        make.build(make.manifest(tmp_path, f'name: t, path: "{address}"'), tmp_path / "p")
    assert refused.value.fix == "fetch it, and name the file in its place: add .gz to its name"
