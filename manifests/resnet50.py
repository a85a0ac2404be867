"""Five best labels of an image by torchvision's ResNet50, for `derive`. Needs ``pip install 'lance-datapkg[torch]'``.

::

    - table: photos
      column: best
      function: resnet50.py:ResNet50
      args: {weights: {file: resnet50.pth}, labels: {file: labels.txt}}
      input: small                       # 224 x 224 x 3, 8 bits
      output: "list<struct<label: string, score: float>>"
      num_gpus: 1
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BEST = 5


class ResNet50:
    """The network with weights from a file (a state dict), and one label a line; loaded once in each worker."""

    def __init__(self, weights: str, labels: str) -> None:
        try:
            import torch
            from torchvision.models import resnet50
        except ImportError:
            raise ImportError("install it with: pip install 'lance-datapkg[torch]'") from None
        self._torch: Any = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._labels = Path(labels).read_text("utf-8").splitlines()
        self._model: Any = resnet50(num_classes=len(self._labels))
        self._model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self._model.eval().to(self._device)

    def __call__(self, images: Sequence[NDArray[np.uint8] | None]) -> list[Any]:
        there = [image for image in images if image is not None]
        if not there:
            return [None] * len(images)
        pixels = (np.stack(there) / 255 - MEAN) / SPREAD
        batch = self._torch.from_numpy(pixels.astype("float32").transpose(0, 3, 1, 2).copy())
        with self._torch.inference_mode():
            scores = self._model(batch.to(self._device)).softmax(1)
        rows = zip(*(one.cpu().numpy() for one in scores.topk(min(BEST, len(self._labels)))), strict=True)
        best = iter([self._told(*row) for row in rows])
        return [None if image is None else next(best) for image in images]

    def _told(self, scores: Any, at: Any) -> list[dict[str, Any]]:
        return [{"label": self._labels[i], "score": float(s)} for s, i in zip(scores, at, strict=True)]
