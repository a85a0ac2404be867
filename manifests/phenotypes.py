"""Functions of `phenotypes.yaml`: blurred JPEG files, cells that are classified by their images, and by their features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.filters import threshold_otsu
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from datapkg import functions

PHENOTYPE = "Mitocheck_Phenotypic_Class"
BOX = "Nuclei_AreaShape_BoundingBox"
MARGIN = 4
BEST = 5
Image = NDArray[Any]


def in_colours(content: bytes) -> Image:
    """An image file as 8-bit pixels of three channels."""
    image = functions.contrast(functions.decode(content))
    return np.stack([image] * 3, axis=-1)


in_colours.output = "image"


def cells(image: Image, channel: str, nuclei: str = "H2B") -> list[dict[str, Any]]:
    """One row for each nucleus in an image of the channel of nuclei; none for other channels."""
    if channel != nuclei:
        return []
    labels = image[..., 0] > threshold_otsu(image[..., 0])
    found = functions.region_crops(np.moveaxis(image, -1, 0), labels, MARGIN)
    return [{"label": one["label"], "crop": np.moveaxis(one["crop"], 0, -1)} for one in found]


def prepared(
    image: Image, channels: int, height: int, shape: Sequence[int], order: Sequence[int]
) -> Image | None:
    """An image as a network wants it; None for images with fewer channels or lines."""
    if image.ndim != 3 or image.shape[-1] < channels or image.shape[0] < height:
        return None
    return functions.resize(functions.channels(image, order), shape)


def drawn(image: Image | None, best: Any) -> Image | None:
    """The image with its labels."""
    return None if image is None else functions.captions(image, best)


class Classifier:
    """Five best phenotypes of an image of a cell; fitted once in each worker."""

    def __init__(self, features: str, images: str) -> None:
        table = pd.read_csv(features)
        pictures, names = [], []
        for _, cell in table.iterrows():
            name = cell["Image_FileName_H2B"]
            whole = in_colours(Path(images, cell["Metadata_Plate"], name).read_bytes())
            x0, x1, y0, y1 = (
                int(cell[f"{BOX}{side}"]) for side in ("Minimum_X", "Maximum_X", "Minimum_Y", "Maximum_Y")
            )
            cut = whole[max(0, y0 - MARGIN) : y1 + MARGIN, max(0, x0 - MARGIN) : x1 + MARGIN]
            pictures.append(_small(cut))
            names.append(cell[PHENOTYPE])
        self._model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(pictures, names)

    def __call__(self, images: Sequence[Image | None]) -> list[list[dict[str, Any]] | None]:
        there = [_small(image) for image in images if image is not None]
        rows = iter(self._model.predict_proba(there) if there else ())
        return [None if image is None else _best(self._model.classes_, next(rows)) for image in images]


class Phenotypes:
    """The phenotype of an object and the probability of each, by logistic regression on its features."""

    def __init__(self, features: str, columns: Sequence[str], phenotype: str = PHENOTYPE) -> None:
        table = pd.read_csv(features).dropna(subset=[*columns, phenotype])
        self._model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        self._model.fit(table[list(columns)].to_numpy(), table[phenotype])

    def __call__(self, *columns: Sequence[float | None]) -> list[tuple[str, list[Mapping[str, Any]]] | None]:
        values = np.column_stack([np.array(one, float) for one in columns])
        whole = np.isfinite(values).all(axis=1)  # of an object without a feature nothing is said
        rows = iter(self._model.predict_proba(values[whole]) if whole.any() else ())
        return [self._told(next(rows)) if there else None for there in whole]

    def _told(self, row: NDArray[np.float64]) -> tuple[str, list[Mapping[str, Any]]]:
        classes = self._model.classes_
        return str(classes[row.argmax()]), [*_best(classes, row, len(classes))]


def _small(image: Image) -> NDArray[np.float64]:
    return functions.resize(image.mean(axis=-1), [12, 12]).ravel()


def _best(classes: Sequence[str], scores: NDArray[np.float64], number: int = BEST) -> list[dict[str, Any]]:
    order = np.argsort(-scores, kind="stable")[:number]
    return [{"label": str(classes[at]), "score": float(np.float32(scores[at]))} for at in order]
