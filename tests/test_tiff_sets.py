"""Multi-file OME-TIFF: one image, one source, and never a plane that is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import make_sets as make
import numpy as np
import pytest
import tifffile
from make_tiff import decide, pixels, rows, scan, scans

from datapkg.errors import SourceError
from datapkg.sources.tiff import ome_index


def image(*shape: int, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    """Pixels of (t, c, z, y, x)."""
    return pixels(shape or (2, 3, 2, 8, 9), dtype)


@pytest.mark.parametrize("axis", "tcz")
@pytest.mark.parametrize("order", ["XYZCT", "XYCZT", "XYTCZ"])
@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"byteorder": ">"}], ids=str)
def test_a_set_is_one_image_as_tifffile_puts_it_together(
    tmp_path: Path, axis: str, order: str, how: dict[str, Any]
) -> None:
    whole = image()
    files = make.spread(tmp_path, whole, axis, order, **{k: v for k, v in how.items() if k != "byteorder"})
    with tifffile.TiffFile(files[0]) as tiff:
        series = tiff.series[0]
        expected, axes = series.asarray(), series.axes
    (row,) = rows(*files)
    assert (row["path"], row["axes"], row["shape"]) == (files[0].name, axes, list(expected.shape))
    assert np.array_equal(row["image_array"], expected)
    assert (row["size_t"], row["size_c"], row["size_z"], row["pixel_size_x_um"]) == (2, 3, 2, 0.5)
    planes = rows(*files, rows="plane")
    assert len(planes) == 12
    assert all(np.array_equal(r["image_array"], whole[r["t"], r["c"], r["z"]]) for r in planes)


def test_planes_say_their_file_and_page(tmp_path: Path) -> None:
    files = make.spread(tmp_path, image(), "c")
    for row in rows(*files, rows="plane"):
        metadata = json.loads(row["metadata"])
        assert metadata["file"] == f"s_c{row['c']}.ome.tif"
        assert row["page"] == row["t"] * 2 + row["z"]
    (whole,) = rows(*files)
    assert json.loads(whole["metadata"])["files"] == [file.name for file in files]
    assert json.loads(whole["metadata"])["ome_xml"].startswith("<?xml")


def test_samples_of_colour_stay_in_the_plane(tmp_path: Path) -> None:
    whole = image(2, 1, 1, 8, 9, 3, dtype="uint8")
    files = make.spread(tmp_path, whole, photometric="rgb")
    (row,) = rows(*files)
    assert (row["axes"], row["shape"]) == ("TYXS", [2, 8, 9, 3])
    assert np.array_equal(row["image_array"], whole[:, 0, 0])


def test_the_first_file_that_is_matched_leads_and_the_others_are_its_members(tmp_path: Path) -> None:
    files = make.spread(tmp_path, image())
    (_, lead), (_, other) = scans(files, tmp_path)
    assert [member.path for member in lead.members] == ["s_t1.ome.tif"]
    assert (lead.lead, other.lead, dict(other.evidence)) == ("", "s_t0.ome.tif", {})
    (_, alone), *_ = scans(files[1:], tmp_path)
    assert (
        alone.lead == "s_t0.ome.tif"
    )  # it is matched by the glob; that it was not scanned is another matter


def test_a_member_that_the_path_does_not_match_is_read_all_the_same(tmp_path: Path) -> None:
    whole = image()
    files = make.spread(tmp_path, whole)
    (row,) = rows(files[1], exclude=("s_t0*",))
    assert row["path"] == "s_t1.ome.tif"
    assert np.array_equal(row["image_array"], rows(*files)[0]["image_array"])


def test_kept_bytes_of_members_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    files = make.spread(tmp_path, image(3, 1, 1, 8, 9))
    tables = decide(files, tmp_path).tables
    assert [(t.name, t.kind, [c.name for c in t.columns]) for t in tables][1] == (
        "frames_files",
        "files",
        ["path", "filesize_bytes", "sha256", "image_bytes"],
    )
    found = rows(*files, table="frames_files")
    assert [row["path"] for row in found] == ["s_t1.ome.tif", "s_t2.ome.tif"]
    assert [row["image_bytes"] for row in found] == [file.read_bytes() for file in files[1:]]
    assert len(decide(files, tmp_path, keep=("array",)).tables) == 1


@pytest.mark.parametrize("gone", [0, 1])
def test_a_missing_member_is_an_error_that_names_it(tmp_path: Path, gone: int) -> None:
    files = make.spread(tmp_path, image())
    files[gone].unlink()
    with pytest.raises(SourceError, match=f"s_t{gone}.ome.tif.* is missing"):
        scan(files[1 - gone])


@pytest.mark.parametrize(
    "name", ["../b.ome.tif", "/etc/b.ome.tif", "C:\\scans\\b.ome.tif", "sub/../../b.ome.tif"]
)
def test_a_member_outside_of_the_root_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    whole, folder = image(2, 1, 1, 8, 9), tmp_path / "root"
    blocks = [("a.ome.tif", 0, 0, 0, 0), (name, 0, 1, 0, 0)]
    described = make.xml("a.ome.tif", make.image_xml(0, whole, blocks))
    file = make.write(folder / "a.ome.tif", [whole[0, 0, 0]], described)
    make.write(tmp_path / "b.ome.tif", [whole[1, 0, 0]], make.xml(name, make.image_xml(0, whole, blocks)))
    with pytest.raises(SourceError, match="outside of the data root") as caught:
        scan(file)
    assert name in caught.value.what


def test_a_link_out_of_the_root_is_an_error(tmp_path: Path) -> None:
    first, second = make.spread(tmp_path / "root", image())
    second.rename(tmp_path / "elsewhere.tif")
    second.symlink_to(tmp_path / "elsewhere.tif")
    with pytest.raises(SourceError, match="outside of the data root"):
        scan(first)


def test_members_in_other_folders_are_found_inside_the_root(tmp_path: Path) -> None:
    whole = image(2, 1, 1, 8, 9)
    blocks = {
        "t0/a.ome.tif": ("../t1/a.ome.tif", "a.ome.tif"),
        "t1/a.ome.tif": ("../t0/a.ome.tif", "a.ome.tif"),
    }
    for t, (path, (other, own)) in enumerate(blocks.items()):
        order = (
            [(own, 0, 0, 0, 0), (other, 0, 1, 0, 0)] if t == 0 else [(other, 0, 0, 0, 0), (own, 0, 1, 0, 0)]
        )
        make.write(tmp_path / path, [whole[t, 0, 0]], make.xml(own, make.image_xml(0, whole, order)))
    files = [tmp_path / path for path in blocks]
    (row,) = rows(*files, root=tmp_path)
    assert row["path"] == "t0/a.ome.tif"
    assert np.array_equal(row["image_array"], whole[:, 0, 0])


def test_a_file_for_each_position_is_whole_by_itself(tmp_path: Path) -> None:
    images = [image(1, 2, 1, 8, 9), image(1, 2, 1, 6, 7)]
    names = ["p0.ome.tif", "p1.ome.tif"]
    described = [
        make.image_xml(n, one, [(names[n], c, 0, c, 0) for c in range(2)]) for n, one in enumerate(images)
    ]
    files = [
        make.write(tmp_path / name, list(one[0, :, 0]), make.xml(name, *described))
        for name, one in zip(names, images, strict=True)
    ]
    found = rows(*files)
    assert [(row["path"], row["shape"]) for row in found] == [(names[0], [2, 8, 9]), (names[1], [2, 6, 7])]
    assert all(np.array_equal(r["image_array"], one[0, :, 0]) for r, one in zip(found, images, strict=True))
    assert [json.loads(row["metadata"])["ome"]["Name"] for row in found] == ["i0", "i1"]
    files[0].unlink()
    assert len(rows(files[1])) == 1


def test_files_that_each_hold_the_whole_image_are_images_each(tmp_path: Path) -> None:
    whole, other = image(1, 2, 1, 8, 9), image(1, 2, 1, 8, 9) + 1
    blocks = [(name, c, 0, c, 0) for name in ("a.ome.tif", "b.ome.tif") for c in range(2)]
    described = make.image_xml(0, whole, blocks)
    files = [
        make.write(tmp_path / name, list(pixels[0, :, 0]), make.xml(name, described))
        for name, pixels in {"a.ome.tif": whole, "b.ome.tif": other}.items()
    ]
    one, two = rows(*files)
    assert np.array_equal(one["image_array"], whole[0, :, 0])
    assert np.array_equal(two["image_array"], other[0, :, 0])


@pytest.mark.parametrize("companion", ["set.companion.ome", "s_t0.ome.tif"])
def test_metadata_that_stand_in_another_file_are_read_from_there(tmp_path: Path, companion: str) -> None:
    whole = image()
    files = make.names_by("t", whole)
    described = make.xml("", make.image_xml(0, whole, [b for blocks in files.values() for b in blocks]))
    written = []
    for name, blocks in files.items():
        own = described.replace("<OME ", f'<OME UUID="{make.uuid(name)}" ')
        text = own if name == companion else make.binary_only(name, companion)
        written.append(make.write(tmp_path / name, [whole[b[2:]] for b in blocks], text))
    if companion.endswith(".ome"):
        (tmp_path / companion).write_text(described, "utf-8")
    (row,) = rows(*written)
    assert np.array_equal(row["image_array"], whole)
    (_, lead), _ = scans(written, tmp_path)
    expected = {"s_t1.ome.tif", companion} - {"s_t0.ome.tif"}
    assert {member.path for member in lead.members} == expected


def test_a_missing_companion_is_an_error_that_names_it(tmp_path: Path) -> None:
    whole = image(1, 1, 1, 8, 9)
    file = make.write(
        tmp_path / "a.ome.tif", [whole[0, 0, 0]], make.binary_only("a.ome.tif", "all.companion.ome")
    )
    with pytest.raises(SourceError, match=r"all\.companion\.ome.* is missing"):
        scan(file)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The lead of a set of two time points, with something of its XML replaced."""
    whole = image(2, 1, 1, 8, 9)
    blocks = [(f"{n}.ome.tif", 0, t, 0, 0) for t, n in enumerate("ab")]
    for t, name in enumerate("ab"):
        described = make.xml(f"{name}.ome.tif", make.image_xml(0, whole, blocks))
        assert old in described
        make.write(tmp_path / f"{name}.ome.tif", [whole[t, 0, 0]], described.replace(old, new))
    return tmp_path / "a.ome.tif"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('SizeT="2"', 'SizeT="3"', "1 of the image's 3 planes are missing"),
        ('FirstT="1"', 'FirstT="0"', "two pages on one plane"),
        ('FirstT="1"', 'FirstT="7"', "outside of the image"),
        ('IFD="0" FirstT="1"', 'IFD="4" FirstT="1"', "page 5 of b.ome.tif should hold a plane, but it has 1"),
        ('SizeX="9"', 'SizeX="8"', "planes of 8 x 8 pixels, but they have 8 x 9"),
        ('DimensionOrder="XYZCT"', 'DimensionOrder="XYC"', "order of axes"),
        ('SizeZ="1"', 'SizeZ="0"', "make no sense"),
        ('SizeZ="1"', "", "lacks the size"),
        (' FileName="b.ome.tif"', "", "does not name"),
    ],
)
def test_xml_that_contradicts_the_files_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        scan(changed(tmp_path, old, new))


