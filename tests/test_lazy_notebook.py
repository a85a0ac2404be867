"""A frame at the end of a notebook's cell shows thumbnails; other frames look as they did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from make_pictures import pictures
from test_imports import loaded_after

import datapkg
from datapkg.lazy import notebook


@pytest.fixture
def shell() -> Iterator[SimpleNamespace]:
    """What IPython shows values with."""
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    yield shell
    notebook.unload(shell)
    assert not notebook.BEFORE


def shown(shell: SimpleNamespace, value: object) -> str | None:
    found, _ = shell.display_formatter.format(value)
    text: str | None = found.get("text/html")
    return text


def test_frames_and_columns_of_images_show_thumbnails(shell: SimpleNamespace, package: Path) -> None:
    frame = datapkg.open(package)["frames"].to_pandas()
    assert "<img" not in (shown(shell, frame) or "")
    datapkg.load_ipython_extension(shell)
    assert len(pictures(shown(shell, frame) or "")) == 3
    assert len(pictures(shown(shell, frame["image_array"]) or "")) == 3


def test_other_values_look_as_they_did(shell: SimpleNamespace, package: Path) -> None:
    frame = datapkg.open(package)["wells"].to_pandas()
    before = [shown(shell, value) for value in (frame, frame["Well"], "text")]
    datapkg.load_ipython_extension(shell)
    assert [shown(shell, value) for value in (frame, frame["Well"], "text")] == before
    assert before[0] == frame._repr_html_() and before[1:] == [None, None]


def test_another_library_that_shows_frames_keeps_its_place(shell: SimpleNamespace, package: Path) -> None:
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(pd.DataFrame, lambda frame: f"other {len(frame)}")
    datapkg.load_ipython_extension(shell)
    datapkg.load_ipython_extension(shell)
    pkg = datapkg.open(package)
    assert shown(shell, pkg["wells"].to_pandas()) == "other 2"
    assert "<img" in (shown(shell, pkg["frames"].to_pandas()) or "")
    datapkg.unload_ipython_extension(shell)
    assert shown(shell, pkg["frames"].to_pandas()) == "other 3"


def test_who_wants_text_gets_text(shell: SimpleNamespace, package: Path) -> None:
    datapkg.load_ipython_extension(shell)
    frame = datapkg.open(package)["frames"].to_pandas()
    with pd.option_context("display.notebook_repr_html", False):
        assert shown(shell, frame) is None
    with pd.option_context("display.large_repr", "info", "display.max_rows", 1):
        assert "<img" not in (shown(shell, frame) or "")


def test_outside_of_a_notebook_nothing_is_loaded_for_it(package: Path) -> None:
    code = f"import datapkg; datapkg.open({str(package)!r})['frames'].to_pandas()"
    assert not loaded_after(code) & {"IPython", "matplotlib", "PIL"}
