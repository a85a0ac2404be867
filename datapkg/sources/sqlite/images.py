"""A column of encoded images: each row is an image, as it is in a table of image files.

An image table has columns of its own. What the database says of an image that its bytes may not (its path, pixel
sizes, channel names, metadata) is taken from the row. What the bytes tell themselves is told by them; a column of the
same name that says otherwise stays too, as ``sql_...``, but one that is to prove the pixels must agree with them.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from ...digest import logical
from ...encoding import Layout, layout_of
from ...errors import SchemaError, SourceError
from ...manifest.models import Resource
from ...reading import Reading
from ..base import Column, TableSchema
from ..image_columns import SIZES, image_arrays, image_columns, record_batch
from ..images.format import ImageFile, Row
from ..images.kinds import format_of
from ..images.tables import FILE_COLUMNS, HASH_COLUMNS, PLACE_COLUMNS, why_kinds
from . import types
from .database import Rows, quoted
from .types import Held

PLACE = PLACE_COLUMNS["image"]
TOLD = {
    "path": ("text",), "file_name": ("text",), "axes": ("text",), "metadata": ("text",), "channel_names": ("text",),
    **dict.fromkeys((f"pixel_size_{axis}_um" for axis in "xyz"), ("integer", "real")),
}  # fmt: skip
"""What the database may say of an image, and the classes of values that it says it with."""
COMPARED = ("filesize_bytes", "sha256", "dtype", "shape", *PLACE)
PROOFS = ("image_digest", *SIZES)
STORED = ("image_bytes", "image_array")
RENAME = "rename it in a query: select ... as ..."


class NoMembers:
    """A blob stands alone: it is spread over no other file."""

    def matched(self, path: str) -> bool:
        """No file is a part of it."""
        del path
        return False

    def check(self, path: str) -> None:
        """Refuse to look for another file."""
        raise SourceError("is a part of an image of several files", path, "store the whole image in each row")

    def content(self, path: str) -> memoryview:
        """Refuse to read another file."""
        self.check(path)
        raise AssertionError


@dataclass(slots=True)
class Look:
    """What the headers of all images tell: kinds and their counts, and which columns say otherwise than the bytes."""

    images: Counter[tuple[str, tuple[int, ...]]] = field(default_factory=Counter)
    differs: set[str] = field(default_factory=set)
    warnings: Counter[str] = field(default_factory=Counter)
    skipped: int = 0

    def to_json(self) -> dict[str, Any]:
        """As evidence."""
        kinds = [[dtype, list(shape), count] for (dtype, shape), count in self.images.items()]
        return {"images": kinds, "differs": sorted(self.differs)}


def look(connection: sqlite3.Connection, rows: Rows, reading: Reading, resource: Resource) -> Look:
    """Read the header of every image.

    Raises
    ------
    SourceError
        One is no image that is read, or not whole.
    """
    names = [one.name for one in rows.columns]
    if resource.image not in names:
        return Look()  # another file may have the column; `decide` says so where none has
    said = [name for name in COMPARED if name in names]
    found = Look()
    query = rows.select([quoted(name) for name in (resource.image, *said)])
    for number, (content, *cells) in enumerate(connection.execute(query), 1):
        where = f"{reading.file.path}, row {number}"
        if _missing(content, where, resource):
            found.skipped += 1
            continue
        file = _file(content, where, reading.max_image_bytes)
        told = format_of(file.content, where).look(file)
        found.images.update(told.images)
        found.warnings.update(told.warnings)
        facts = _facts_of(content, told.images) if set(said) - found.differs else {}
        found.differs |= {
            name for name, cell in zip(said, cells, strict=True) if name in facts and facts[name] != cell
        }
    found.warnings = Counter(
        {f"{count:,} images: {text}" if count > 1 else text: count for text, count in found.warnings.items()}
    )
    return found


def decide(resource: Resource, held: Sequence[Held], evidence: Sequence[Mapping[str, Any]]) -> TableSchema:
    """Decide the columns of a table of images.

    Raises
    ------
    SchemaError
        No column holds all images exactly, or a column of the database has a name that means something else.
    """
    where = f"resource {resource.name!r}"
    counts: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for told in evidence:
        for dtype, shape, count in told.get("images", ()):
            counts[dtype, tuple(shape)] += count
    differs = {name for told in evidence for name in told.get("differs", ())}
    columns = list(FILE_COLUMNS)
    for one in held:
        if one.name in TOLD:
            _check_told(one, where)
        elif one.name in STORED and one.name != resource.image:
            raise SchemaError(f"the column {one.name!r} has a name that image tables need", where, RENAME)
        elif one.name != resource.image and (one.name in differs or one.name not in (*COMPARED, *PROOFS)):
            kind, why = types.decide(one, resource.name)
            columns.append(Column(kept_name(one.name), kind, logical(kind), why=why))
    layout = layout_of(resource.array, counts)
    places = [Column(name, pa.int32(), "int32") for name in PLACE]
    columns += [*HASH_COLUMNS, *image_columns(layout, resource.keep, where=places, why=why_kinds(counts))]
    twice = [name for name, count in Counter(one.name for one in columns).items() if count > 1]
    if twice:
        raise SchemaError(f"two columns would be named {twice[0]!r}", where, RENAME)
    return TableSchema(resource.name, "images", tuple(columns))


def kept_name(name: str) -> str:
    """The name of a column of the database in the table.

    Examples
    --------
    >>> kept_name("ra"), kept_name("sha256")
    ('ra', 'sql_sha256')
    """
    return f"sql_{name}" if name in COMPARED else name


def batches(
    connection: sqlite3.Connection,
    rows: Rows,
    reading: Reading,
    resource: Resource,
    table: TableSchema,
    batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Decode the images, and yield rows in batches of about so many bytes of pixels and files."""
    maker = _Maker(rows, reading, resource, table)
    batch: list[_Image] = []
    size = 0
    for number, cells in enumerate(connection.execute(rows.select(maker.selected)), 1):
        for image in maker.images(number, cells):
            batch.append(image)
            size += image.row.pixels.nbytes + len(image.content or b"")
            if size >= batch_bytes:
                yield maker.record_batch(batch)
                batch, size = [], 0
    if batch:
        yield maker.record_batch(batch)


