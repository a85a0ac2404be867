"""The worked examples of `derive` do on the sample screen what their comments say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import make
import numpy as np
import pandas as pd
import pytest

import datapkg
from datapkg import Package, functions

MANIFESTS = make.PROJECT / "manifests"


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Package]:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(MANIFESTS, folder / "manifests")  # a build writes the lock beside the manifest
    package = folder / "p"
    datapkg.build(folder / "manifests" / "phenotypes.yaml", package, engine="inline")
    yield datapkg.open(package)


def test_blurred_files_are_selected_by_one_query(examples: Package) -> None:
    rows = examples.sql("select image_bytes, blurred from frames where Channel = 'H2B' limit 3").to_arrow()
    for content, blurred in zip(rows["image_bytes"].to_pylist(), rows["blurred"].to_pylist(), strict=True):
        assert blurred[:3] == b"\xff\xd8\xff"
        image = functions.contrast(functions.decode(content))
        smooth = functions.blur(np.stack([image] * 3, axis=-1), [5, 5, 0])
        back = functions.decode(blurred)
        assert back is not None
        assert back.shape == smooth.shape
        assert np.abs(back.astype(int) - smooth).mean() < 3


def test_cells_are_filtered_resized_classified_and_drawn(examples: Package) -> None:
    table = examples["cells"]
    cells = table.to_pandas(["crop", "small", "best", "drawn"], images="array")
    tall = [crop.shape[0] >= 20 for crop in cells.crop]
    assert 0 < sum(tall) < len(tall)
    assert [image is not None for image in cells.small] == tall
    assert {image.shape for image in cells.small if image is not None} == {(224, 224, 3)}
    assert [image is not None for image in cells.drawn] == tall
    for best, small, drawn in zip(cells.best, cells.small, cells.drawn, strict=True):
        if small is None:
            continue
        scores = [one["score"] for one in best]
        assert len({one["label"] for one in best}) == 5
        assert scores == sorted(scores, reverse=True)
        assert 0.5 < sum(scores) <= 1.0001
        assert not np.array_equal(small, drawn)


def test_the_classifier_knows_the_phenotypes_it_was_fitted_to(examples: Package) -> None:
    frame = examples.sql(
        "select predicted, class_name, scores from movies_features_primary__primary as f "
        "join movies_objects as o using (path, object_name, object_index)"
    ).to_pandas()
    assert len(frame) == len(examples["movies_objects"])
    assert (frame.predicted == frame.class_name).mean() > 0.85
    for predicted, scores in zip(frame.predicted, frame.scores, strict=True):
        assert scores[0]["label"] == predicted
        assert sum(one["score"] for one in scores) == pytest.approx(1, abs=1e-5)


OPEN = """name: open
resources:
  - {name: frames, path: examplehuman/*.tif, pattern: "{Field}d{Channel}.tif"}
  - {name: movies, path: "ch5/000*_01.ch5"}
derive:
  - {table: frames, column: pixels, function: "phenotypes.py:in_colours", input: image_bytes}
  - {table: frames, column: smooth, function: "datapkg.functions:blur", args: {sigma: [5, 5, 0]}, input: pixels}
  - {table: frames, column: blurred, function: "datapkg.functions:encode", input: smooth}
  - table: frames
    into: cells
    function: phenotypes.py:cells
    args: {nuclei: "0"}
    input: [pixels, Channel]
    output: {label: int32, crop: image}
  - table: cells
    column: small
    function: phenotypes.py:prepared
    args: {channels: 3, height: 20, shape: [224, 224], order: [2, 1, 0]}
    input: crop
    output: image
  - table: cells
    column: best
    function: phenotypes.py:Classifier
    args: {features: {file: screen/features.csv.gz}, images: {folder: screen/images}}
    input: small
    output: "list<struct<label: string, score: float>>"
  - {table: cells, column: drawn, function: "phenotypes.py:drawn", input: [small, best], output: image}
"""
TAUGHT, TAUGHT_FRAMES = "ch5/00004_01.ch5", 2
MOVIE = """  - table: movies_features_secondary__expanded
    column: [predicted, scores]
    function: phenotypes.py:Phenotypes
    args: {features: {file: known.csv}, columns: [roisize, n2_avg, n2_stddev, eccentricity], phenotype: class_name}
    input: [roisize, n2_avg, n2_stddev, eccentricity]
    output: [string, "list<struct<label: string, score: float>>"]
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Package:
    """The examples on real images and two real movies; known are the classes that a file gives cells of its first frames."""
    folder = tmp_path_factory.mktemp("real")
    shutil.copytree(MANIFESTS, folder / "manifests")
    manifest = make.text(folder / "manifests" / "open.yaml", OPEN)
    datapkg.build(manifest, folder / "p", engine="inline", root=shared / "open")
    cells = classified(datapkg.open(folder / "p"))
    known = cells[(cells.path == TAUGHT) & (cells.t < TAUGHT_FRAMES)]
    known.to_csv(folder / "manifests" / "known.csv", index=False)
    make.text(manifest, OPEN + MOVIE)
    datapkg.build(manifest, folder / "p", engine="inline", root=shared / "open")
    return datapkg.open(folder / "p")


def classified(package: Package) -> pd.DataFrame:
    """The features of the movies' cells, and the class that the files give each: its name, or nothing."""
    return package.sql(
        "select f.*, o.t, o.class_name, o.probabilities from movies_features_secondary__expanded as f "
        "join movies_objects as o using (path, object_name, object_index)"
    ).to_pandas()


def test_real_images_are_blurred_classified_and_drawn(real: Package) -> None:
    test_blurred = real.sql("select image_bytes, blurred from frames").to_arrow()
    for content, blurred in zip(*test_blurred.to_pydict().values(), strict=True):
        image, back = functions.contrast(functions.decode(content)), functions.decode(blurred)
        smooth = functions.blur(np.stack([image] * 3, axis=-1), [5, 5, 0])
        assert back is not None
        assert np.abs(back.astype(int) - smooth).mean() < 3
        assert smooth.std() < image.std()
    cells = real["cells"].to_pandas(["crop", "small", "best", "drawn"], images="array")
    tall = [crop.shape[0] >= 20 for crop in cells.crop]
    assert len(cells) > 100
    assert sum(tall) > 50
    assert [image is not None for image in cells.drawn] == tall
    assert {len(best) for best in cells.best if best is not None} == {5}


def test_cells_of_real_movies_get_the_classes_that_their_files_give_them(real: Package) -> None:
    cells = classified(real)
    assert len(cells) == 111 + 263
    known = (cells.path == TAUGHT) & (cells.t < TAUGHT_FRAMES)
    unseen = cells[~known & cells.class_name.notna()]  # later frames of the movie, and the other one
    assert unseen.class_name.value_counts().to_dict() == {"interphase": 52 + 243, "mitotic": 5}
    assert unseen.predicted.tolist() == unseen.class_name.tolist()
    later = unseen[unseen.path == TAUGHT]
    ours = [{one["label"]: one["score"] for one in scores}["mitotic"] for scores in later.scores]
    theirs = [row[1] for row in later.probabilities]  # in the order of the file's classes
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95
    for predicted, scores in zip(cells.predicted, cells.scores, strict=True):
        assert scores[0]["label"] == predicted
        assert sum(one["score"] for one in scores) == pytest.approx(1, abs=1e-5)


def test_a_grid_shows_every_cell(examples: Package) -> None:
    drawn = examples["cells"].to_pandas(["drawn"], images="array").drawn
    there = [image for image in drawn if image is not None]
    picture = functions.grid(drawn, columns=6, size=64)
    assert picture.shape == (-(-len(there) // 6) * 64, 6 * 64, 3)
    for at, image in enumerate(there):
        tile = picture[at // 6 * 64 :, at % 6 * 64 :][:64, :64]
        np.testing.assert_array_equal(tile, functions.thumbnail(image, 64))
        assert tile.std() > 5


def test_resnet50_gives_the_five_best_labels(tmp_path: Path) -> None:
    """Weights by chance, from a file; the same network, called without datapkg, says the same."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lance-datapkg[torch]'")
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    torch.manual_seed(0)
    network = models.resnet50(num_classes=7).eval()
    for name in ("manifests", "data"):
        (tmp_path / name).mkdir()
    torch.save(network.state_dict(), tmp_path / "manifests" / "resnet50.pth")
    make.text(tmp_path / "manifests" / "labels.txt", "\n".join(f"class {at}" for at in range(7)))
    shutil.copy(MANIFESTS / "resnet50.py", tmp_path / "manifests")
    pictures = [make.image(number, (224, 224, 3), "uint8") for number in range(3)]
    for number, picture in enumerate(pictures):
        make.tiff(tmp_path / "data" / f"{number}.tif", picture, photometric="rgb")
    manifest = make.text(tmp_path / "manifests" / "m.yaml", RESNET50)
    datapkg.build(manifest, tmp_path / "p", engine="inline")
    best = datapkg.open(tmp_path / "p")["photos"].to_arrow(["best"])["best"].to_pylist()
    mean, spread = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
    batch = ((np.stack(pictures) / 255 - mean) / spread).transpose(0, 3, 1, 2).astype("float32")
    with torch.inference_mode():
        scores = network(torch.from_numpy(batch)).softmax(1).numpy()
    for row, found in zip(scores, best, strict=True):
        order = np.argsort(-row)[:5]
        assert [one["label"] for one in found] == [f"class {at}" for at in order]
        np.testing.assert_allclose([one["score"] for one in found], row[order], rtol=1e-4)
    torch.save(models.resnet50(num_classes=7).state_dict(), tmp_path / "manifests" / "resnet50.pth")
    (why,) = datapkg.status(manifest, tmp_path / "p").derived.values()
    assert "the file resnet50.pth" in why


RESNET50 = """name: photos
root: ../data
resources: [{name: photos, path: "*.tif"}]
derive:
  - table: photos
    column: best
    function: resnet50.py:ResNet50
    args: {weights: {file: resnet50.pth}, labels: {file: labels.txt}}
    input: image_array
    output: "list<struct<label: string, score: float>>"
"""


def test_resnet50_without_torch_names_what_to_install(tmp_path: Path) -> None:
    gone = "import sys; sys.modules['torch'] = None; sys.path.insert(0, sys.argv[1]); import resnet50; "
    done = subprocess.run(
        [sys.executable, "-c", gone + "resnet50.ResNet50('w', 'l')", MANIFESTS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "pip install 'lance-datapkg[torch]'" in done.stderr
