"""The simulated screen: its files agree with each other, with the truth, and with a second making."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from make_screen import (
    CHANNELS,
    MANIFESTS,
    SAMPLE,
    features,
    hashes,
    outline_points,
    planes,
    platemap,
    positions,
    rim,
)
from numpy.typing import NDArray
from ruamel.yaml import YAML
from skimage import measure

from datapkg.errors import ExportError
from datapkg.simulate import screen
from datapkg.simulate.__main__ import main
from datapkg.simulate.cells import PHENOTYPES, TREATMENTS, Treatment, colony
from datapkg.simulate.ch5 import Movie
from datapkg.simulate.measure import FEATURE_GROUPS, outline
from datapkg.simulate.measure import measure as measure_nuclei
from datapkg.simulate.render import photograph

SHAPES = {
    "Perimeter": "perimeter",
    "Extent": "extent",
    "Eccentricity": "eccentricity",
    "MajorAxisLength": "axis_major_length",
    "MinorAxisLength": "axis_minor_length",
}


@pytest.fixture(scope="module", params=["sample", "another seed"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "sample":
        return SAMPLE
    made = tmp_path_factory.mktemp("screen")
    screen(made, seed=7, plates=1, wells=4, frames=5, size=(80, 100))
    return made


def test_making_the_sample_again_gives_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datapkg.simulate", str(tmp_path / "again")]
    subprocess.run(command, check=True, cwd=MANIFESTS.parent)
    screen(tmp_path / "and-again")
    assert hashes(tmp_path / "again") == hashes(SAMPLE)
    assert hashes(tmp_path / "and-again") == hashes(SAMPLE)


def test_the_sample_is_small_and_eventful() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 3_000_000
    seen = Counter(row["Mitocheck_Phenotypic_Class"] for row in features(SAMPLE))
    assert set(seen) >= {"Interphase", "Prometaphase", "Metaphase", "Anaphase", "Binuclear", "Apoptosis"}
    assert seen["Anaphase"] >= 4


def test_a_well_and_frame_look_the_same_in_a_screen_of_another_length(tmp_path: Path) -> None:
    screen(tmp_path, frames=2)
    images = {name: sha for name, sha in hashes(tmp_path).items() if name.startswith("images/")}
    assert images.items() <= hashes(SAMPLE).items()
    assert len(images) == 4 * 2 * 2


def test_another_seed_gives_other_images(tmp_path: Path) -> None:
    screen(tmp_path, seed=2, frames=1)
    assert not np.array_equal(planes(tmp_path, "LT0001_02", "C06", 1), planes(SAMPLE, "LT0001_02", "C06", 1))


def test_gzip_headers_hold_no_time_and_no_name() -> None:
    assert (SAMPLE / "features.csv.gz").read_bytes()[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_every_imaged_well_is_in_the_plate_map_once(folder: Path) -> None:
    rows = platemap(folder)
    wells = [(row["Plate"], row["Well"]) for row in rows]
    images = {(path.parent.name, path.name.split("_")[0]) for path in folder.glob("images/*/*.tif")}
    assert len(set(wells)) == len(wells)
    assert set(wells) == images
    assert all(row["Well"] == f"{row['Row']}{int(row['Column']):02}" for row in rows)


def test_the_plate_map_holds_the_traps_of_real_ones() -> None:
    rows = platemap(SAMPLE)
    assert "0004231" in {row["siRNA_ID"] for row in rows}
    assert {row["Gene_Symbol"] for row in rows} >= {"", "SEPT2"}
    assert "" in {row["siRNA_ID"] for row in rows}
    assert len({row["Well"] for row in rows}) < len(rows)


def test_images_are_planes_of_raw_counts_with_ome_metadata(folder: Path) -> None:
    colors = {"H2B": -16776961, "Tub": 16711935}
    for path in folder.glob("images/*/*.tif"):
        channel = path.stem.split("_")[-1]
        with tifffile.TiffFile(path) as tiff:
            assert (tiff.series[0].dtype, tiff.series[0].axes) == (np.dtype("uint16"), "YX")
            assert {tag.name for tag in tiff.pages.first.tags}.isdisjoint({"Software", "DateTime"})
            root = ET.fromstring(tiff.ome_metadata or "")
        pixels = root[0][0]
        assert (pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit")) == ("0.645", "µm")
        assert pixels.get("TimeIncrement") == "900"
        assert (pixels[0].get("Name"), int(pixels[0].get("Color", 0))) == (channel, colors[channel])


def test_movies_hold_the_pixels_of_the_images(folder: Path) -> None:
    for plate, well, position, _ in positions(folder):
        movie = position["image/channel"]
        for time, frame in enumerate(position["image/time_lapse"]["frame"]):
            assert np.array_equal(movie[:, time, 0], planes(folder, plate, well, frame))
        assert len(list(folder.glob(f"images/{plate}/{well}_*.tif"))) == movie.shape[0] * movie.shape[1]
        assert movie.attrs["valid"].tolist() == [1.0] * movie.shape[1]


def test_movies_have_the_pixel_size_of_the_images(folder: Path) -> None:
    for _, _, position, _ in positions(folder):
        sizes = position.file["definition/image/channel"]["voxel_size"]
        assert sizes.tolist() == [[0.645, 0.645, 0.0]] * 2


def test_rows_are_the_objects_of_the_movies_in_order(folder: Path) -> None:
    for _, _, position, rows in positions(folder):
        objects = position["object/primary__primary"]
        assert [int(row["Metadata_Frame"]) - 1 for row in rows] == objects["time_idx"].tolist()
        assert [int(row["ObjectNumber"]) for row in rows] == objects["obj_label_id"].tolist()
        for time, labels in enumerate(position["image/region"][0, :, 0]):
            here = objects["obj_label_id"][objects["time_idx"] == time]
            assert np.unique(labels[labels > 0]).tolist() == here.tolist() == list(range(1, len(here) + 1))
            assert all(measure.label(labels == label, connectivity=1).max() == 1 for label in here)


def test_features_are_what_scikit_image_measures(folder: Path) -> None:
    for plate, well, position, rows in positions(folder):
        for time, labels in enumerate(position["image/region"][0, :, 0]):
            pixels = planes(folder, plate, well, time + 1)
            own = [row for row in rows if int(row["Metadata_Frame"]) == time + 1]
            for row, region in zip(own, measure.regionprops(labels), strict=True):
                inside = labels == region.label
                assert int(row["Nuclei_AreaShape_Area"]) == inside.sum()
                for name, attribute in SHAPES.items():
                    assert float(row[f"Nuclei_AreaShape_{name}"]) == pytest.approx(
                        region[attribute], abs=1e-6
                    )
                turned = float(row["Nuclei_AreaShape_Orientation"]) - region.orientation
                assert np.sin(turned) == pytest.approx(0, abs=1e-6)  # half a turn is the same direction
                assert float(row["Nuclei_Location_Center_Y"]) == pytest.approx(region.centroid[0], abs=1e-6)
                assert float(row["Nuclei_Location_Center_X"]) == pytest.approx(region.centroid[1], abs=1e-6)
                for channel, plane in zip(CHANNELS, pixels, strict=True):
                    name = f"Nuclei_Intensity_{{}}Intensity_{channel}"
                    assert int(row[name.format("Integrated")]) == plane[inside].sum()
                    assert float(row[name.format("Mean")]) == pytest.approx(plane[inside].mean(), abs=1e-6)
                    assert float(row[name.format("Std")]) == pytest.approx(plane[inside].std(), abs=1e-6)
                    limits = int(row[name.format("Min")]), int(row[name.format("Max")])
                    assert limits == (plane[inside].min(), plane[inside].max())


def test_movies_hold_the_features_of_the_table(folder: Path) -> None:
    for _, _, position, rows in positions(folder):
        definition = position.file["definition/feature/primary__primary/object_features"]
        names = [name.decode() for name in definition["name"]]
        group = position["feature/primary__primary"]
        expected = [[float(row[name]) for name in names] for row in rows]
        assert group["object_features"][:].tolist() == expected
        assert names == list(FEATURE_GROUPS)
        angles = [float(row["Nuclei_AreaShape_Orientation"]) for row in rows]
        assert group["orientation"]["angle"].tolist() == angles
        edges = ("Minimum_X", "Maximum_X", "Minimum_Y", "Maximum_Y")
        boxes = [tuple(int(row[f"Nuclei_AreaShape_BoundingBox{edge}"]) for edge in edges) for row in rows]
        assert group["bounding_box"][:].tolist() == boxes
        centers = [tuple(int(float(row[f"Nuclei_Location_Center_{axis}"])) for axis in "XY") for row in rows]
        assert group["center"][:].tolist() == centers


def test_boxes_are_half_open_and_outlines_run_on_the_rim(folder: Path) -> None:
    for _, _, position, _ in positions(folder):
        group = position["feature/primary__primary"]
        objects = zip(
            position["object/primary__primary"], group["bounding_box"], group["crack_contour"], strict=True
        )
        for (time, label), (left, right, top, bottom), contour in objects:
            mask = position["image/region"][0, time, 0] == label
            y, x = np.nonzero(mask)
            assert (left, right, top, bottom) == (x.min(), x.max() + 1, y.min(), y.max() + 1)
            assert set(outline_points(contour)) == rim(mask)


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_an_outline_visits_the_rim_of_any_shape(noise: NDArray[np.bool_]) -> None:
    parts = measure.label(noise, connectivity=1)
    for number in range(1, parts.max() + 1):
        assert set(outline(parts == number)) == rim(parts == number)


def test_tracks_are_the_true_lives_of_the_cells(folder: Path) -> None:
    seed, plates, size = (1, 2, (96, 128)) if folder == SAMPLE else (7, 1, (80, 100))
    count = len(platemap(folder)) // plates
    for number, (_, _, position, rows) in enumerate(positions(folder)):
        place = (seed, number // count, number % count)
        truth = colony(TREATMENTS[number], size, position["image/channel"].shape[1], place)
        cells = [{cell.track + 1: cell for cell in frame} for frame in truth]
        for row in rows:
            cell = cells[int(row["Metadata_Frame"]) - 1][int(row["Nuclei_TrackObjects_Label"])]
            assert row["Mitocheck_Phenotypic_Class"] == cell.phenotype
        tracks = [int(row["Nuclei_TrackObjects_Label"]) for row in rows]
        frames = position["object/primary__primary"]["time_idx"]
        row_of = {
            (int(time), track): row for row, (time, track) in enumerate(zip(frames, tracks, strict=True))
        }
        expected = set()
        for (time, track), index in row_of.items():
            mother = cells[time][track].mother
            before = row_of.get(
                (time - 1, track), row_of.get((time - 1, -1 if mother is None else mother + 1))
            )
            expected |= set() if before is None else {(before, index)}
        edges = position["object/tracking"][:].tolist()
        assert set(edges) == expected
        assert len(edges) == len(expected)


def test_the_table_names_the_parents_that_the_movies_track(folder: Path) -> None:
    for _, _, position, rows in positions(folder):
        parents = {after: rows[before]["ObjectNumber"] for before, after in position["object/tracking"]}
        named = [row["Nuclei_TrackObjects_ParentObjectNumber"] for row in rows]
        assert named == [parents.get(number, "") for number in range(len(rows))]


def test_a_division_makes_two_daughters_and_an_event(folder: Path) -> None:
    divisions = 0
    for _, _, position, rows in positions(folder):
        edges = position["object/tracking"][:].tolist()
        born = Counter(before for before, _ in edges)
        mothers = [mother for mother, count in born.items() if count > 1]
        for mother in mothers:
            daughters = [after for before, after in edges if before == mother]
            assert len(daughters) == 2
            assert rows[mother]["Mitocheck_Phenotypic_Class"] == "Metaphase"
            assert {rows[row]["Mitocheck_Phenotypic_Class"] for row in daughters} == {"Anaphase"}
            assert len({rows[row]["Nuclei_TrackObjects_Label"] for row in (mother, *daughters)}) == 3
        events = position["object/event"][:].tolist()
        assert {(before, after) for _, before, after in events} <= set(edges)
        assert [number for number, _, _ in events] == sorted(number for number, _, _ in events)
        split = Counter((number, before) for number, before, _ in events)
        assert {number: before for (number, before), count in split.items() if count == 2} == dict(
            enumerate(mothers)
        )
        divisions += len(mothers)
    assert divisions >= 2


def test_predictions_are_rows_of_the_class_table(folder: Path) -> None:
    for _, _, position, rows in positions(folder):
        path = "feature/primary__primary/object_classification"
        classes = position.file[f"definition/{path}/class_labels"][:]
        predicted = position[f"{path}/prediction"]["label_idx"]
        probability = position[f"{path}/probability"][:]
        names = [classes["name"][row].decode() for row in predicted]
        assert names == [row["Mitocheck_Phenotypic_Class"] for row in rows]
        assert np.array_equal(probability.argmax(axis=1), predicted)
        assert np.allclose(probability.sum(axis=1), 1.0)
        assert {name.decode() for name in classes["name"]} == set(PHENOTYPES)
        assert classes["label"].tolist() != list(range(1, len(classes) + 1))


def test_movies_have_the_layout_that_cellcognition_writes(shared: Path) -> None:
    def layout(path: Path, well: str) -> dict[str, tuple[str, list[str]]]:
        found: dict[str, tuple[str, list[str]]] = {}

        def add(name: str, item: Any) -> None:
            kind = str(item.dtype) if isinstance(item, h5py.Dataset) else "group"
            found[name.replace(f"experiment/{well}", "experiment/W")] = (kind, sorted(item.attrs))

        with h5py.File(path, "r") as file:
            file.visititems(add)
        return found

    real = layout(shared / "open/ch5/00004_01.ch5", "00004")
    made = layout(SAMPLE / "ch5/LT0001_02/C06_01.ch5", "C06")
    pixels = "sample/0/plate/LT0001_02/experiment/W/position/1/image/channel"
    assert (real.pop(pixels)[0], made.pop(pixels)[0]) == ("uint8", "uint16")
    assert made == {name: kind for name, kind in real.items() if "secondary__expanded" not in name}


def test_a_movie_of_an_empty_well_has_empty_tables(tmp_path: Path) -> None:
    gone = Treatment("", "", "toxic", {("Interphase", "gone"): 1.0})
    movie = Movie(tmp_path / "empty.ch5", "P", "A01", 2, (40, 48))
    for frame, cells in enumerate([(), *list(colony(gone, (40, 48), 2, (1, 0, 0)))[1:]]):
        field = photograph(cells, (40, 48), (1, 0, 0), frame)
        movie.add(field, measure_nuclei(field, {}), np.zeros(0, np.int64))
    movie.close()
    with h5py.File(tmp_path / "empty.ch5", "r") as file:
        position = file["sample/0/plate/P/experiment/A01/position/1"]
        assert position["object/primary__primary"].shape == position["object/tracking"].shape == (0,)
        assert position["feature/primary__primary/object_features"].shape == (0, len(FEATURE_GROUPS))
        assert position["image/region"][:].max() == 0


def test_the_manifests_keys_hold_and_its_paths_match_every_file() -> None:
    manifest = YAML(typ="safe").load(MANIFESTS / "screen.yaml")
    root = MANIFESTS / manifest["root"]
    resources = {entry["name"]: entry for entry in manifest["resources"]}
    matched = [path for entry in resources.values() for path in root.glob(entry["path"])]
    assert sorted(matched) == sorted(path for path in root.rglob("*") if path.is_file())
    frames = [
        dict(
            zip(("Plate", "Well", "Frame"), (p.parent.name, *p.name.split("_")), strict=False),
            file_name=p.name,
        )
        for p in root.glob(resources["frames"]["path"])
    ]
    frames = [{**row, "Frame": str(int(row["Frame"]))} for row in frames]
    tables = {"platemap": platemap(root), "features": features(root), "frames": frames}
    for name in ("platemap", "features"):
        schema = resources[name]["schema"]
        assert {field["name"] for field in schema["fields"]} <= set(tables[name][0])
        keys = [tuple(row[column] for column in schema["primaryKey"]) for row in tables[name]]
        assert len(set(keys)) == len(keys)
        for key in schema.get("foreignKeys", []):
            reference = key["reference"]
            known = {tuple(row[c] for c in reference["fields"]) for row in tables[reference["resource"]]}
            assert {tuple(row[c] for c in key["fields"]) for row in tables[name]} <= known


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match="new or empty folder"):
        screen(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("wrong", [{"wells": 385}, {"frames": 0}, {"size": (96, 8)}, {"seed": -1}])
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ExportError, match="whole number"):
        screen(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_the_command_says_what_is_wrong_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_the_command_takes_a_square_or_height_and_width(tmp_path: Path) -> None:
    options = ["--plates", "1", "--wells", "1", "--frames", "1", "--size"]
    for size, shape in (("40", (40, 40)), ("40x56", (40, 56))):
        assert main([str(tmp_path / size), *options, size]) == 0
        assert tifffile.imread(tmp_path / size / "images/LT0001_02/C06_001_Tub.tif").shape == shape


def test_importing_datapkg_does_not_load_the_simulator() -> None:
    code = "import sys, datapkg; assert 'datapkg.simulate' not in sys.modules and 'numpy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