@dataclass(frozen=True, slots=True)
class _Image:
    """One image of a row: the row's number and cells, what was decoded; the bytes for its first image."""

    number: int
    cells: Mapping[str, Any]
    row: Row
    content: bytes | None
    size: int
    sha256: str


class _Maker:
    """Makes rows of a table from rows of a database."""

    def __init__(self, rows: Rows, reading: Reading, resource: Resource, table: TableSchema) -> None:
        self.path, self.most = reading.file.path, reading.max_image_bytes
        self.resource, self.table, self.schema = resource, table, table.arrow()
        self.names = [one.name for one in rows.columns]
        self.selected = [quoted(name) for name in self.names]
        self.layout: Layout | None = next((one.image for one in table.columns if one.image), None)
        self.columns = {one.name: one for one in table.columns}
        self.number = next((name for name in self.names if name.lower() == "id"), None)
        self.of = rows.table or resource.name

    def images(self, number: int, cells: Sequence[Any]) -> Iterator[_Image]:
        """The images of one row."""
        row = dict(zip(self.names, cells, strict=True))
        content, where = row.pop(str(self.resource.image), None), f"{self.path}, row {number}"
        if _missing(content, where, self.resource):
            return
        file, digest = _file(content, where, self.most), hashlib.sha256(content).hexdigest()
        kept: bytes | None = content
        for decoded in format_of(file.content, where).rows(file):
            yield _Image(number, row, self._told(decoded, row, where), kept, len(content), digest)
            kept = None

    def record_batch(self, images: Sequence[_Image]) -> pa.RecordBatch:
        """Rows of the table."""
        made = image_arrays(
            [(one.row.facts, one.row.pixels) for one in images], self.layout, self.resource.keep
        )
        self._check_proofs(images, made)
        made["path"] = pa.array([self._path(one) for one in images])
        made["file_name"] = pa.array(
            [one.cells.get("file_name") or self._path(one).rpartition("/")[2] for one in images]
        )
        made["filesize_bytes"] = pa.array([one.size for one in images], pa.int64())
        made["sha256"] = pa.array([one.sha256 for one in images])
        made["image_bytes"] = pa.array([one.content for one in images], pa.large_binary())
        for at, name in enumerate(PLACE):
            made[name] = pa.array([one.row.place[at] for one in images], pa.int32())
        for name in self.names:
            column = self.columns.get(kept_name(name))
            if column is not None and name not in (*TOLD, *PROOFS, self.resource.image):
                values, numbers = [one.cells[name] for one in images], [one.number for one in images]
                made[column.name] = types.values_of(values, column, numbers, self.path)
        for name in self.schema.names:
            if name not in made:
                made[name] = pa.nulls(len(images), self.schema.field(name).type)
        return record_batch(self.schema, made)

    def _path(self, image: _Image) -> str:
        told = image.cells.get("path")
        if told is not None:
            return str(told)
        number = image.number if self.number is None else image.cells[self.number]
        return f"{self.path}/{self.of}/{image.number if number is None else number}"

    def _told(self, row: Row, cells: Mapping[str, Any], where: str) -> Row:
        """What is decoded, with what the database says of it."""
        said: dict[str, Any] = {
            name: cells[name] for name in TOLD if name in cells and name not in ("path", "file_name")
        }
        axes = said.pop("axes", None)
        if axes is not None and len(axes) == len(row.pixels.shape):
            said["axes"] = axes
        if said.get("channel_names") is not None:
            said["channel_names"] = _channel_names(said["channel_names"], where)
        said |= {
            name: float(value)
            for name, value in said.items()
            if name.startswith("pixel_size") and value is not None
        }
        return replace(row, facts=replace(row.facts, **said)) if said else row

    def _check_proofs(self, images: Sequence[_Image], made: Mapping[str, pa.Array]) -> None:
        for name in PROOFS:
            if name in self.names:
                for one, found in zip(images, made[name].to_pylist(), strict=True):
                    told = one.cells[name]
                    if told is not None and told != found:
                        what = f"the image is not what `{name}` says of it: {told}, but it has {found}"
                        fix = f"get a whole copy of the database, or leave {name} out by a query"
                        raise SourceError(what, f"{self.path}, row {one.number}", fix)


