"""Find pictures in HTML, and HTML in what a browser draws."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

PNG = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
LIMIT_S = 120


def pictures(html: str) -> list[NDArray[np.uint8]]:
    """The pictures that HTML holds."""
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in PNG.findall(html)]


def screenshot(html: str, folder: Path, size: tuple[int, int] = (1200, 900)) -> NDArray[np.uint8]:
    """What Chromium draws of HTML, as (y, x, 3). Without Chromium the test is skipped, but in CI it fails."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        reason = "there is no Chromium to draw the page: on Debian, apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    page, picture = folder / "page.html", folder / "page.png"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{html}</body>', "utf-8")
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}"]
    command += ["--force-device-scale-factor=1", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True)
    return np.asarray(Image.open(picture).convert("RGB"))


def places(part: NDArray[Any], page: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Where a page shows exactly this picture: y and x of its top left."""
    part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=2)
    height, width = part.shape[:2]
    starts = np.lib.stride_tricks.sliding_window_view(page, (1, 12, 3))[:, :, 0]
    rows = (starts[:, :, 0] == part[0, :12]).all(axis=(2, 3))
    return [
        (int(y), int(x))
        for y, x in np.argwhere(rows)
        if np.array_equal(page[y : y + height, x : x + width], part)
    ]
