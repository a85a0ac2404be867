"""A file's evidence is small, and adds up to what all files together show."""

from __future__ import annotations

import json
from pathlib import Path

import make_text


def test_the_evidence_of_a_wide_file_is_a_few_kilobytes_of_json(tmp_path: Path) -> None:
    names = [f"Cells_Feature_{i}" for i in range(600)]
    rows = "".join(",".join(f"{i * 0.731 + row:.4g}" for i in range(600)) + "\n" for row in range(5))
    source = make_text.file(tmp_path, "wide.csv", ",".join(names) + "\n" + rows)
    evidence = make_text.scan(source, make_text.resource()).evidence
    assert len(json.dumps(dict(evidence))) < 12_000


def test_files_with_other_columns_in_another_order_add_up_by_name(tmp_path: Path) -> None:
    files = [
        make_text.file(tmp_path, name, content)
        for name, content in {
            "a.csv": "x,y\n1,b\n",
            "b.csv": "y,z,x\nc,,2.5\n",
            "c.csv": "z,x\n-5,x7\n",
        }.items()
    ]
    decision = make_text.decide(make_text.resource(), *files)
    assert {column.name: column.why for column in decision.tables[0].columns} == {
        "x": "text, because 1 value is not a number, first `x7` at c.csv:2",
        "y": "text, because 2 values are not numbers, first `b` at a.csv:2",
        "z": "int64, because its one value is a whole number",
    }