def _missing(content: Any, where: str, resource: Resource) -> bool:
    """Whether a row has no image, where that is allowed."""
    if isinstance(content, bytes) and content:
        return False
    if content is not None and not isinstance(content, bytes):
        what = f"the column {resource.image!r} holds {str(content)[:40]!r}, which is no encoded image but {_kind(content)}"
        raise SourceError(what, where, "name the column that holds the bytes of images")
    if resource.empty == "error":
        fix = f"write `empty: skip`, or leave such rows out by a query: where {resource.image} is not null"
        raise SourceError("has no image", where, fix)
    return True


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "a number"


def _file(content: bytes, where: str, most: int) -> ImageFile:
    return ImageFile(where, memoryview(content), NoMembers(), "image", most)


def _facts_of(content: bytes, images: Mapping[tuple[str, tuple[int, ...]], int]) -> dict[str, Any]:
    """What the bytes tell, as a database has it."""
    facts: dict[str, Any] = {"filesize_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if sum(images.values()) == 1:
        ((dtype, shape),) = images
        return facts | {"dtype": dtype, "shape": json.dumps(list(shape)), "series": 0, "page": 0}
    return facts | {"dtype": None, "shape": None, "series": None, "page": None}


def _channel_names(text: str, where: str) -> tuple[str | None, ...]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(one is None or isinstance(one, str) for one in names):
        raise SourceError(f"`channel_names` is {text[:60]!r}, no JSON list of names", where, RENAME)
    return tuple(names)


def _check_told(held: Held, where: str) -> None:
    wrong = [name for name in held.classes if name not in TOLD[held.name]]
    if wrong:
        what = f"`{held.name}` holds {types.NUMBERS[wrong[0]]}, but in a table of images it is {types.NUMBERS[TOLD[held.name][0]]}"
        raise SchemaError(what, where, RENAME)
