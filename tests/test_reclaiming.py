"""What no version needs is given back; what a version, a reader or a running build needs never is."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import lance
import make
import pyarrow as pa
import pytest

import datapkg
from datapkg import reclaiming, versions
from datapkg.errors import DamageError, StoreError, VersionError
from datapkg.places import Folder
from datapkg.reclaiming import Reclaimed, Rules, length

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Four versions of a table that changes and one that does not; the second version is the release 1.0.0."""
    manifest = make.folder(tmp_path)
    manifest.write_text(manifest.read_text().replace('version: "1.0.0"\n', ""))
    for number in range(4):
        make.text(manifest.parent / "wells.csv", f"Well\nB{number:02}\n")
        make.build(manifest, tmp_path / "p")
    datapkg.release(tmp_path / "p", "1.0.0", 2)
    return tmp_path / "p"


def gc(package: Path, *, after: float = 0.0, dry_run: bool = False, **rules: object) -> Reclaimed:
    """Reclaim as if so many seconds had passed."""
    asked = {"keep_last": None, "older_than": None, "grace": timedelta(hours=24)} | rules
    return reclaiming._gc(Folder(package), str(package), Rules(**asked), dry_run, time.time() + after)  # type: ignore[arg-type]


def wells(package: Path, version: int) -> list[str]:
    return list(datapkg.open(package, version=version, verify=True)["wells"].to_pandas().Well)


def test_without_a_rule_no_version_goes(package: Path) -> None:
    before = make.tree(package)
    done = datapkg.gc(package)
    assert (done.removed, done.deleted, done.paths) == ((), (), ())
    assert gc(package, after=400 * DAY).paths == ()
    assert make.tree(package) == before


def test_unnamed_versions_go_in_two_steps(package: Path) -> None:
    pinned = datapkg.open(package, version=1)
    assert gc(package, keep_last=1).removed == (1, 3)
    assert versions.numbers(Folder(package)) == [2, 4]
    with pytest.raises(VersionError, match="no version 3"):
        datapkg.open(package, version=3)
    assert list(pinned["wells"].to_pandas().Well) == ["B00"]
    assert datapkg.verify(package, deep=True).ok
    assert gc(package, after=23 * HOUR).deleted == ()
    assert list(pinned["wells"].to_pandas().Well) == ["B00"]
    size = sum(map(len, make.tree(package).values()))
    done = gc(package, after=25 * HOUR)
    assert done.deleted == (1, 3)
    assert sum(map(len, make.tree(package).values())) < size - done.bytes + 1000
    outcome = datapkg.verify(package, deep=True)
    assert outcome.ok, outcome
    assert outcome.unused == ()
    assert (wells(package, 2), wells(package, 4)) == (["B01"], ["B03"])
    assert len(datapkg.open(package)["frames"].to_pandas()) == 3  # written by version 1, used by all
    assert gc(package, after=400 * DAY, keep_last=1).paths == ()
    assert sorted(p.name for p in (package / "versions").glob("*.removed.json")) == [
        "1.removed.json",
        "3.removed.json",
    ]


def test_a_dry_run_says_the_same_and_touches_nothing(package: Path) -> None:
    before = make.tree(package)
    assert gc(package, keep_last=1, dry_run=True).removed == (1, 3)
    assert make.tree(package) == before
    gc(package, keep_last=1)
    before = make.tree(package)
    would = gc(package, after=25 * HOUR, dry_run=True)
    assert make.tree(package) == before
    done = gc(package, after=25 * HOUR)
    assert (would.deleted, would.paths, would.bytes) == (done.deleted, done.paths, done.bytes)
    assert "would be deleted" in str(would)


def test_rules_by_number_and_age_must_both_allow(package: Path) -> None:
    assert gc(package, older_than=timedelta(days=1), dry_run=True).removed == ()
    assert gc(package, older_than=timedelta(days=1), after=2 * DAY, dry_run=True).removed == (1, 3)
    both = {"older_than": timedelta(days=1), "after": 2 * DAY}
    assert gc(package, keep_last=2, dry_run=True, **both).removed == (1,)  # type: ignore[arg-type]
    assert gc(package, keep_last=9, dry_run=True, **both).removed == ()  # type: ignore[arg-type]


def test_tags_of_versions_that_stay_stay(package: Path) -> None:
    gc(package, keep_last=1)
    gc(package, after=25 * HOUR)
    dataset = lance.dataset(str(package / "wells.lance"))
    assert sorted(tag["version"] for tag in dataset.tags.list().values()) == [2, 4]
    dataset.cleanup_old_versions(
        older_than=timedelta(0), delete_unverified=True, error_if_tagged_old_versions=False
    )
    assert datapkg.verify(package).ok


def test_builds_go_on_after_it(package: Path, tmp_path: Path) -> None:
    gc(package, keep_last=1)
    gc(package, after=25 * HOUR)
    make.text(tmp_path / "data" / "wells.csv", "Well\nC09\n")
    assert make.build(tmp_path / "data" / "manifest.yaml", package).version == 5
    assert datapkg.verify(package, deep=True).ok


