"""The worked examples of `derive` do on the sample screen what their comments say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import make
import numpy as np
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


def test_resnet50_without_torch_names_what_to_install(tmp_path: Path) -> None:
    gone = "import sys; sys.modules['torch'] = None; sys.path.insert(0, sys.argv[1]); import resnet50; "
    done = subprocess.run(
        [sys.executable, "-c", gone + "resnet50.ResNet50('w', 'l')", MANIFESTS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "pip install 'lance-datapkg[torch]'" in done.stderr
