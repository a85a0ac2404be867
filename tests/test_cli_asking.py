"""`datapkg sql`."""

from __future__ import annotations

import json
from pathlib import Path

import make
import pytest
from typer.testing import CliRunner

from datapkg.cli import app, main


def ask(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["sql", *map(str, arguments)])
    return done.exit_code, done.output


def test_rows_are_printed_as_a_table_without_a_pixel(package: Path) -> None:
    code, text = ask(package, "select Well, image_array from frames order by path")
    assert code == 0
    assert text.splitlines() == [
        "Well image_array",
        " A01  uint16 6x8",
        " A02  uint16 6x8",
        " A01  uint16 6x8",
    ]


def test_only_the_first_rows_are_printed(package: Path) -> None:
    code, text = ask(package, "select * from range(100) r(i)")
    assert code == 0 and len(text.splitlines()) == 42
    assert "more rows" in text and "--output" in text


def test_rows_are_json_for_programs(package: Path) -> None:
    code, text = ask(package, "select Well, Gene from wells order by Well", "--json")
    assert code == 0
    assert [json.loads(line) for line in text.splitlines()] == [
        {"Well": "005", "Gene": "KIF11"},
        {"Well": "042", "Gene": None},
    ]


def test_all_rows_are_written_to_a_file(package: Path, tmp_path: Path) -> None:
    code, text = ask(package, "from wells", "--output", tmp_path / "w.csv")
    assert code == 0 and text == f"wrote 2 rows to {tmp_path / 'w.csv'}\n"
    assert "KIF11" in (tmp_path / "w.csv").read_text("utf-8")


def test_another_version_is_asked_by_its_name(manifest: Path, package: Path) -> None:
    make.text(manifest.parent / "wells.csv", "Well,Gene,Count,Area\n005,AURKB,1,0.5\n")
    make.build(manifest, package)
    asked = "select w.Gene, old.Gene from wells w join wells@1.0.0 old using (Well)"
    assert "AURKB KIF11" in ask(package, asked)[1]
    assert "KIF11" in ask(package, "from wells", "--version", "1")[1]


@pytest.mark.parametrize("query", ["select * from frame", "drop table wells", "selec"])
def test_a_wrong_query_is_one_message(
    query: str, package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["datapkg", "sql", str(package), query])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "fix:" in said and "Traceback" not in said
