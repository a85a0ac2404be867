"""Keys and references are checked over all rows of all files, before anything is published."""

from __future__ import annotations

from pathlib import Path

import make
import pytest

import datapkg
from datapkg.errors import SchemaError

PLATES = 'name: plates, path: "plates/*.csv", schema: {primaryKey: [Plate, Well]}'


def refusal(manifest: Path) -> str:
    """What a build says that must fail, and leaves no trace of."""
    package = manifest.parent / "refused"
    with pytest.raises(SchemaError) as refused:
        make.build(manifest, package)
    assert not package.exists()
    return str(refused.value)


def plates(folder: Path) -> Path:
    """Two plates as two files, where one key stands in both; lines are not rows."""
    make.text(folder / "plates" / "p1.csv", 'Plate,Well,Note\n\nLT1,A01,x\nLT1,C06,"two\nlines"\nLT1,C07,y\n')
    make.text(folder / "plates" / "p2.csv", 'Plate,Well,Note\nLT1,A02,"two\nlines"\nLT1,C06,z\nLT1,C08,\n')
    return make.manifest(folder, PLATES)


def test_a_primary_key_is_checked_over_all_files_and_names_lines(tmp_path: Path) -> None:
    told = refusal(plates(tmp_path))
    assert (
        "primaryKey [Plate, Well]: 2 rows have keys that another row has, "
        "first LT1, C06 at plates/p2.csv:4, which stands at plates/p1.csv:4 too" in told
    )


def test_a_build_that_failed_leaves_the_package_as_it_was_and_the_next_one_works(tmp_path: Path) -> None:
    manifest, package = plates(tmp_path), tmp_path / "p"
    broken = (tmp_path / "plates" / "p2.csv").read_text()
    make.text(tmp_path / "plates" / "p2.csv", broken.replace("C06", "C09"))
    assert make.build(manifest, package).warnings == (
        "1 file has 1 blank lines, which are skipped, first plates/p1.csv",
    )
    before = make.tree(package)
    make.text(tmp_path / "plates" / "p2.csv", broken)
    with pytest.raises(SchemaError):
        make.build(manifest, package)
    assert make.tree(package) == before
    make.text(tmp_path / "plates" / "p2.csv", broken.replace("C06", "C10"))
    assert make.build(manifest, package).version == 2


