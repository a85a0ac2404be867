"""A package and a table say what is in them."""

from __future__ import annotations

from pathlib import Path

import make

import datapkg


def test_a_package_says_what_is_in_it(package: Path) -> None:
    pkg = datapkg.open(package)
    text, html = repr(pkg), pkg._repr_html_()
    for told in (text, html):
        for part in ("little version 1 (1.0.0)", pkg.digest, "frames", "wells", pkg.uri):
            assert part in told
    rows = [line.split() for line in text.splitlines()]
    assert rows[3] == ["table", "kind", "rows", "columns", "size"]
    assert rows[4][:4] == ["wells", "table", "2", "4"] and rows[4][5] == "KB"
    assert f"{pkg.created:%Y-%m-%d %H:%M} UTC" in html


def test_a_table_says_what_is_in_it(package: Path) -> None:
    wells = datapkg.open(package)["wells"]
    text, html = repr(wells), wells._repr_html_()
    for told in (text, html):
        for part in ("wells", "little version 1 (1.0.0)", "2 rows, 4 columns, ", wells.digest, "Gene"):
            assert part in told
    assert "  Gene: string  # text, because" in text
    assert '<td>Gene</td><td>string</td><td class="datapkg-number">1</td>' in html


def test_names_and_reasons_are_escaped_and_many_columns_cut(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", *(f"c{number}" for number in range(60))]
    values = ["<img src=x onerror=alert(2)>", *("1" for _ in range(60))]
    make.text(tmp_path / "d" / "wide.csv", ",".join(names) + "\n" + ",".join(values) + "\n")
    make.build(make.manifest(tmp_path / "d", "name: wide, path: wide.csv"), tmp_path / "p")
    html = datapkg.open(tmp_path / "p")["wide"]._repr_html_()
    assert "<script" not in html and "<img" not in html
    assert "&lt;script&gt;" in html and "&lt;img src=x" in html
    assert "... and 11 more columns" in html and "c49" not in html


def test_a_package_without_its_list_of_files_still_says_what_is_in_it(package: Path) -> None:
    (package / "versions" / "1.files.json").write_text("{}")
    pkg = datapkg.open(package)
    assert "frames" in repr(pkg) and "frames" in pkg._repr_html_() and "3 rows" in repr(pkg["frames"])
