"""Functions for `derive`, written beside a manifest, and manifests that use them. Each call leaves a line in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import make

FUNCTIONS = """
from pathlib import Path

import numpy as np

CALLS = Path(__file__).resolve().parent.parent / "calls"


def called(name):
    with open(CALLS, "a") as file:
        file.write(f"{name}\\n")


def mean(image, times=1):
    called("mean")
    return float(image.mean()) * times


def doubled(image):
    called("doubled")
    return image.astype("uint32") * 2


def span(image):
    called("span")
    return int(image.min()), int(image.max())


def cut(image):
    called("cut")
    return [{"crop": image[:2, :3], "brightest": int(image[:2, :3].max())} for _ in range(int(image[0, 0]) % 3)]


def label(crop):
    called("label")
    return {"label": f"{crop.shape[0]}x{crop.shape[1]}", "scores": [float(crop.mean()), None]}


def density(count, area):
    called("density")
    return count / area if isinstance(count, int) and area else None


def noisy(image, rng):
    called("noisy")
    return image + rng.integers(0, 5, image.shape).astype(image.dtype)


class Mean:
    def __init__(self, times=1):
        called("made")
        self.times = times

    def __call__(self, images):
        called("batch")
        return [self.times * float(image.mean()) for image in images]
"""

DERIVE = """derive:
  - {table: frames, column: mean, function: "f.py:mean", args: {times: 2}, input: image_array, output: float32}
  - {table: frames, column: doubled, function: "f.py:doubled", input: image_array, output: image}
  - {table: frames, column: [low, high], function: "f.py:span", input: doubled, output: [uint32, uint32]}
  - {table: frames, into: crops, function: "f.py:cut", input: doubled, output: {crop: image, brightest: int64}}
  - table: crops
    column: label
    function: f.py:label
    input: crop
    output: "struct<label: string, scores: list<float64>>"
  - {table: wells, column: density, function: "f.py:density", input: [Count, Area], output: float64}
"""


def functions(folder: Path, more: str = "") -> Path:
    """The functions, as ``f.py`` in a folder."""
    return make.text(folder / "f.py", FUNCTIONS + more)


def manifest(path: Path, derive: str = DERIVE) -> Path:
    """A manifest with entries of `derive` behind its resources."""
    text = path.read_text("utf-8").partition("derive:")[0]
    return make.text(path, text + derive)


def calls(folder: Path) -> Counter[str]:
    """How often each function was called since this was asked for the last time; `folder` holds the data."""
    file = folder.parent / "calls"
    found = Counter(file.read_text().split()) if file.exists() else Counter[str]()
    file.unlink(missing_ok=True)
    return found


def tree(package: Path) -> Mapping[str, bytes]:
    """Every file of a package but what a build that did not end well leaves for the next one."""
    return {
        name: content for name, content in make.tree(package).items() if ".building-finished/" not in name
    }
