"""Missing images, masks, numbers in dictionaries and pages of one number are read as the engine reads them, without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import make
import make_sqlite
import numpy as np
import pyarrow as pa
import pytest
import stores
from costs import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import MOTO
from test_placed import both_ways, kind, loader, noise, same

import datapkg
from datapkg import Table, store
from datapkg.direct import DirectPixels
from datapkg.encoding import decoded, encoded, field_of, layout_of
from datapkg.errors import DamageError
from datapkg.placed import placed_images
from datapkg.places import Folder, Place, place
from datapkg.records import FilesList
from datapkg.rows import RowOrder
from datapkg.store.forms import Forms, as_text, looks, looks_of

Image = np.ndarray | None


def database(path: Path, images: Sequence[Image]) -> Path:
    """A database with images, and rows without one."""
    rows = [
        (at, None if image is None else make_sqlite.encoded(image, "TIFF")) for at, image in enumerate(images)
    ]
    create = "create table frames (id integer primary key, img blob)"
    return make_sqlite.database(path, create, rows=rows, into="frames")


def described(folder: Path, more: str = "") -> Path:
    return make.manifest(folder, f"name: frames, path: in.db, image: img, keep: array{more}")


def built(folder: Path, images: Sequence[Image], more: str = "") -> Table:
    database(folder / "data" / "in.db", images)
    make.build(described(folder / "data", more), folder / "p")
    return datapkg.open(folder / "p")["frames"]


def label(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Regions with numbers, on a ground of zeros: as masks are."""
    rng = np.random.default_rng(seed)
    image = np.zeros(shape, dtype)
    for number in range(1, 6):
        y, x = (int(rng.integers(0, max(size - 9, 1))) for size in shape[:2])
        image[y : y + 9, x : x + 9] = number
    return image


