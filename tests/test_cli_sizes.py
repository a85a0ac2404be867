"""Sizes on the command line."""

from __future__ import annotations

import pytest
import typer

from datapkg.cli.sizes import byte_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("8GiB", 8 << 30),
        ("8 gib", 8 << 30),
        ("8G", 8 << 30),
        ("8GB", 8 * 10**9),
        ("512MiB", 512 << 20),
        ("1", 1),
        ("10B", 10),
        ("0.5KiB", 512),
        ("2TiB", 2 << 40),
    ],
)
def test_a_size_is_a_number_of_bytes(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "much", "-1", "0", "8 XB", "1e9", "GiB"])
def test_what_is_no_size_says_how_to_write_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="size"):
        byte_count(text)