@pytest.mark.parametrize("other", [(6, 9), (8, 9, 3)])
def test_a_member_of_another_shape_is_refused(tmp_path: Path, other: tuple[int, ...]) -> None:
    lead = changed(tmp_path, "<OME", "<OME")
    make.write(tmp_path / "b.ome.tif", [pixels(other)], "")
    with pytest.raises(SourceError, match=r"put both into one image") as caught:
        scan(lead)
    assert caught.value.where == "b.ome.tif"


def test_a_cut_member_is_refused_under_its_name(tmp_path: Path) -> None:
    lead = changed(tmp_path, "<OME", "<OME")
    member = tmp_path / "b.ome.tif"
    content = member.read_bytes()
    for length in range(0, len(content), 37):
        member.write_bytes(content[:length])
        with pytest.raises(SourceError) as caught:
            scan(lead)
        assert "b.ome.tif" in str(caught.value)


def test_a_member_that_is_no_member_by_its_own_account_is_refused(tmp_path: Path) -> None:
    lead = changed(tmp_path, "<OME", "<OME")
    plain = make.write(tmp_path / "b.ome.tif", [pixels((8, 9))], "")
    with pytest.raises(SourceError, match="an image of its own too") as caught:
        rows(lead, plain)
    assert "exclude" in caught.value.fix
    assert len(rows(lead, exclude=("b*",))) == 1


