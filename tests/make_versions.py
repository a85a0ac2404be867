"""A package of three versions, each built upon the one before: rows went, changed and came."""

from __future__ import annotations

from pathlib import Path

import make

import datapkg

TYPED = "{name: U, type: integer}, {name: Day, type: date}, {name: Seen, type: datetime}"
HEADER = "File,Well,well,Cells.Area,U,Day,Seen,Ok,Note\n"


def rows(plate: int, changed: int = 0) -> str:
    """A plate's table: four rows, with values that engines like to differ about."""
    lines = []
    for row in range(4):
        area = ["inf", "-inf", "", f"{plate}.25"][row]
        whole = ["18446744073709551615", "9007199254740993", "", str(plate * 10 + row + changed)][row]
        lines.append(
            f"p{plate:02}_{row}.tif,A{row:02},a{plate},{area},{whole},2024-02-{plate + 1:02},"
            f'2024-02-01T10:00:{plate * 4 + row:02},{"true" if row % 2 else "false"},"it\'s {plate}"'
        )
    return HEADER + "\n".join(lines) + "\n"


def package(folder: Path) -> Path:
    """Build it. The third version has plates 0 (changed), 1, 2 (changed), 4 and 5, in this order; plate 3 is gone."""
    data = folder / "data"
    for plate in range(5):
        plate_files(data, plate)
    manifest = make.manifest(
        data,
        'name: cells, path: "tables/*.csv", schema: {fields: ['
        "{name: Day, type: date}, {name: Seen, type: datetime}],"
        " foreignKeys: [{fields: [File], reference: {resource: frames, fields: [file_name]}}]}",
        'name: frames, path: "images/*.tif", pattern: "p{Plate:d}_{Row:d}.tif"',
        head='version: "1.0.0"\n',
    )
    make.build(manifest, folder / "p")
    plate_files(data, 2, changed=1)
    plate_files(data, 5)
    _named(manifest, "1.0.0", "2.0.0")
    make.build(manifest, folder / "p")
    plate_files(data, 0, changed=2)
    for path in (*data.glob("images/p03_*"), data / "tables" / "p03.csv"):
        path.unlink()
    _named(manifest, "2.0.0", "3.0.0")
    make.build(manifest, folder / "p", allow_removals=True)
    assert not datapkg.open(folder / "p")["cells"].rows.order.physical
    return folder / "p"


def plate_files(data: Path, plate: int, changed: int = 0) -> None:
    """Write the table and the images of one plate."""
    make.text(data / "tables" / f"p{plate:02}.csv", rows(plate, changed))
    for row in range(4):
        pixels = make.image(100 * changed + 10 * plate + row)
        make.tiff(data / "images" / f"p{plate:02}_{row}.tif", pixels)


def _named(manifest: Path, old: str, new: str) -> None:
    manifest.write_text(manifest.read_text("utf-8").replace(old, new), "utf-8")
