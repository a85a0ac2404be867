"""Files of archives as sources: the chosen ones, and nothing that an archive would like to do beside."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

import make
import make_archives as packing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_web import Site

import datapkg
from datapkg.archives import reading
from datapkg.archives.unpacking import unpacked
from datapkg.cache import cache_folder
from datapkg.errors import DatapkgError, LockedError, ManifestError, SourceError, StoreError
from datapkg.lock import read_lock
from datapkg.reading import SourceFile, look

A, B = b"Well,n\nA01,1\n", b"Well,n\nB01,2\n"
FILES = {
    "plate1/a.csv": A,
    "plate1/deep/b.csv": B,
    "plate2/c.csv": B,
    "plate1/.hidden.csv": A,
    "read.me": b"?",
}
SUFFIXES = pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz"])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def archive_of(path: Path) -> SourceFile:
    file = SourceFile(path.name, path, path.parent, path.stat().st_size)
    return SourceFile(path.name, path, path.parent, file.bytes, sha256=look(file).sha256)


def wells(folder: Path, name: str, members: str = '"**/*.csv"', more: str = "") -> Path:
    return make.manifest(folder, f"name: wells, path: {name}, members: {members}{more}")


def left() -> list[str]:
    """What lies in the cache of archives, but for locks."""
    found = cache_folder() / "archives"
    return sorted(p.name for p in found.iterdir() if p.suffix != ".lock") if found.is_dir() else []


def refused(path: Path, globs: tuple[str, ...] = ("**/*.csv",)) -> str:
    """Why an archive is refused; nothing of it stays anywhere."""
    before = make.tree(path.parent)
    with pytest.raises(SourceError) as error:
        unpacked(archive_of(path), globs)
    assert left() == [] and error.value.fix
    kept = {name: content for name, content in make.tree(path.parent).items() if not name.startswith("cache")}
    assert kept == {name: content for name, content in before.items() if not name.startswith("cache")}
    return f"{error.value.where}: {error.value.what}"


@SUFFIXES
def test_members_choose_files_by_their_paths(tmp_path: Path, suffix: str) -> None:
    packing.write(tmp_path / f"data{suffix}", packing.packed(FILES, suffix))
    path = wells(tmp_path, f"data{suffix}", "plate1/**/*.csv")
    report = make.build(path, tmp_path / "p")
    frame = datapkg.open(tmp_path / "p")["wells"].to_pandas()
    assert list(frame.source_path) == [f"data{suffix}!/plate1/a.csv", f"data{suffix}!/plate1/deep/b.csv"]
    assert list(frame.Well) == ["A01", "B01"]
    assert report.sources.files == 2
    assert {p.name for p in tmp_path.iterdir()} == {
        "manifest.yaml", "manifest.lock", "p", "cache", f"data{suffix}",
    }  # fmt: skip


def test_one_member_is_one_file_and_columns_come_from_its_path(tmp_path: Path) -> None:
    image = make.tiff(tmp_path / "x.tif", make.image(3)).read_bytes()
    packing.write(tmp_path / "d.zip", packing.zipped({"p1/C6_1.tif": image, "t.csv": A}))
    path = make.manifest(
        tmp_path,
        'name: frames, path: d.zip, members: "p1/*.tif", pattern: "{Plate}/{Well}_{Site:d}.tif"',
        "name: wells, path: d.zip, members: t.csv",
    )
    make.build(path, tmp_path / "p")
    package = datapkg.open(tmp_path / "p")
    (row,) = package["frames"].to_pandas().itertuples()
    assert (row.path, row.file_name, row.Plate, row.Site) == ("d.zip!/p1/C6_1.tif", "C6_1.tif", "p1", 1)
    assert package["wells"].columns == ["Well", "n"]


def test_unchanged_archives_are_not_unpacked_again(tmp_path: Path, cache: Path) -> None:
    packing.write(tmp_path / "data.zip", packing.zipped(FILES))
    path = wells(tmp_path, "data.zip")
    make.build(path, tmp_path / "p")
    unpacked_files = {p: p.stat().st_ino for p in (cache / "archives").rglob("*.csv")}
    assert len(unpacked_files) == 3
    assert not make.build(path, tmp_path / "p").created
    assert datapkg.status(path, tmp_path / "p").ok
    assert datapkg.verify(tmp_path / "p", sources=path).ok
    make.build(path, tmp_path / "q", locked=True)
    assert {p: p.stat().st_ino for p in (cache / "archives").rglob("*.csv")} == unpacked_files


def test_only_changed_members_are_read_again(tmp_path: Path) -> None:
    packing.write(tmp_path / "data.zip", packing.zipped(FILES))
    path = wells(tmp_path, "data.zip")
    make.build(path, tmp_path / "p")
    packing.write(tmp_path / "data.zip", packing.zipped({**FILES, "plate2/c.csv": b"Well,n\nC01,7\n"}))
    assert datapkg.status(path, tmp_path / "p").resources["wells"].changed == ("data.zip!/plate2/c.csv",)
    report = make.build(path, tmp_path / "p")
    assert report.version == 2 and report.sources.unchanged == 2


def test_the_same_files_in_another_archive_are_the_same_content(tmp_path: Path) -> None:
    packing.write(tmp_path / "data.zip", packing.zipped(FILES))
    path = wells(tmp_path, "data.zip")
    first = make.build(path, tmp_path / "p")
    packing.write(tmp_path / "data.zip", packing.zipped(dict(reversed(FILES.items()))))
    with pytest.raises(LockedError, match=r"file data.zip of wells is another"):
        make.build(path, tmp_path / "q", locked=True)
    second = make.build(path, tmp_path / "p")
    assert (second.version, second.digest) == (2, first.digest)
    (archive,) = read_lock(path).archives
    assert archive.sha256 == archive_of(tmp_path / "data.zip").sha256
    assert make.build(path, tmp_path / "q", locked=True).digest == first.digest
    assert datapkg.open(tmp_path / "p").diff(1).ok


def test_the_hash_of_an_archive_is_checked(tmp_path: Path) -> None:
    packing.write(tmp_path / "data.zip", packing.zipped(FILES))
    right = archive_of(tmp_path / "data.zip").sha256
    make.build(wells(tmp_path, "data.zip", more=f', hash: "sha256:{right}"'), tmp_path / "p")
    with pytest.raises(SourceError, match=r"data.zip: is not the file that the manifest means"):
        make.build(wells(tmp_path, "data.zip", more=f', hash: "sha256:{"0" * 64}"'), tmp_path / "q")


@SUFFIXES
def test_archives_of_the_web_are_fetched_once_and_stand_in_the_lock(
    site: Site, tmp_path: Path, suffix: str
) -> None:
    address = site.put(f"data{suffix}", packing.packed(FILES, suffix))
    path = wells(tmp_path, f'"{address}"')
    make.build(path, tmp_path / "p")
    lock = read_lock(path)
    assert [one.path for one in lock.archives] == [address]
    assert [one.path for one in lock.sources] == [
        f"{address}!/plate1/a.csv", f"{address}!/plate1/deep/b.csv", f"{address}!/plate2/c.csv",
    ]  # fmt: skip
    assert not make.build(path, tmp_path / "p").created
    make.build(path, tmp_path / "q", locked=True)
    assert datapkg.verify(tmp_path / "p", sources=path).ok
    assert len(site.asked) == 1


def test_status_knows_an_archive_that_is_not_here_by_its_hash(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wells(tmp_path, f'"{site.put("data.zip", packing.zipped(FILES))}"')
    make.build(path, tmp_path / "p")
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "other"))
    assert datapkg.status(path, tmp_path / "p").ok and len(site.asked) == 1


def test_several_archives_and_exclude(tmp_path: Path) -> None:
    for number in (1, 2):
        files = {f"p{number}/a.csv": A, f"p{number}/old/b.csv": B}
        packing.write(tmp_path / f"{number}.tgz", packing.packed(files, ".tgz"))
    path = wells(tmp_path, '"*.tgz"', more=', exclude: "**/old/**"')
    make.build(path, tmp_path / "p")
    frame = datapkg.open(tmp_path / "p")["wells"].to_pandas()
    assert list(frame.source_path) == ["1.tgz!/p1/a.csv", "2.tgz!/p2/a.csv"]


def test_check_unpacks_nothing(tmp_path: Path, cache: Path) -> None:
    packing.write(tmp_path / "data.zip", packing.zipped(FILES))
    assert datapkg.check(wells(tmp_path, "data.zip")).files == {"wells": 3}
    assert not cache.exists()


def test_members_that_match_nothing_are_a_mistake(tmp_path: Path) -> None:
    packing.write(tmp_path / "data.zip", packing.zipped(FILES))
    with pytest.raises(ManifestError) as error:
        make.build(wells(tmp_path, "data.zip", "[plate1/*.csv, plate9/*.csv]"), tmp_path / "p")
    assert "members 'plate9/*.csv' matches no file of data.zip" in str(error.value)
    assert "data.zip has plate1/a.csv, plate1/deep/b.csv, plate2/c.csv and 1 more" in error.value.fix
    assert error.value.where.endswith("manifest.yaml:3:59")


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ("path: data.zip", "choose files of the archive, such as members"),
        ("path: data.csv, members: a.csv", "members chooses files of an archive, and 'data.csv' is none"),
        ('path: data.zip, members: "../a.csv"', "names no files of an archive"),
        ('path: data.zip, members: "/a.csv"', "names no files of an archive"),
        ("path: data.zip, members: 'a\\b.csv'", "has backslashes"),
        ("path: data.zip, members: []", "members is empty"),
        ("data: [[a], [1]], members: a.csv", "members has no meaning where data stand in the manifest"),
    ],
)
def test_what_a_manifest_may_say_of_archives(tmp_path: Path, resource: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        datapkg.check(make.manifest(tmp_path, f"name: wells, {resource}"))
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["../a.csv", "p/../../a.csv", "/etc/a.csv", "C:/a.csv"])
@SUFFIXES
def test_names_that_lead_out_refuse_the_archive(tmp_path: Path, name: str, suffix: str) -> None:
    path = packing.write(tmp_path / f"evil{suffix}", packing.packed({"good.csv": A, name: B}, suffix))
    assert "which leads out of it" in refused(path)
    assert "which leads out of it" in refused(path, ("good.csv",))


@pytest.mark.parametrize("hard", [True, False])
def test_links_are_not_followed(tmp_path: Path, hard: bool) -> None:
    content = packing.tarred({"b.csv": B}, packing.link("a.csv", "b.csv" if hard else "/etc/passwd", hard))
    path = packing.write(tmp_path / "linked.tar", content)
    assert "a.csv in it is a link, which is not followed" in refused(path)
    assert [file.path for file in unpacked(archive_of(path), ("b.csv",))] == ["linked.tar!/b.csv"]


def test_links_and_pipes_of_any_kind_are_refused(tmp_path: Path) -> None:
    path = packing.write(tmp_path / "x.zip", packing.zipped_link("a.csv", "/etc/passwd"))
    assert "is a link" in refused(path)
    path = packing.write(tmp_path / "x.tar", packing.tarred({}, packing.device("a.csv")))
    assert "is no ordinary file" in refused(path)


def test_a_file_below_a_link_is_not_written_through_it(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    content = packing.tarred({}, packing.link("d", str(tmp_path / "outside")))
    more = packing.tarred({"d/a.csv": A})
    path = packing.write(tmp_path / "x.tar", content[:512] + more)
    (found,) = unpacked(archive_of(path), ("**/*.csv",))
    assert found.local.read_bytes() == A and not list((tmp_path / "outside").iterdir())


@SUFFIXES
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_an_archive_that_was_cut_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    files = {f"{n}.csv": os.urandom(900) for n in range(20)}
    content = packing.packed(files, suffix)
    path = packing.write(tmp_path / f"cut{suffix}", content[: int(len(content.rstrip(bytes(1))) * share)])
    assert "cut short" in refused(path)


def test_a_tar_that_was_cut_between_two_files_is_refused(tmp_path: Path) -> None:
    path = packing.write(tmp_path / "cut.tar", packing.tarred({"a.csv": A, "b.csv": B})[:1024])
    assert "the archive is cut short: its end is missing" in refused(path)


def test_damage_inside_is_found(tmp_path: Path) -> None:
    content = bytearray(packing.zipped({"a.csv": os.urandom(5000)}))
    content[2500] ^= 1
    assert "cut short or damaged" in refused(packing.write(tmp_path / "x.zip", bytes(content)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Well,n\n" * 100, "is no .zip, .tar or .tar.gz archive"),
        (packing.encrypted("a.csv"), "a.csv in it is encrypted"),
        (packing.other_method("a.csv"), "packed in a way that is not read"),
        (packing.with_claimed_size(packing.zipped({"a.csv": A * 50}), 10), "cut short or damaged"),
        (packing.with_claimed_size(packing.zipped({"a.csv": A * 50}), 10_000), "and it says 10,000"),
    ],
)
def test_what_is_no_archive_that_can_be_read_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(packing.write(tmp_path / "x.zip", content))


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    twice = packing.tarred({"a.csv": A})[:1024] + packing.tarred({"./a.csv": B})
    assert "it holds a.csv twice" in refused(packing.write(tmp_path / "x.tar", twice))
    beside = packing.tarred({"a.csv": A})[:1024] + packing.tarred({"a.csv/b.csv": B})
    assert "or beside a folder of this name" in refused(packing.write(tmp_path / "y.tar", beside))


@SUFFIXES
def test_a_bomb_is_stopped_before_it_fills_the_disk(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ALWAYS_BYTES", 1 << 20)
    monkeypatch.setattr(reading, "MOST_FOLD", 5)
    files: Mapping[str, bytes] = {f"{n}.csv": bytes(1 << 20) for n in range(8)}
    path = packing.write(tmp_path / f"bomb{suffix}", packing.packed(files, suffix))
    if suffix == ".tar":  # it is as large as what is in it
        assert len(unpacked(archive_of(path), ("*.csv",))) == 8
        return
    assert "unfolds to more than 1,048,576 bytes" in refused(path, ("*.csv",))


def test_a_full_disk_leaves_nothing_half_unpacked(tmp_path: Path) -> None:
    path = packing.write(tmp_path / "x.zip", packing.zipped({"a.csv": A, "b.csv": os.urandom(300_000)}))
    archive = archive_of(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StoreError, match="grow over the allowed size") as error:
            unpacked(archive, ("*.csv",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "DATAPKG_CACHE" in error.value.fix and left() == []
    assert len(unpacked(archive, ("*.csv",))) == 2


def test_an_unpacked_file_that_was_changed_is_never_read(tmp_path: Path, cache: Path) -> None:
    packing.write(tmp_path / "data.zip", packing.zipped({"a.csv": A}))
    path = wells(tmp_path, "data.zip")
    make.build(path, tmp_path / "p")
    (copy,) = (cache / "archives").rglob("a.csv")
    copy.write_bytes(A.replace(b"A01", b"C01"))
    with pytest.raises(SourceError, match="its copy in the cache is damaged"):
        make.build(path, tmp_path / "q")
    make.build(path, tmp_path / "q", rehash=True)
    assert list(datapkg.open(tmp_path / "q")["wells"].to_pandas().Well) == ["A01"]


NAMES = st.text("aB.é /\\~", min_size=1, max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(NAMES, st.binary(max_size=40), max_size=6),
    suffix=st.sampled_from([".zip", ".tar", ".tar.gz"]),
)
def test_whatever_is_in_an_archive_stays_in_the_cache(
    tmp_path: Path, cache: Path, files: dict[str, bytes], suffix: str
) -> None:
    path = packing.write(tmp_path / f"x{suffix}", packing.packed(files, suffix))
    try:
        found = unpacked(archive_of(path), ("**/*",))
    except DatapkgError as error:
        assert error.fix
        found = []
    for file in found:
        assert file.local.resolve().is_relative_to(cache.resolve())
        assert look(file).sha256 == file.sha256 and file.local.read_bytes() in files.values()
    assert {p.name for p in tmp_path.iterdir()} <= {"x.zip", "x.tar", "x.tar.gz", "cache"}