def test_a_lead_that_does_not_name_a_file_that_names_it_is_refused(tmp_path: Path) -> None:
    lead = changed(tmp_path, "<OME", "<OME")
    make.write(lead, [pixels((8, 9))], "")
    with pytest.raises(SourceError, match="does not say so") as caught:
        rows(lead, tmp_path / "b.ome.tif")
    assert caught.value.where == "b.ome.tif"


def test_pages_of_members_that_no_image_uses_are_told(tmp_path: Path) -> None:
    whole = image(3, 1, 1, 8, 9)
    files = make.spread(tmp_path, whole)
    described = tifffile.tiffcomment(files[1])
    make.write(files[1], [whole[1, 0, 0], whole[0, 0, 0]], described)
    assert scan(files[0]).warnings == (
        "s_t0.ome.tif: its metadata put no image on page 2 of s_t1.ome.tif: left out",
    )


def test_a_member_of_another_export_is_told(tmp_path: Path) -> None:
    whole = image(2, 1, 1, 8, 9)
    files = make.spread(tmp_path, whole)
    described = tifffile.tiffcomment(files[1]).replace(
        f'UUID="{make.uuid(files[1].name)}"', 'UUID="urn:uuid:1"'
    )
    make.write(files[1], [whole[1, 0, 0]], described)
    (warning,) = scan(files[0]).warnings
    assert warning.startswith("s_t0.ome.tif: s_t1.ome.tif has another UUID")


