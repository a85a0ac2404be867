"""The files that a package keeps, bit for bit."""

from __future__ import annotations

from pathlib import Path

import make
import make_archives
import pytest
from make_sqlite import built, database, encoded
from make_web import Site

import datapkg
from datapkg.errors import ExportError
from datapkg.exporting.job import MARKER


def test_kept_files_come_back_and_others_are_told_of(package: Path, tmp_path: Path) -> None:
    done = datapkg.export(package, tmp_path / "out", to="files")
    written = make.tree(tmp_path / "out")
    assert MARKER in written
    originals = make.tree(tmp_path / "data")
    assert {name: content for name, content in written.items() if name != MARKER} == {
        name: content for name, content in originals.items() if name.startswith("images/")
    }
    assert done.notes == ("1 source files are not kept in the package, first wells.csv",)
    assert done.tables == ("frames",)


def test_the_files_build_the_same_images(package: Path, tmp_path: Path) -> None:
    datapkg.export(package, tmp_path / "out", to="files")
    line = 'name: frames, path: "images/**/*.tif", pattern: "{Plate}/{Well}_{Site:d}.tif"'
    again = built(tmp_path / "out", line)
    assert again["frames"].digest == datapkg.open(package)["frames"].digest


def test_files_with_several_images_and_members_are_written_once(tmp_path: Path) -> None:
    import tifffile

    path = make.tiff(tmp_path / "stack.tif")
    with tifffile.TiffWriter(path) as writer:
        for shape in ((6, 8), (4, 4)):
            writer.write(make.image(1, shape), metadata=None)
    built(tmp_path, "name: t, path: stack.tif, keep: bytes")
    datapkg.export(tmp_path / "p", tmp_path / "out", to="files")
    assert (tmp_path / "out" / "stack.tif").read_bytes() == path.read_bytes()


def test_without_kept_files_there_is_nothing_to_write(tmp_path: Path) -> None:
    make.tiff(tmp_path / "a.tif")
    make.text(tmp_path / "t.csv", "n\n1\n")
    built(tmp_path, "name: t, path: t.csv", "name: i, path: a.tif, keep: array", "name: k, path: a.tif")
    for tables in (["t"], ["i"], ["i", "k"]):
        with pytest.raises(ExportError, match="keeps no files"):
            datapkg.export(tmp_path / "p", tmp_path / "out", to="files", tables=tables)
    assert datapkg.export(tmp_path / "p", tmp_path / "out", to="files").notes == (
        "1 source files are not kept in the package, first t.csv",
    )


def test_files_of_the_web_and_of_archives_lie_below_the_folder(site: Site, tmp_path: Path) -> None:
    image = make.tiff(tmp_path / "a.tif").read_bytes()
    make_archives.write(tmp_path / "d.zip", make_archives.zipped({"p/b.tif": image}))
    address = site.put("x/c.tif", image) + "?v=1/2"
    built(tmp_path, f'name: far, path: "{address}"', 'name: inside, path: d.zip, members: "p/*.tif"')
    datapkg.export(tmp_path / "p", tmp_path / "out", to="files")
    host = site.url.removeprefix("http://")
    written = {name: content for name, content in make.tree(tmp_path / "out").items() if name != MARKER}
    assert written == {f"{host}/x/c.tif?v=1%2F2": image, "d.zip/p/b.tif": image}
    datapkg.export(tmp_path / "p", tmp_path / "ome", to="ome-tiff")
    assert any(name.startswith(f"{host}/x/c") for name in map(str, _below(tmp_path / "ome")))


def _below(folder: Path) -> list[Path]:
    return [path.relative_to(folder).relative_to("far") for path in (folder / "far").rglob("*.tif*")]


def galaxies_at(folder: Path, *paths: str) -> list[bytes]:
    """A package of images of a database, with these paths there."""
    images = [encoded(make.image(at, (4, 4), "uint8"), "png") for at in range(len(paths))]
    table = "create table g (id integer primary key, path text, img blob)"
    database(
        folder / "g.db",
        table,
        rows=[(at, *row) for at, row in enumerate(zip(paths, images, strict=True))],
        into="g",
    )
    built(folder, "name: g, path: g.db, image: img")
    return images


def test_files_with_one_path_are_all_written(tmp_path: Path) -> None:
    first, second, third, _ = galaxies_at(tmp_path, "a/x.png", "a/x.png", "a/x.png", "b.png")
    done = datapkg.export(tmp_path / "p", tmp_path / "out", to="files")
    assert (tmp_path / "out" / "a" / "x.png").read_bytes() == first
    assert (tmp_path / "out" / "a" / "x_1.png").read_bytes() == second
    assert (tmp_path / "out" / "a" / "x_2.png").read_bytes() == third
    assert "table g, row 1: another file has the path a/x.png, so it is a/x_1.png" in done.notes


@pytest.mark.parametrize("path", ["", "/etc/x", "a/../../x", "a\0b"])
def test_a_path_that_is_none_of_a_file_below_a_folder_is_refused(tmp_path: Path, path: str) -> None:
    galaxies_at(tmp_path, "x.png", path)
    for form in ("files", "ome-tiff"):
        with pytest.raises(ExportError, match="is none of a file below a folder") as refused:
            datapkg.export(tmp_path / "p", tmp_path / "out", to=form)
        assert refused.value.where == "table g, row 1"
        assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_a_folder_is_told_of(tmp_path: Path) -> None:
    for number, paths in enumerate((("a", "a/b"), ("a/b", "a"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        galaxies_at(folder, *paths)
        with pytest.raises(ExportError, match="is that of another file or folder"):
            datapkg.export(folder / "p", folder / "out", to="files")


def test_a_name_that_is_too_long_for_the_disk_is_told_of(tmp_path: Path) -> None:
    galaxies_at(tmp_path, "n" * 300)
    with pytest.raises(ExportError, match="a name is too long for this disk"):
        datapkg.export(tmp_path / "p", tmp_path / "out", to="files")
