"""Files as columns are the same files as objects, in whatever way they are asked for."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datapkg.files import Files, FilesFound, PlainFile
from datapkg.reading import MISSING, SourceFile

NUMBERS = st.integers(0, 2**60)


@st.composite
def source_files(draw: st.DrawFn) -> SourceFile:
    root = Path(draw(st.sampled_from(["/data", "/mnt/plates"])))
    path = draw(st.text("abé/", min_size=1))
    kind = draw(st.sampled_from(["found", "fetched", "inline", "missing"]))
    size = draw(NUMBERS)
    if kind == "found":
        stat = draw(NUMBERS), draw(NUMBERS), size, draw(NUMBERS), draw(NUMBERS)
        return SourceFile(path, root / "a" / path, root, size, None, stat)
    if kind == "fetched":
        return SourceFile(path, root / path, root, size, sha256="00")
    if kind == "inline":
        return SourceFile(path, root / "m.yaml", root, 2, b"[]")
    return SourceFile(path, root / path, root, MISSING)


@given(files=st.lists(source_files(), max_size=9), data=st.data())
def test_columns_hold_the_files_that_went_in(files: list[SourceFile], data: st.DataObject) -> None:
    columns = Files.of(files)
    assert list(columns) == files == [columns[at] for at in range(len(files))]
    assert [file.stat for file in columns] == [file.stat for file in files]
    assert columns.sizes.tolist() == [file.bytes for file in files]
    again: Files = pickle.loads(pickle.dumps(columns))
    assert list(again) == files and [file.stat for file in again] == [file.stat for file in files]
    some = data.draw(st.lists(st.sampled_from(range(len(files))), unique=True) if files else st.just([]))
    assert list(columns.take(np.array(some, np.int64))) == [files[at] for at in some]
    assert list(columns[1:5:2]) == files[1:5:2]


@given(files=st.lists(source_files(), max_size=9))
def test_plain_files_are_those_that_the_system_told_of(files: list[SourceFile]) -> None:
    columns = Files.of(files)
    told = [file.stat is not None for file in files]
    assert columns.on_disk.tolist() == [at for at, plain in enumerate(told) if plain]
    assert [at for at, _ in columns.odd()] == [at for at, plain in enumerate(told) if not plain]
    for plain, file in zip(columns.plain(), files, strict=True):
        if file.stat is None:
            assert plain is None
        else:
            assert plain == PlainFile(file.path, str(file.local), file.bytes, file.stat)


def test_a_file_costs_few_bytes_and_no_object_but_its_two_names() -> None:
    def found(count: int) -> Files:
        files = FilesFound()
        for at in range(count):
            files.add(f"{at:06}.tif", f"/data/{at:06}.tif", Path("/data"), (2**40, at, 2**40, 2**60, 2**60))
        return files.files()

    def taken(count: int) -> int:
        tracemalloc.start()
        try:
            held = found(count)
            assert len(held) == count
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert (taken(4000) - taken(2000)) / 2000 < 320