def test_the_limit_is_that_of_the_whole_set_or_of_a_plane(tmp_path: Path) -> None:
    files = make.spread(tmp_path, image(), "t")
    whole = 2 * 3 * 2 * 8 * 9 * 2
    scan(files[0], max_image_bytes=whole)
    with pytest.raises(SourceError, match="more than the limit") as caught:
        scan(files[0], max_image_bytes=whole - 1)
    assert "rows: plane" in caught.value.fix and "--max-image-bytes" in caught.value.fix
    scan(files[0], max_image_bytes=8 * 9 * 2, rows="plane")


def test_the_levels_of_a_sets_pyramid_are_listed(tmp_path: Path) -> None:
    stack = image(3, 2, 1, 32, 48)
    files = make.pyramids(tmp_path, stack)
    (row, *_) = rows(*files)
    assert row["shape"] == [3, 2, 32, 48] and np.array_equal(row["image_array"], stack[:, :, 0])
    assert json.loads(row["metadata"])["levels"] == [[3, 2, 32, 48], [3, 2, 16, 24], [3, 2, 8, 12]]
    planes = rows(*files, rows="plane")
    assert len(planes) == 6
    assert json.loads(planes[5]["metadata"])["levels"] == [[3, 2, 32, 48], [3, 2, 16, 24], [3, 2, 8, 12]]


@pytest.mark.parametrize("positions", [False, True])
def test_the_xml_of_a_set_is_parsed_once(tmp_path: Path, positions: bool) -> None:
    stack = image(30, 1, 1, 8, 9)
    if positions:
        names = [f"p{i}.ome.tif" for i in range(30)]
        described = [
            make.image_xml(i, stack[i : i + 1], [(name, 0, 0, 0, 0)]) for i, name in enumerate(names)
        ]
        files = [
            make.write(tmp_path / name, [stack[i, 0, 0]], make.xml(name, *described))
            for i, name in enumerate(names)
        ]
    else:
        files = make.spread(tmp_path, stack)
    before = ome_index._index.cache_info().misses
    found = rows(*files)
    assert ome_index._index.cache_info().misses == before + 1
    assert len(found) == (30 if positions else 1)
    if positions:
        assert all(np.array_equal(row["image_array"], stack[i, 0, 0]) for i, row in enumerate(found))
        assert json.loads(found[7]["metadata"])["ome"]["Name"] == "i7"
