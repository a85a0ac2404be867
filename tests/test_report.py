"""The report that a build prints."""

from __future__ import annotations

from datapkg.report import Report, SourcesReport, TableReport, size

IMAGES = TableReport("frames", "images", 48, 26, 48, {"image_bytes": 795_100, "image_array": 2_900_000}, True)
WELLS = TableReport("wells", "table", 96, 7, 1, {}, False)


def report(**changes: object) -> Report:
    values = {
        "package": "screen.datapkg",
        "name": "screen",
        "version": 2,
        "release": "1.0.0",
        "created": True,
        "digest": "ab" * 32,
        "tables": (WELLS, IMAGES),
        "sources": SourcesReport(49, 2_100_000, 1),
        "stored_bytes": 4_000_000,
        "warnings": (),
        "seconds": 2.34,
    }
    return Report(**(values | changes))  # type: ignore[arg-type]


def test_it_says_what_a_biologist_asks() -> None:
    assert str(report()).splitlines() == [
        "screen.datapkg: version 2 (release 1.0.0) of screen",
        "",
        "table   kind    rows  columns  files",
        "wells   table     96        7      1  as before",
        "frames  images    48       26     48",
        "",
        "images    795.1 KB as files (keep: bytes) + 2.9 MB as pixels (keep: array); `array: packed` would compress the "
        "pixels without loss",
        "sources   49 files, 2.1 MB (1 unchanged)",
        "stored    4.0 MB",
        "time      2.3 s",
        "digest    " + "ab" * 32,
    ]


def test_it_says_what_packing_saves_and_where_it_could() -> None:
    packed = {"image_array": 600_000, "image_array_unpacked": 2_900_000}
    table = TableReport("frames", "images", 48, 26, 48, packed, True)
    (line,) = [one for one in str(report(tables=(table,))).splitlines() if one.startswith("images")]
    assert line == "images    600.0 KB as packed pixels (array: packed), 2.9 MB unpacked"
    (line,) = [one for one in str(report(tables=(table, IMAGES))).splitlines() if one.startswith("images")]
    assert line.endswith(
        "795.1 KB as files (keep: bytes) + 2.9 MB as pixels (keep: array) + 600.0 KB as packed pixels (array: packed), "
        "2.9 MB unpacked; `array: packed` would compress the other pixels without loss"
    )


def test_a_build_that_changed_nothing_says_so() -> None:
    assert str(report(created=False)).startswith("screen.datapkg: nothing changed; version 2 (release 1.0.0)")


def test_many_warnings_are_counted() -> None:
    text = str(report(warnings=tuple(f"file {i} is odd" for i in range(60))))
    assert "warning   file 49 is odd" in text
    assert "file 50 is odd" not in text
    assert "and 10 more" in text


def test_as_json_is_plain_values() -> None:
    import json

    assert json.loads(json.dumps(report().as_json()))["tables"][1]["image_bytes"]["image_array"] == 2_900_000


def test_sizes_are_read_as_people_write_them() -> None:
    assert [size(n) for n in (0, 999, 1000, 10**9, 10**15, 10**19)] == [
        "0 B",
        "999 B",
        "1.0 KB",
        "1.0 GB",
        "1.0 PB",
        "10000.0 PB",
    ]
