"""Files of the web and of archives that name one another: found beside each other, if they are listed or chosen."""

from __future__ import annotations

from pathlib import Path

import h5py
import make
import make_archives
import make_ch5
import make_sets
import numpy as np
import pytest
from make_web import Site

import datapkg
from datapkg.errors import SourceError
from datapkg.remote import Fetched, Fetcher, Wanted
from datapkg.remote.trees import beside_each_other

IMAGE = np.arange(3 * 2 * 1 * 6 * 8, dtype="uint16").reshape(3, 2, 1, 6, 8)


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, bytes]:
    """One image spread over three files."""
    (tmp_path / "made").mkdir()
    return {path.name: path.read_bytes() for path in make_sets.spread(tmp_path / "made", IMAGE)}


def listed(*addresses: str) -> str:
    return ", ".join(f'"{address}"' for address in addresses)


def test_a_set_of_files_that_are_listed_is_one_image(
    site: Site, tmp_path: Path, parts: dict[str, bytes]
) -> None:
    addresses = [site.put(f"plate/{name}", content) for name, content in parts.items()]
    path = make.manifest(tmp_path, f"name: frames, path: [{listed(*addresses)}]")
    report = make.build(path, tmp_path / "p")
    assert report.sources.files == 1
    frames = datapkg.open(tmp_path / "p")["frames"]
    assert np.array_equal(frames.image(0), IMAGE[:, :, 0])
    assert frames.to_pandas(columns=["path"]).path[0] == addresses[0]
    assert not make.build(path, tmp_path / "p").created and len(site.asked) == 3
    assert datapkg.status(path, tmp_path / "p").ok
    assert datapkg.verify(tmp_path / "p", sources=path).ok


def test_a_file_of_a_set_that_is_not_listed_is_missed_by_its_address(
    site: Site, tmp_path: Path, parts: dict[str, bytes]
) -> None:
    addresses = [site.put(f"plate/{name}", content) for name, content in parts.items()]
    path = make.manifest(tmp_path, f"name: frames, path: [{listed(*addresses[:2])}]")
    with pytest.raises(SourceError) as error:
        make.build(path, tmp_path / "p")
    assert addresses[2] in error.value.what and "is missing" in error.value.what
    assert f"list {addresses[2]} in `path` too" in error.value.fix
    assert len(site.asked) == 2


def test_a_set_in_an_archive_is_one_image_if_all_of_it_is_chosen(
    tmp_path: Path, parts: dict[str, bytes]
) -> None:
    files = {f"plate/{name}": content for name, content in parts.items()}
    make_archives.write(tmp_path / "d.zip", make_archives.zipped(files))
    path = make.manifest(tmp_path, 'name: frames, path: d.zip, members: "plate/*.tif"')
    make.build(path, tmp_path / "p")
    assert np.array_equal(datapkg.open(tmp_path / "p")["frames"].image(0), IMAGE[:, :, 0])
    assert datapkg.verify(tmp_path / "p", sources=path).ok
    path = make.manifest(tmp_path, 'name: frames, path: d.zip, members: "plate/s_t[01].ome.tif"')
    with pytest.raises(SourceError, match="let `members` choose it too"):
        make.build(path, tmp_path / "q")


def test_a_changed_file_of_a_set_changes_the_set(site: Site, tmp_path: Path, parts: dict[str, bytes]) -> None:
    addresses = [site.put(f"plate/{name}", content) for name, content in parts.items()]
    path = make.manifest(tmp_path, f"name: frames, path: [{listed(*addresses)}]")
    make.build(path, tmp_path / "p")
    (tmp_path / "other").mkdir()
    changed = make_sets.spread(tmp_path / "other", IMAGE + 1)[1]
    site.put(f"plate/{changed.name}", changed.read_bytes())
    path.with_suffix(".lock").unlink()
    make.build(path, tmp_path / "p")
    image = datapkg.open(tmp_path / "p")["frames"].image(0)
    assert np.array_equal(image[1], IMAGE[1, :, 0] + 1) and np.array_equal(image[0], IMAGE[0, :, 0])


