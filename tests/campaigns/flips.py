"""Every changed bit, cut and lost file of a package is found, and none gives a wrong value through a verified read.

Positions are drawn from a seed over all files that a version uses, each file with the same chance, so that small ones
(records, the engine's manifests) are not left out.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import make
import make_ch5

import datapkg
from datapkg import versions
from datapkg.errors import DatapkgError
from datapkg.places import Folder

SEED = 5


@dataclass(frozen=True)
class Harm:
    """One change of one file: a flipped bit, a cut (bit is None), or its removal (`at` is None)."""

    file: str
    at: int | None
    bit: int | None

    def apply(self, content: bytes) -> bytes | None:
        if self.at is None:
            return None
        if self.bit is None:
            return content[: self.at]
        return content[: self.at] + bytes([content[self.at] ^ 1 << self.bit]) + content[self.at + 1 :]


def package(folder: Path) -> Path:
    """A package of two versions of text, a movie, and images: files, pixels of one shape and of several, packed."""
    manifest = make.folder(folder)
    data = manifest.parent
    for seed, shape in enumerate([(5, 7), (3, 4)]):
        make.tiff(data / "ragged" / f"{seed}.tif", make.image(seed, shape, "uint8"))
    make_ch5.movie(data / "movie.ch5", frames=2)
    manifest.write_text(
        manifest.read_text()
        + '  - {name: ragged, path: "ragged/*.tif", keep: array}\n'
        + '  - {name: packed, path: "images/**/*.tif", keep: array, array: packed}\n'
        + '  - {name: files, path: "ragged/*.tif", keep: bytes}\n'
        + "  - {name: movies, path: movie.ch5}\n"
    )
    make.build(manifest, folder / "p")
    make.text(data / "wells.csv", "Well,Count\nB02,1\nB03,2\n")
    make.build(manifest, folder / "p")
    return folder / "p"


def used(package: Path) -> list[str]:
    """All files that a version uses."""
    found = {f"releases/{name}.json" for name in versions.release_names(Folder(package))}
    for record in versions.all_records(Folder(package)):
        found |= {f"versions/{record.version}.json", f"versions/{record.version}.files.json"}
        listed = versions.read_files(Folder(package), record).files
        found |= {path for files in listed.values() for _, path, _, _ in files}
    return sorted(found)


def flips(package: Path, count: int, seed: int = SEED) -> Iterator[Harm]:
    """Single bits at random places."""
    rng = random.Random(seed)
    files = used(package)
    for _ in range(count):
        file = rng.choice(files)
        yield Harm(file, rng.randrange((package / file).stat().st_size), rng.randrange(8))


def cuts(package: Path) -> Iterator[Harm]:
    """Each file cut at its middle, by one byte and to nothing, and removed.

    The removal of a release file is not claimed to be noticed.
    """
    for file in used(package):
        size = (package / file).stat().st_size
        yield from (Harm(file, at, None) for at in (0, size // 2, size - 1))
        if not file.startswith("releases/"):
            yield Harm(file, None, None)


Values = dict[tuple[int, str, str], Any]


def values(
    package: Path, tables: set[str] | None = None, *, verify: bool = True
) -> Iterator[tuple[Any, Any]]:
    """What a user reads of both versions, in every way; a table that cannot be read gives its error."""
    for version in (1, 2):
        try:
            opened = datapkg.open(package, version=version, verify=verify)
        except DatapkgError as error:
            yield (version, "", ""), error
            continue
        for name in opened.tables if tables is None else tables & set(opened.tables):
            table = opened[name]
            ways = {"rows": lambda table=table: table.to_arrow().to_pylist()}
            images = [c.name for c in table.record.columns if c.image]
            if images or "image_bytes" in table.columns:
                ways["images"] = lambda table=table: [i.tobytes() for i in table.images(range(len(table)))]
            for column in [*images, *({"image_bytes"} & set(table.columns))]:
                ways[column] = lambda table=table, column=column: table.to_arrow([column]).to_pylist()
            for way, read in ways.items():
                try:
                    yield (version, name, way), read()
                except DatapkgError as error:
                    yield (version, name, way), error


def outcome(package: Path, harm: Harm, expected: Values) -> str:
    """Do harm, verify and read, and undo it: what went wrong, or nothing."""
    path = package / harm.file
    content = path.read_bytes()
    harmed = harm.apply(content)
    path.unlink()
    if harmed is not None:
        path.write_bytes(harmed)
    try:
        found = datapkg.verify(package)
        if not any(fault.file == harm.file for fault in found.found):
            return f"{harm} was not found: {found}"
        table = harm.file.partition(".lance/")[0] if ".lance/" in harm.file else ""
        for place, value in values(package, {table} if table else None):
            if not isinstance(value, DatapkgError) and value != expected[place]:
                return f"{harm} gave another value of {place}"
    finally:
        path.write_bytes(content)
    return ""


def main(count: int = 2000) -> int:
    """Run `count` flips, and each cut and removal; print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        target = package(Path(folder))
        expected = dict(values(target))
        assert not any(isinstance(value, DatapkgError) for value in expected.values())
        wrong, done = [], Counter[str]()
        for kind, harms in (("flips", flips(target, count)), ("cuts and removals", cuts(target))):
            for harm in harms:
                wrong += [said] if (said := outcome(target, harm, expected)) else []
                done[kind] += 1
        assert datapkg.verify(target, deep=True).ok
    for said in wrong:
        print(said)
    print(
        f"{done['flips']} flips, {done['cuts and removals']} cuts and removals: {len(wrong)} not noticed or wrong"
    )
    return 1 if wrong else 0