def test_a_removed_version_can_be_brought_back(package: Path) -> None:
    gc(package, keep_last=1)
    folder = package / "versions"
    (folder / "3.removed.json").rename(folder / "3.json")
    assert wells(package, 3) == ["B02"]
    assert datapkg.verify(package, deep=True).ok


def test_a_version_that_was_named_while_it_was_removed_comes_back(package: Path) -> None:
    gc(package, keep_last=1)
    versions.name_release(Folder(package), "late", 3)
    assert "names version 3, whose record was removed" in str(datapkg.verify(package))
    assert gc(package, after=25 * HOUR, keep_last=1).restored == (3,)
    assert wells(package, 3) == ["B02"]
    assert datapkg.verify(package, deep=True).ok


def test_a_name_that_comes_between_is_heeded(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = reclaiming.withdraw

    def named_meanwhile(place: Folder, number: int) -> None:
        if number == 3:
            versions.name_release(place, "late", 3)
        real(place, number)

    monkeypatch.setattr(reclaiming, "withdraw", named_meanwhile)
    assert gc(package, keep_last=1).removed == (1,)
    assert wells(package, 3) == ["B02"]


def test_a_run_that_was_killed_is_completed_by_the_next(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc(package, keep_last=1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(reclaiming, "shorten", killed)
        gc(package, after=25 * HOUR)
    assert datapkg.verify(package, deep=True).ok
    gc(package, after=25 * HOUR)
    assert gc(package, after=25 * HOUR).deleted == ()
    assert datapkg.verify(package, deep=True).ok


def test_what_a_stopped_build_left_goes_after_the_grace(package: Path) -> None:
    staged = package / ".building-0123" / "wells.lance" / "data"
    staged.mkdir(parents=True)
    (staged / "x.lance").write_bytes(b"x" * 5000)
    left = [".5-0123.files.json", ".5.json-77-00ff00ff", ".5.json.claim"]
    for name in left:
        (package / "versions" / name).touch()
    mine = package / "versions" / "notes.txt"
    mine.touch()
    young = gc(package)
    assert (young.paths, staged.is_dir()) == ((), True)
    assert "a build may be running" in str(young)
    done = gc(package, after=25 * HOUR)
    assert (len(done.paths), done.bytes) == (4, 5000)
    assert not (package / ".building-0123").exists()
    assert sorted(p.name for p in (package / "versions").glob(".*")) == []
    assert mine.exists()
    assert gc(package, grace=timedelta(0)).paths == ()


def test_the_list_of_a_build_that_was_killed_after_its_record_stays(package: Path) -> None:
    folder = package / "versions"
    own = folder / f".3-{versions.read_record(Folder(package), 3).attempt}.files.json"
    (folder / "3.files.json").rename(own)
    gc(package, after=400 * DAY)
    assert not own.exists()
    assert (folder / "3.files.json").exists()
    assert datapkg.verify(package).ok


def test_another_programs_commits_are_spared_for_a_week(package: Path) -> None:
    dataset = lance.dataset(str(package / "wells.lance"))
    dataset.delete("Well = 'B03'")
    lance.write_dataset(dataset.to_table(), str(package / "wells.lance"), mode="append")
    gc(package, keep_last=1)
    done = gc(package, after=6 * DAY)
    assert "a state of it that is no version is younger than 7 days" in str(done)
    assert done.deleted == (1, 3)
    lance.dataset(str(package / "wells.lance")).to_table()
    assert gc(package, after=8 * DAY).bytes > 0
    assert datapkg.verify(package, deep=True).ok
    assert datapkg.verify(package).unused == ()


def test_states_that_another_program_tagged_stay(package: Path) -> None:
    dataset = lance.dataset(str(package / "wells.lance"))
    dataset.delete("true")
    dataset.tags.create("mine", dataset.version)
    done = gc(package, after=30 * DAY)
    assert "another program has tagged a state of it (mine)" in str(done)
    assert lance.dataset(str(package / "wells.lance"), version="mine").count_rows() == 0


def test_a_table_of_no_version_goes_as_a_whole(package: Path, tmp_path: Path) -> None:
    only = make.manifest(tmp_path / "data", 'name: frames, path: "images/**/*.tif"')
    make.build(only, package)
    (package / "releases" / "1.0.0.json").unlink()
    gc(package, keep_last=1)
    gc(package, after=25 * HOUR)
    gc(package, after=8 * DAY)
    assert sorted(p.name for p in package.glob("*.lance")) == ["_sources.lance", "frames.lance"]
    assert datapkg.verify(package, deep=True).ok


def test_a_table_that_another_program_put_beside_ours_stays(package: Path) -> None:
    lance.write_dataset(pa.table({"a": [1]}), str(package / "mine.lance"))
    done = gc(package, after=400 * DAY)
    assert "table mine: another program made it, or it is damaged" in str(done)
    assert lance.dataset(str(package / "mine.lance")).count_rows() == 1


@pytest.mark.parametrize("step", ["move_in", "pin_newest", "write_pin"])
def test_a_first_build_that_was_killed_leaves_nothing_a_week_later(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, p = make.folder(tmp_path), tmp_path / "p"
    killed(manifest, p, f"datapkg.store.write.{step}", monkeypatch)
    staged = sorted(path.name for path in p.glob(".building-*"))
    committed = (p / "wells.lance" / "_versions").is_dir()
    assert (len(staged), committed) == (1, step != "move_in")
    young = gc(p)
    assert (young.paths, young.notes[0]) == ((), "there is no version: no build into it was ever finished")
    assert list(gc(p, after=25 * HOUR, dry_run=True).paths) == staged
    assert list(gc(p, after=25 * HOUR).paths) == staged
    assert (p / "wells.lance" / "_versions").is_dir() == committed
    if not committed:
        assert not p.exists()
        return
    assert str(gc(p, after=8 * DAY)).startswith(f"{p}: 4 files and folders")
    assert not p.exists()
    assert make.build(manifest, p).version == 1


def test_beside_a_killed_first_build_other_peoples_files_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, p = make.folder(tmp_path), tmp_path / "p"
    killed(manifest, p, "datapkg.store.write.write_pin", monkeypatch)
    lance.write_dataset(pa.table({"a": [1]}), str(p / "mine.lance"))
    for name in ("notes.txt", ".building-plans/a.txt", "wells.lance/readme.txt"):
        make.text(p / name, "mine")
    gc(p, after=400 * DAY)
    left = sorted(name for name in make.tree(p) if not name.startswith("mine.lance"))
    assert left == [".building-plans/a.txt", "notes.txt", "wells.lance/readme.txt"]
    assert lance.dataset(str(p / "mine.lance")).count_rows() == 1


@pytest.mark.parametrize("left", ["releases/1.0.0.json", "datapackage.json", "versions/1.files.json"])
def test_a_package_that_has_lost_its_records_is_no_killed_build(left: str, package: Path) -> None:
    for path in [*package.glob("versions/*"), *package.glob("releases/*"), package / "datapackage.json"]:
        if path != package / left:
            path.unlink()
    for folder in ("versions", "releases"):
        with suppress(OSError):
            (package / folder).rmdir()
    before = make.tree(package)
    with pytest.raises(StoreError, match="an incomplete copy"):
        datapkg.gc(package, grace="0s")
    assert make.tree(package) == before


def test_a_folder_without_any_sign_of_a_build_is_no_package(tmp_path: Path) -> None:
    lance.write_dataset(pa.table({"a": [1]}), str(tmp_path / "mine.lance"))
    make.text(tmp_path / "half.lance" / "data" / "x.lance", "rows")
    with pytest.raises(StoreError, match="holds tables but no version"):
        datapkg.gc(tmp_path, grace="0s")


def killed(manifest: Path, package: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a build at a function, as SIGKILL would: nothing tidies up behind it."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(where, stop)
        patch.setattr(Folder, "end", lambda *_: None)
        make.build(manifest, package)


@pytest.mark.parametrize("harm", ["record", "list", "release"])
def test_over_damage_nothing_is_touched(harm: str, package: Path) -> None:
    name = {"record": "versions/1.json", "list": "versions/1.files.json", "release": "releases/1.0.0.json"}[
        harm
    ]
    (package / name).write_bytes(b"{}")
    before = make.tree(package)
    with pytest.raises(DamageError):
        datapkg.gc(package, keep_last=1)
    assert make.tree(package) == before


def test_a_release_of_a_missing_version_stops_it(package: Path) -> None:
    (package / "versions" / "2.json").unlink()
    with pytest.raises(DamageError, match="a release names it"):
        datapkg.gc(package, keep_last=1)


def test_what_makes_no_sense_is_refused(package: Path, tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="90d"):
        datapkg.gc(package, older_than="three months")
    with pytest.raises(VersionError, match="at least one"):
        datapkg.gc(package, keep_last=0)
    with pytest.raises(StoreError):
        datapkg.gc(tmp_path / "nowhere")
    assert length("2w") == timedelta(weeks=2)


@pytest.mark.parametrize(
    ("moment", "content"),
    [("commit", "Well,Note\nC09,\n"), ("update", "Well\nC09\n"), ("publish", "Well\nC09\n")],
)
def test_a_build_that_runs_meanwhile_is_not_harmed(
    moment: str, content: str, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build stands on the newest version, and what it has written is young."""
    from datapkg import store

    home = versions if moment == "publish" else store
    real = getattr(home, moment)
    done = []

    def reclaim_first(*arguments: object) -> object:
        done.append(datapkg.gc(package, keep_last=1))
        return real(*arguments)

    monkeypatch.setattr(home, moment, reclaim_first)
    make.text(tmp_path / "data" / "wells.csv", content)
    assert make.build(tmp_path / "data" / "manifest.yaml", package).version == 5
    assert done[0].removed == (1, 3)
    assert datapkg.verify(package, deep=True).ok
    assert wells(package, 5) == ["C09"]