def test_sets_of_two_hosts_are_kept_apart(site: Site, tmp_path: Path, parts: dict[str, bytes]) -> None:
    addresses = [site.put(f"plate/{name}", content) for name, content in parts.items()]
    others = [one.replace("127.0.0.1", "localhost") for one in addresses]
    path = make.manifest(tmp_path, f"name: frames, path: [{listed(*addresses, *others)}]")
    make.build(path, tmp_path / "p")
    assert len(datapkg.open(tmp_path / "p")["frames"]) == 2


def linked(folder: Path) -> dict[str, bytes]:
    """A movie, and a file that links to it by its name, as CellCognition writes them."""
    folder.mkdir()
    make_ch5.movie(folder / "one.ch5")
    with h5py.File(folder / "all.ch5", "w") as file:
        file["sample/0/plate"] = h5py.ExternalLink("one.ch5", "/sample/0/plate")
        file["definition"] = h5py.ExternalLink("one.ch5", "/definition")
    return {name: (folder / name).read_bytes() for name in ("all.ch5", "one.ch5")}


def test_movies_follow_links_to_files_that_are_listed(site: Site, tmp_path: Path) -> None:
    files = linked(tmp_path / "made")
    addresses = [site.put(f"ch5/{name}", content) for name, content in files.items()]
    path = make.manifest(tmp_path, f"name: movies, path: [{listed(*addresses)}]")
    make.build(path, tmp_path / "p")
    objects = datapkg.open(tmp_path / "p")["movies_objects"].to_pandas()
    assert set(objects.path) == {addresses[1]} and len(objects) == 6


def test_movies_of_an_archive_follow_links_in_it(tmp_path: Path) -> None:
    make_archives.write(tmp_path / "d.tar.gz", make_archives.packed(linked(tmp_path / "made"), ".tar.gz"))
    path = make.manifest(tmp_path, 'name: movies, path: d.tar.gz, members: "*.ch5"')
    make.build(path, tmp_path / "p")
    objects = datapkg.open(tmp_path / "p")["movies_objects"].to_pandas()
    assert set(objects.path) == {"d.tar.gz!/one.ch5"} and len(objects) == 6


def test_a_link_to_a_movie_that_is_not_listed_is_told_by_its_address(site: Site, tmp_path: Path) -> None:
    address = site.put("ch5/all.ch5", linked(tmp_path / "made")["all.ch5"])
    path = make.manifest(tmp_path, f'name: movies, path: "{address}"')
    report = make.build(path, tmp_path / "p")
    assert any("one.ch5, which is not there" in warning for warning in report.warnings)
    sources = datapkg.open(tmp_path / "p").sources()
    assert f"{site.url}/ch5/one.ch5" in set(sources.path)
    assert not make.build(path, tmp_path / "p").created


def test_one_address_may_not_go_on_behind_another_where_files_lie_together(
    site: Site, tmp_path: Path
) -> None:
    image = make.tiff(tmp_path / "x.tif").read_bytes()
    addresses = [site.put("a.tif", image), site.put("a.tif/b.tif", image)]
    path = make.manifest(tmp_path, f"name: frames, path: [{listed(*addresses)}]")
    with pytest.raises(SourceError, match="another address goes on behind this one"):
        make.build(path, tmp_path / "p")


def test_nothing_is_laid_out_above_its_host(site: Site, tmp_path: Path) -> None:
    with Fetcher() as fetcher:
        (found,) = fetcher.fetch([Wanted(site.put("a.tif", b"x"))])
    assert isinstance(found, Fetched)
    with pytest.raises(SourceError, match="leads out of its host"):
        beside_each_other({"s3://bucket/../../a.tif": found.local})