def test_a_row_without_a_primary_key_is_refused_and_one_without_a_unique_value_is_not(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv", "a,b\n1,x\n,y\n,z\n")
    told = refusal(make.manifest(tmp_path, "name: t, path: t.csv, schema: {primaryKey: a}"))
    assert "primaryKey [a]: 2 rows have no value in `a`, first at t.csv:3" in told
    for schema in ("uniqueKeys: [[a]]", "fields: [{name: a, constraints: {unique: true}}]"):
        make.build(make.manifest(tmp_path, f"name: t, path: t.csv, schema: {{{schema}}}"), tmp_path / "p")


def test_unique_keys_and_unique_columns_are_checked_and_all_broken_ones_are_told(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv.gz.csv", "a,b\n1,x\n1,y\n2,x\n2,y\n1,z\n")
    schema = "uniqueKeys: [[a, b], [b]], fields: [{name: a, constraints: {unique: true}}]"
    told = refusal(make.manifest(tmp_path, f"name: t, path: t.csv.gz.csv, schema: {{{schema}}}"))
    assert "[a, b]" not in told
    assert "uniqueKeys [b]: 4 rows have keys that another row has, first x at t.csv.gz.csv:4" in told
    assert "unique of `a`: 5 rows have keys that another row has" in told
    assert "1 at t.csv.gz.csv:3, which stands at t.csv.gz.csv:2 too; 2 at t.csv.gz.csv:5" in told


def test_a_key_of_a_column_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv", "Plate,Well\nP,A01\n")
    told = refusal(make.manifest(tmp_path, "name: t, path: t.csv, schema: {primaryKey: [Plate, well]}"))
    assert "t has no column 'well'; did you mean 'Well'?" in told


def referring(folder: Path, key: str, rows: str, wells: str = "Well,N\nA01,1\nA02,2\n") -> Path:
    """A table that refers to a table of wells."""
    make.text(folder / "wells.csv", wells)
    make.text(folder / "cells.csv", rows)
    return make.manifest(
        folder,
        f"name: cells, path: cells.csv, schema: {{foreignKeys: [{key}]}}",
        "name: wells, path: wells.csv",
    )


WELL = "{fields: Well, reference: {resource: wells, fields: Well}}"
NUMBER = "{fields: N, reference: {resource: wells, fields: N}}"


def test_values_that_no_row_of_the_other_table_has_are_refused(tmp_path: Path) -> None:
    told = refusal(referring(tmp_path, WELL, "Well\nA01\nB01\n\nB02\nB01\n"))
    assert (
        "foreignKeys [Well] -> wells [Well]: 3 rows have 2 values that no row of wells has, "
        "first B01 at cells.csv:3; B02 at cells.csv:5" in told
    )
    make.build(referring(tmp_path, WELL, "Well,x\nA01,1\n,2\nA02,3\n"), tmp_path / "p")


@pytest.mark.parametrize(
    ("here", "there", "broken"),
    [
        ("1\n2\n", "1.0\n2.5\n", "first 2 at"),
        ("1.0\n2.5\n", "1\n2\n", "first 2.5 at"),
        ("9007199254740993\n", "9007199254740992.0\n0.5\n", "first 9007199254740993 at"),
        ("18446744073709551615\n", "-1\n", "first 18446744073709551615 at"),
        ("-inf\n", "1\n", "first -inf at"),
        ("1\n", "1.0\n0.5\n", ""),
        ("18446744073709551615\n", "18446744073709551615\n", ""),
    ],
)
def test_numbers_of_different_types_are_compared_exactly(
    tmp_path: Path, here: str, there: str, broken: str
) -> None:
    manifest = referring(tmp_path, NUMBER, f"N\n{here}", f"N\n{there}")
    if broken:
        assert broken in refusal(manifest)
    else:
        make.build(manifest, tmp_path / "p")


def test_text_is_not_compared_with_numbers(tmp_path: Path) -> None:
    told = refusal(referring(tmp_path, NUMBER, "N\n005\n"))
    assert "cells.N (text, because 1 value has leading zeros, first `005` at cells.csv:2)" in told
    assert "cannot be compared with wells.N (int64, because its 2 values are whole numbers)" in told
    assert "such as {name: N, type: string}" in told


def test_a_table_may_refer_to_itself_by_an_empty_name(tmp_path: Path) -> None:
    key = "{fields: parent, reference: {resource: '', fields: id}}"
    told = refusal(referring(tmp_path, key, "id,parent\n1,\n2,1\n3,7\n"))
    assert "foreignKeys [parent] -> cells [id]: 1 row has a value that no row of cells has, first 7" in told


def test_several_columns_refer_together_and_a_row_that_lacks_one_is_passed_over(tmp_path: Path) -> None:
    key = "{fields: [W, M], reference: {resource: wells, fields: [Well, N]}}"
    told = refusal(referring(tmp_path, key, "W,M\nA01,1\nA01,2\n,9\nB09,\n"))
    assert "1 row has a value that no row of wells has, first A01, 2 at cells.csv:3" in told


def test_a_table_of_images_can_be_referred_to(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        make.tiff(tmp_path / "images" / name)
    make.text(tmp_path / "profiles.csv", "Image\na.tif\nb.tif\nc.tif\n")
    key = "{fields: Image, reference: {resource: frames, fields: file_name}}"
    manifest = make.manifest(
        tmp_path,
        f"name: profiles, path: profiles.csv, schema: {{foreignKeys: [{key}]}}",
        'name: frames, path: "images/*.tif"',
    )
    assert "no row of frames has, first c.tif at profiles.csv:4" in refusal(manifest)
    make.text(manifest, manifest.read_text().replace("file_name", "image_array"))
    assert "cannot be compared with frames.image_array" in refusal(manifest)


def test_a_table_that_is_taken_over_is_checked_where_the_other_changed(tmp_path: Path) -> None:
    manifest, package = referring(tmp_path, WELL, "Well\nA01\nA02\n"), tmp_path / "p"
    make.build(manifest, package)
    make.text(tmp_path / "wells.csv", "Well,N\nA01,1\n")
    with pytest.raises(SchemaError, match=r"first A02 at cells.csv:3"):
        make.build(manifest, package)
    make.text(tmp_path / "wells.csv", "Well,N\nA02,1\nA01,1\nA03,1\n")
    report = make.build(manifest, package)
    assert [table.written for table in report.tables] == [False, True]
    assert datapkg.open(package).version == 2


def test_odd_column_names_are_keys_too(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv", "a.b,_rowid,A.b\n1,1,1\n1,2,1\n")
    good = make.manifest(tmp_path, 'name: t, path: t.csv, schema: {primaryKey: ["a.b", _rowid]}')
    make.build(good, tmp_path / "p")
    told = refusal(make.manifest(tmp_path, 'name: t, path: t.csv, schema: {uniqueKeys: [["a.b", "A.b"]]}'))
    assert "uniqueKeys [a.b, A.b]: 2 rows" in told


def test_an_undeclared_column_is_held_against_its_limits(tmp_path: Path) -> None:
    make.text(tmp_path / "t.csv", "n,d,big,t\n1,0.5,18446744073709551615,x\n\n2,1.5,1,y\n,,,\n3,nan,2,z\n")

    def told(name: str, limits: str) -> str:
        field = f"{{name: {name}, constraints: {{{limits}}}}}"
        manifest = make.manifest(tmp_path, f"name: t, path: t.csv, schema: {{fields: [{field}]}}")
        if not limits.endswith(" "):
            return refusal(manifest)
        make.build(manifest, tmp_path / "p")
        return ""

    assert "2 values in `n` against its minimum 1.5, first 2" not in told("n", "minimum: 2.5")
    assert "1 value in `n` against its maximum 2, first 3 at t.csv:6" in told("n", "maximum: 2")
    assert "1 value in `d` against its maximum 1, first 1.5 at t.csv:4" in told("d", "maximum: 1")
    assert "first 18446744073709551615 at t.csv:2" in told("big", "maximum: 18446744073709551614")
    assert "3 values in `n` against its maximum -1e+30" in told("n", "maximum: -1.0e+30")
    assert "cannot be held against a column of text, because 3 values are not numbers" in told(
        "t", "minimum: 1"
    )
    assert "1 value in `n` against its exclusiveMaximum 3, first 3" in told("n", "exclusiveMaximum: 3")
    assert "2 values in `n` against its exclusiveMinimum 2, first 1" in told("n", "exclusiveMinimum: 2")
    assert "1 value in `n` against its exclusiveMinimum 1.5" in told("n", "exclusiveMinimum: 1.5")
    assert "1 value in `d` against its exclusiveMinimum 0.5" in told("d", "exclusiveMinimum: 0.5")
    assert "1 value in `d` against its exclusiveMaximum 1.5" in told("d", "exclusiveMaximum: 1.5")
    assert told("n", "exclusiveMinimum: 0, exclusiveMaximum: 4 ") == ""
    assert told("d", "exclusiveMinimum: 0, exclusiveMaximum: 2 ") == ""
    assert told("n", "minimum: 1, maximum: 3 ") == ""
    assert told("n", "maximum: 1.0e+30 ") == ""


def test_what_several_resources_break_is_told_at_once(tmp_path: Path) -> None:
    make.text(tmp_path / "a.csv", "x\n1\n1\n")
    make.text(tmp_path / "b.csv", "x\n2\n\n2\n")
    key = "schema: {primaryKey: x}"
    told = refusal(make.manifest(tmp_path, f"name: a, path: a.csv, {key}", f"name: b, path: b.csv, {key}"))
    assert told.startswith("resources 'a', 'b': rows break")
    assert "a: primaryKey [x]: 2 rows have keys that another row has, first 1 at a.csv:3" in told
    assert "b: primaryKey [x]: 1 row has no value in `x`, first at b.csv:3" in told


def test_tables_without_rows_or_without_any_value_keep_their_keys(tmp_path: Path) -> None:
    make.text(tmp_path / "wells.csv", "x,y\n")
    make.text(tmp_path / "cells.csv", "x,y\n,1\n,2\n")
    schema = "uniqueKeys: [[x]], foreignKeys: [{fields: x, reference: {resource: wells, fields: y}}]"
    make.build(
        make.manifest(
            tmp_path,
            f"name: cells, path: cells.csv, schema: {{{schema}}}",
            "name: wells, path: wells.csv, schema: {primaryKey: [x, y]}",
        ),
        tmp_path / "p",
    )
    make.text(tmp_path / "cells.csv", "x,y\n3,1\n,2\n")
    with pytest.raises(SchemaError, match=r"1 row has a value .* first 3 at cells\.csv:2"):
        make.build(tmp_path / "manifest.yaml", tmp_path / "p")


def test_dates_times_and_booleans_are_keys(tmp_path: Path) -> None:
    make.text(
        tmp_path / "t.csv",
        "d,t,b\n2026-01-05,2026-01-05T10:00:00Z,true\n2026-01-05,2026-01-05T11:00:00+01:00,true\n",
    )
    fields = "fields: [{name: d, type: date}, {name: t, type: datetime}, {name: b, type: boolean}]"
    told = refusal(
        make.manifest(tmp_path, f"name: t, path: t.csv, schema: {{{fields}, primaryKey: [d, t, b]}}")
    )
    assert "2 rows have keys that another row has, first 2026-01-05, 2026-01-05 10:00:00" in told
