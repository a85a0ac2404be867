"""Finding files: the same ones in the same order everywhere, and nothing outside of the allowed folders."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapkg.errors import DatapkgError, ManifestError, SourceError
from datapkg.locate import Found, find
from datapkg.manifest.globs import path_regex
from datapkg.manifest.load import load

NFC, NFD = "Mu\u0308ller", "M\u00fcller"
NFC, NFD = unicodedata.normalize("NFC", NFC), unicodedata.normalize("NFD", NFD)


def fill(folder: Path, *names: str, content: bytes = b"x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def look(folder: Path, path: str, more: str = "", kind: str = "table", **options: object) -> Found:
    """Find what a resource with this `path` (as YAML) matches in `folder`."""
    manifest = folder.parent / f"{folder.name}.yaml"
    text = f"name: m\nroot: {folder.name}\nresources:\n- name: t\n  type: {kind}\n  path: {path}\n{more}"
    manifest.write_text(text, encoding="utf-8")
    loaded = load(manifest, **options)  # type: ignore[arg-type]
    return find(loaded, loaded.manifest.resources[0])


def shown(found: Found) -> list[str]:
    return [file.path for file in found.files]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_files_come_in_the_order_of_their_path_bytes(data: Path) -> None:
    fill(data, "b.csv", "a/z.csv", "a.csv", "a-b/x.csv", "B.csv", "\u00e9.csv", "z.csv")
    assert shown(look(data, '"**/*.csv"')) == [
        "B.csv", "a-b/x.csv", "a.csv", "a/z.csv", "b.csv", "z.csv", "\u00e9.csv",
    ]  # fmt: skip


def test_a_source_file_knows_its_place_and_size(data: Path) -> None:
    fill(data, "a/b.csv", content=b"abc")
    file = look(data, "a/b.csv").files[0]
    assert (file.path, file.bytes, file.root) == ("a/b.csv", 3, data.resolve())
    assert file.local.read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("*.csv", ["1.csv", "a.csv"]),
        ("?.csv", ["1.csv", "a.csv"]),
        ("[0-9].csv", ["1.csv"]),
        ("[!0-9].csv", ["a.csv"]),
        ("*/*.csv", ["p/a.csv"]),
        ("**/a.csv", ["a.csv", "p/a.csv", "p/q/a.csv"]),
        ("p/**", ["p/a.csv", "p/q/a.csv"]),
        ("**/q/**/*.csv", ["p/q/a.csv"]),
        ("./p//a.csv", ["p/a.csv"]),
        (".*.csv", [".a.csv"]),
        (".h/*.csv", [".h/a.csv"]),
    ],
)
def test_globs(data: Path, glob: str, names: list[str]) -> None:
    fill(data, "a.csv", "1.csv", ".a.csv", ".h/a.csv", "p/a.csv", "p/q/a.csv", "p/._a.csv", "a.CSV")
    assert shown(look(data, f"'{glob}'")) == names


def test_lists_are_joined_and_a_file_that_matches_twice_counts_once(data: Path) -> None:
    fill(data, "a.csv", "b.csv")
    assert shown(look(data, "['*.csv', a.csv]")) == ["a.csv", "b.csv"]


def test_exclude_leaves_files_out_and_tells_of_a_glob_that_leaves_out_nothing(data: Path) -> None:
    fill(data, "p/old/a.csv", "p/b.csv", "old/c.csv")
    found = look(data, '"**/*.csv"', '  exclude: ["**/old/**", nothing.csv]\n')
    assert shown(found) == ["p/b.csv"]
    assert found.warnings == (
        "t: exclude 'nothing.csv' leaves out no file; for any folder write '**/nothing.csv'",
    )
    with pytest.raises(ManifestError, match="exclude leaves out all 3 files"):
        look(data, '"**/*.csv"', '  exclude: "**"\n')


def test_names_match_in_nfc_however_they_are_stored(data: Path) -> None:
    fill(data, f"{NFD}/{NFD}.csv")
    for written in (NFC, NFD):
        assert shown(look(data, f"{written}/{written}.csv")) == [f"{NFC}/{NFC}.csv"]
    assert look(data, f"{NFC}/*.csv").files[0].local.is_file()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes the two names for one")
def test_two_files_with_one_nfc_name_are_refused(data: Path) -> None:
    fill(data, f"{NFC}.csv", f"{NFD}.csv", f"p/{NFC}/a.csv", f"p/{NFD}/a.csv")
    with pytest.raises(SourceError, match="2 files with this name"):
        look(data, "'*.csv'")
    with pytest.raises(SourceError, match="two folders have this name"):
        look(data, "'p/*/*.csv'")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_unicode_is_refused(data: Path) -> None:
    Path(os.fsdecode(os.fsencode(data) + b"/\xff.csv")).write_bytes(b"x")
    with pytest.raises(SourceError, match="not Unicode"):
        look(data, "'*.csv'")


def test_empty_files_are_an_error_or_skipped_with_a_warning(data: Path) -> None:
    fill(data, "a.csv")
    fill(data, "z.csv", content=b"")
    with pytest.raises(SourceError, match=r"z\.csv: the file is empty.*\n.*empty: skip"):
        look(data, "'*.csv'")
    found = look(data, "'*.csv'", "  empty: skip\n")
    assert (shown(found), found.skipped) == (["a.csv"], ("z.csv",))
    assert found.warnings == ("t: 1 empty file was skipped: z.csv",)


def test_many_mistakes_come_at_once(data: Path) -> None:
    fill(data, *(f"{n}.csv" for n in range(5)), content=b"")
    with pytest.raises(ManifestError) as error:
        look(data, "['*.csv', b.csv]")
    said = [str(one) for one in error.value.mistakes]
    assert "matches no file" in said[0]
    assert len(said) == 4
    assert "and 2 more are" in said[3]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("profils/p1.csv", "did you mean 'profiles'?"),
        ("profiles/P1.csv", "the name is 'profiles/p1.csv': upper and lower case count"),
        ("'images/*.tif'", "there is 'b.TIF': upper and lower case count"),
        ("'images/*.csv'", "images/ has 1 .TIF files"),
        ("'profiles/x[1].csv'", "[ and ] stand for one of several characters; write 'profiles/x[[]1].csv'"),
        ("'images/*.{tif,png}'", "braces are no glob: write a list"),
        ("void/a.csv", "void/ is empty"),
        ("'void/*.csv'", "void/ is empty"),
        ("'**/*.tsv'", "these 4 folders have 2 .csv, 1 .TIF files"),
        ("p", "the root folder has images, profiles, void"),
    ],
)
def test_a_path_that_matches_nothing_is_explained_at_its_place(data: Path, path: str, said: str) -> None:
    fill(data, "profiles/p1.csv", "profiles/x[1].csv", "images/b.TIF")
    (data / "void").mkdir()
    with pytest.raises(ManifestError) as error:
        look(data, path)
    assert error.value.where == f"{data.parent / 'data.yaml'}:6:9"
    assert said in error.value.fix


def test_a_path_of_a_list_is_explained_at_its_own_place(data: Path) -> None:
    fill(data, "a.csv")
    with pytest.raises(ManifestError) as error:
        look(data, "[a.csv, b.csv]")
    assert error.value.where.endswith("data.yaml:6:17")


def test_an_optional_path_may_match_nothing(data: Path) -> None:
    found = look(data, "a.csv", "  optional: true\n")
    assert (found.files, found.warnings) == ((), ("t: nothing matches 'a.csv', which is optional",))


@pytest.mark.parametrize(
    ("path", "fix"), [("images", "images/*.tif"), ("'im*'", "images/*.tif"), ("p", "p/**/*.tif")]
)
def test_a_path_that_names_a_folder_is_explained(data: Path, path: str, fix: str) -> None:
    fill(data, "images/a.tif", "images/b.tif", "images/c.txt", "p/q/a.tif")
    with pytest.raises(ManifestError, match="names a folder") as error:
        look(data, path)
    assert error.value.fix == f"say which files in it: {fix}"


def test_bytes_are_checked(data: Path) -> None:
    fill(data, "a.csv", content=b"abc")
    assert look(data, "a.csv", "  bytes: 3\n").files[0].bytes == 3
    with pytest.raises(SourceError, match="has 3 bytes, and the manifest says 4"):
        look(data, "a.csv", "  bytes: 4\n")


def test_allowed_folders_are_shown_under_their_names(data: Path, tmp_path: Path) -> None:
    fill(tmp_path / "plates", "LT1/a.csv")
    more = "allow: {plates: plates}\n"
    found = look(data, "'@plates/*/a.csv'", more)
    assert shown(found) == ["@plates/LT1/a.csv"]
    assert found.files[0].root == (tmp_path / "plates").resolve()
    assert shown(look(data, "'@plates/**/*.csv'", allow={"plates": tmp_path / "plates" / "LT1"})) == [
        "@plates/a.csv"
    ]
    with pytest.raises(ManifestError, match="the folder @plates is not there"):
        look(data, "'@plates/*/a.csv'", "allow: {plates: elsewhere}\n")
    with pytest.raises(ManifestError, match="does not say where the folder @plates is"):
        look(data, "'@plates/*/a.csv'", "allow: {plates: }\n")


def test_links_to_folders_are_not_followed_and_the_user_is_told(data: Path) -> None:
    fill(data, "real/a.csv")
    (data / "link").symlink_to(data / "real", target_is_directory=True)
    (data / "real" / "round").symlink_to(data, target_is_directory=True)
    for glob in ("*/a.csv", "**/a.csv"):
        found = look(data, f"'{glob}'")
        assert shown(found) == ["real/a.csv"]
        assert "links to folders are not followed: link" in found.warnings[0]
    with pytest.raises(ManifestError, match="'link' is a link to a folder"):
        look(data, "link/a.csv")


def test_links_to_files_may_not_leave_the_allowed_folders(data: Path, tmp_path: Path) -> None:
    fill(tmp_path, "outside/secret.csv", "data2/near.csv")
    fill(data, "a.csv")
    (data / "inside.csv").symlink_to(data / "a.csv")
    assert shown(look(data, "inside.csv")) == ["inside.csv"]
    (data / "out.csv").symlink_to(tmp_path / "outside" / "secret.csv")
    (data / "near.csv").symlink_to(tmp_path / "data2" / "near.csv")
    for name in ("out.csv", "near.csv"):
        with pytest.raises(SourceError, match="leaves the data folders"):
            look(data, name)
    assert shown(look(data, "out.csv", "allow: {o: outside}\n")) == ["out.csv"]
    (data / "gone.csv").symlink_to(data / "nothing.csv")
    with pytest.raises(SourceError, match="the link points to nothing"):
        look(data, "gone.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_what_is_no_ordinary_file_is_refused(data: Path) -> None:
    os.mkfifo(data / "pipe.csv")
    with pytest.raises(SourceError, match="no ordinary file"):
        look(data, "'*.csv'")


def test_real_images_are_found(shared: Path, data: Path) -> None:
    shutil.copytree(shared / "open" / "nviz_zstack", data / "z")
    found = look(data, "'**/*_ZS00[0-4].tif'", kind="images")
    assert shown(found) == [f"z/E99_C111_ZS00{n}.tif" for n in range(5)]


NAMES = st.sampled_from(["a", "b", "ab", "a.b", "B"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
GLOBS = st.lists(st.sampled_from(["a", "*", "**", "?", "a*", "[ab]", "*b", "[!a]"]), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(files=st.sets(PATHS, min_size=1, max_size=8), parts=GLOBS)
def test_path_and_exclude_mean_the_same_by_a_glob(
    tmp_path_factory: pytest.TempPathFactory, files: set[str], parts: list[str]
) -> None:
    data = tmp_path_factory.mktemp("tree") / "data"
    data.mkdir()
    written = set()
    for name in sorted(files, key=len):
        if not any(name.startswith(f"{other}/") for other in written) and not (data / name).is_dir():
            fill(data, name)
            written.add(name)
    glob = "/".join(parts)
    expected = sorted(name for name in written if path_regex(glob).match(name))
    try:
        assert shown(look(data, f"'{glob}'")) == expected
    except DatapkgError:
        assert not expected


def test_a_folder_that_looks_like_an_archive_is_refused(data: Path) -> None:
    fill(data, "d.zip!/a.csv")
    with pytest.raises(SourceError, match="a folder's name ends like an archive's"):
        look(data, '"**/*.csv"')