def few(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Doubles of which there are few different ones."""
    return np.random.default_rng(seed).integers(0, 200, shape).astype("float64") / 7


LAYOUTS: dict[str, tuple[str, Callable[[int], Image], str]] = {
    "equal": ("lines, gapped", lambda seed: noise(seed, (60, 80), "uint16"), ""),
    "equal small": ("chunks, coded", lambda seed: noise(seed, (6, 8), "uint16"), ""),
    "heights differ": ("lines, gapped", lambda seed: noise(seed, (60 + seed, 400), "uint16"), ""),
    "widths differ": ("chunks, coded", lambda seed: noise(seed, (60, 80 + seed), "uint16", 11), ""),
    "ranks differ": (
        "lines, gapped",
        lambda seed: noise(seed, ((90, 300), (2, 90, 300))[seed % 2], "uint8"),
        "",
    ),
    "masks": ("chunks, coded", lambda seed: label(seed, (60, 80 + seed), "uint8"), ""),
    "empty masks": ("chunks, coded", lambda seed: np.zeros((60, 80 + seed), "uint8"), ""),
    "truths": ("chunks, coded", lambda seed: label(seed, (60, 80 + seed), "uint8") > 0, ""),
    "labels in doubles": ("chunks, coded", lambda seed: label(seed, (60, 80 + seed), "float64"), ""),
    "few large numbers": (
        "chunks, coded",
        lambda seed: noise(seed, (60, 80 + seed), "int64") << 40,
        "",
    ),
    "some large numbers": (
        "chunks, coded",
        lambda seed: np.resize(np.random.default_rng(seed).permutation(1500) << 50, (60, 80 + seed)),
        "",
    ),
    "few doubles": ("chunks, coded", lambda seed: few(seed, (60, 80 + seed)), ""),
    "packed": ("values, gapped", lambda seed: noise(seed, (60 + seed, 80), "uint16"), ", array: packed"),
    "packed and tiny": (
        "values, gapped",
        lambda seed: noise(seed, (1, 1 + seed), "uint8"),
        ", array: packed",
    ),
    "packed and the same": ("values, gapped", lambda _: np.zeros((40, 50), "uint16"), ", array: packed"),
}
GAPS: dict[str, Callable[[int], bool]] = {
    "none": lambda _: False,
    "first": lambda at: at < 2,
    "middle": lambda at: at in (3, 5),
    "last": lambda at: at > 5,
    "all but one": lambda at: at != 4,
    "all": lambda _: True,
}


def gapped(name: str, gap: str, count: int = 9) -> list[Image]:
    image, missing = LAYOUTS[name][1], GAPS[gap]
    return [None if missing(at) else image(at) for at in range(count)]


class Column:
    """A column of images in a data file that the store wrote, and what a list of files says of it."""

    def __init__(self, folder: Path, images: Sequence[Image], more: str = "") -> None:
        seen = [(image.dtype.name, image.shape) for image in images if image is not None]
        layout = layout_of("packed" if "packed" in more else "nested", seen or [("uint16", (60, 80))])
        fields = [field_of("image_array", layout.arrow_type(), layout)]
        fields += [pa.field("dtype", pa.string()), pa.field("shape", pa.list_(pa.int32()))]
        schema = pa.schema(fields)
        values = encoded(images, layout) if seen else pa.nulls(len(images), layout.arrow_type())
        looks = [(None, None) if one is None else (one.dtype.name, list(one.shape)) for one in images]
        dtypes, shapes = (
            pa.array(one, field.type) for one, field in zip(zip(*looks, strict=True), fields[1:], strict=True)
        )
        batch = pa.RecordBatch.from_arrays([values, dtypes, shapes], schema=schema)
        written = store.write_fragment(Folder(folder), "a", "frames", schema, [batch])
        assert written is not None
        self.place, self.file = Folder(folder).staging("a"), written.files[0]
        self.rows = len(images)
        path = self.file.path
        equal = {
            name: {"dtype": one.dtype, "shape": list(one.shape), "fragments": {"0": [path, *one.places]}}
            for name, one in written.pixels.items()
        }
        self.placed = {name: {"0": {"path": path, **one}} for name, one in written.placed.items()}
        self.files = FilesList(
            1,
            {"frames": [["data", path, self.file.bytes, ""]]},
            {},
            {"frames": equal},
            {"frames": self.placed},
        )

    @property
    def entry(self) -> dict[str, Any]:
        return self.placed["image_array"]["0"]

    def direct(self, lies: Place | None = None) -> Any:
        lies = lies or self.place
        order = RowOrder.of([0, 0, self.rows])
        found = placed_images(lies, self.files, "frames", "image_array", order, str)
        return found or DirectPixels(lies, self.files, "frames", "image_array")

    def engine(self) -> list[Image]:
        """The images as the engine reads them."""
        from lance.file import LanceFileReader

        table = LanceFileReader(str(self.place.local(self.file.path))).read_all().to_table().combine_chunks()
        column, dtypes, shapes = (one.combine_chunks() for one in table.columns)
        return decoded(column, dtypes.to_pylist(), shapes.to_pylist())


def read(direct: Any, rows: Sequence[int]) -> list[Image]:
    found = direct.read(np.array(rows, np.int64))
    assert found is not None
    return list(found)


def alike(found: Sequence[Image], expected: Sequence[Image]) -> None:
    for one, other in zip(found, expected, strict=True):
        same(one, other)


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_images_of_which_some_are_missing_are_as_the_engine_reads_them(
    name: str, gap: str, tmp_path: Path
) -> None:
    expected = gapped(name, gap)
    column = Column(tmp_path, expected, LAYOUTS[name][2])
    alike(column.engine(), expected)
    direct = column.direct()
    for rows in ([8], [0], [3, 4, 5], list(range(9)), [1, 4, 7]):
        alike(read(direct, rows), [expected[row] for row in rows])
        alike(read(column.direct(), rows), [expected[row] for row in rows])
    if gap == "middle":
        assert column.entry["kind"] == LAYOUTS[name][0]


@settings(max_examples=80, deadline=None)
@given(
    shapes=st.lists(st.none() | st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=12),
    dtype=st.sampled_from(
        ["bool", "uint8", "int8", "uint16", "int32", "int64", "uint64", "float32", "float64"]
    ),
    form=st.sampled_from(["noise", "labels", "one number", "some numbers"]),
    array=st.sampled_from(["", "packed"]),
)
def test_any_numbers_and_gaps_are_as_the_engine_reads_them(
    shapes: list[tuple[int, int] | None],
    dtype: str,
    form: str,
    array: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    makers: dict[str, Callable[[int, tuple[int, int]], np.ndarray]] = {
        "noise": lambda seed, shape: noise(seed, shape, dtype),
        "labels": lambda seed, shape: label(seed, shape, dtype),
        "one number": lambda _, shape: np.full(shape, 34, dtype),
        "some numbers": lambda seed, shape: np.resize(np.arange(seed, 1200 + seed), shape).astype(dtype),
    }
    images = [None if shape is None else makers[form](seed, shape) for seed, shape in enumerate(shapes)]
    column = Column(tmp_path_factory.mktemp("gaps"), images, array)
    alike(column.engine(), images)
    alike(read(column.direct(), range(len(images))), images)
    for row, image in enumerate(images):
        alike(read(column.direct(), [row]), [image])


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_version_of_a_package_is_read_so(name: str, tmp_path: Path) -> None:
    """Fragments of equal images stand beside those of other shapes; rows go and come."""
    images: list[Image] = [LAYOUTS[name][1](at) for at in range(6)]
    table = built(tmp_path, images, LAYOUTS[name][2])
    with counted(table) as cost:
        alike(table.images(range(6)), images)
    assert cost.bytes == sum(cost.parts)
    held = [list(images)]
    for at, image in ((6, LAYOUTS[name][1](6)), (0, noise(9, (61, 82), "uint8")), (4, LAYOUTS[name][1](8))):
        images[at : at + 1] = [image]
        (tmp_path / "data" / "in.db").unlink()
        database(tmp_path / "data" / "in.db", images)
        if make.build(described(tmp_path / "data", LAYOUTS[name][2]), tmp_path / "p").created:
            held.append(list(images))
    for version, expected in enumerate(held, 1):
        table = datapkg.open(tmp_path / "p", version=version)["frames"]
        both_ways(table)
        alike(table.images(range(len(expected))), expected)
    assert datapkg.verify(tmp_path / "p", deep=True).ok


DERIVE = """
derive:
  - {table: frames, column: part, function: "f.py:part", input: [image_array, id], output: image}
"""


def test_derived_images_that_are_missing_are_read_so(tmp_path: Path) -> None:
    images = [noise(at, (60, 80 + at), "uint16") for at in range(9)]
    database(tmp_path / "data" / "in.db", images)
    make.text(
        tmp_path / "data" / "f.py",
        "def part(image, id):\n    return None if id in (0, 3, 8) else image[:20]\n",
    )
    manifest = described(tmp_path / "data")
    manifest.write_text(manifest.read_text() + DERIVE)
    make.build(manifest, tmp_path / "p")
    table = datapkg.open(tmp_path / "p")["frames"]
    assert kind(table, "part") == {"values, gapped"}
    assert both_ways(table, "part") > 0
    with counted(table) as cost:
        alike(
            table.images(range(9), column="part"),
            [None if at in (0, 3, 8) else images[at][:20] for at in range(9)],
        )
    assert cost.bytes == sum(cost.parts)


def test_more_forms_than_two_bytes_count_are_told() -> None:
    forms, count = Forms(), 70_000
    shapes = pa.array([[1, at + 1] for at in range(count)], pa.list_(pa.int32()))
    forms.add(pa.array([1] * count), pa.array(["uint8"] * count), shapes)
    said = looks(forms)
    assert said["wide"]
    listed, of_rows = looks_of(said)
    assert listed == list(forms.all)
    assert np.array_equal(of_rows, forms.of_rows)


@pytest.mark.parametrize("name", ["masks", "few doubles", "equal", "packed"])
def test_harm_in_what_is_coded_is_damage(name: str, tmp_path: Path) -> None:
    column = Column(tmp_path, gapped(name, "middle"), LAYOUTS[name][2])
    path = column.place.local(column.file.path)
    content, pages = bytearray(path.read_bytes()), column.entry["pages"]
    if name != "equal":
        begin = pages[{"masks": 3, "few doubles": 6, "packed": 2}[name]] + (name == "packed")
        for byte in range(8):
            content[begin + byte] ^= 64
        path.write_bytes(content)
        with pytest.raises(DamageError, match="damaged"):
            column.direct().read(np.arange(9))
    path.write_bytes(content[:100])
    with pytest.raises(DamageError, match="missing or damaged"):
        column.direct().read(np.array([8]))


def test_forms_that_make_no_sense_are_damage(tmp_path: Path) -> None:
    column = Column(tmp_path, gapped("masks", "middle"))
    column.entry["rows"] = as_text(np.full(9, 200, np.uint16))
    with pytest.raises(DamageError, match="list of its files is damaged"):
        column.direct().read(np.array([0]))


def test_a_dictionary_of_another_length_is_refused() -> None:
    coding = store.Coding("plain", 32, 1, "", 3, "plain")
    assert store.dictionary(np.arange(3.0).tobytes(), coding, np.dtype("f8")).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="damaged"):
        store.dictionary(np.arange(4.0).tobytes(), coding, np.dtype("f8"))
    compressed = store.Coding("plain", 32, 1, "", 3, "lz4")
    with pytest.raises(ValueError, match="damaged"):
        store.dictionary(b"\x19\0\0\0" + b"nothing", compressed, np.dtype("f8"))
    packed = store.Coding("plain", 32, 1, "", 3, "packed")
    for content in (b"", b"\x02", b"\x02" + bytes(7), b"\x99" + bytes(300)):
        with pytest.raises(ValueError, match="damaged"):
            store.dictionary(content, packed, np.dtype("i8"))


@MOTO
@pytest.mark.parametrize("name", LAYOUTS)
def test_one_image_costs_two_requests_cold_and_one_warm_beside_the_list_of_files(
    name: str, tmp_path: Path, uri: str, reached: stores.ObjectStore
) -> None:
    """With the list of files, that is three cold."""
    expected = gapped(name, "middle")
    column = Column(tmp_path, expected, LAYOUTS[name][2])
    bucket = place(uri)
    bucket.move_in(column.place, [(column.file.path, column.file.path)])
    direct = column.direct(bucket)
    for row, most in ((4, 2), (7, 1), (3, 0), (0, 1)):
        before = reached.requests()
        found = read(direct, [row])
        assert reached.requests() - before <= most
        alike(found, [expected[row]])


@MOTO
@pytest.mark.parametrize("name", LAYOUTS)
def test_one_image_of_a_package_costs_three_requests_cold_and_one_warm(
    name: str, tmp_path: Path, uri: str, options: dict[str, Any], reached: stores.ObjectStore
) -> None:
    images = [LAYOUTS[name][1](at) for at in range(9)]
    database(tmp_path / "data" / "in.db", images)
    make.build(described(tmp_path / "data", LAYOUTS[name][2]), uri, **options)
    table = datapkg.open(uri)["frames"]
    for row, most in ((4, 3), (7, 1), (0, 1)):
        before = reached.requests()
        found = table.image(row)
        assert reached.requests() - before <= most
        same(found, images[row])


def test_large_doubles_in_dictionaries_cost_no_more(tmp_path: Path) -> None:
    """A page's dictionary lies far behind its index, which the list of files holds instead."""
    images = [few(seed, (900, 1000 + seed)) for seed in range(3)]
    table = built(tmp_path, images)
    assert kind(table) == {"chunks, coded"}
    with counted(table) as cost:
        same(table.image(1), images[1])
    assert len(cost.parts) == 2
    with counted(table) as cost:
        same(table.image(1), images[1])
    assert len(cost.parts) == 1
    assert loader(table).direct is not None
