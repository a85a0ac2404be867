"""Rows of ``_sources`` as columns say what the rows are."""

from __future__ import annotations

import json
from operator import attrgetter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg import json_rows
from datapkg.durable import compact, sealed
from datapkg.json_rows import in_pieces, quoted
from datapkg.listing import _places
from datapkg.locked_sources import LockedSource, LockedSources
from datapkg.source_list import (
    ARCHIVE,
    MATCHED_MEMBER,
    SOURCES_SCHEMA,
    SourceRow,
    SourceRows,
)

NAMES = st.sampled_from(["a", "b", "µ/ä.tif", 'x"y\\z'])
ROWS = st.lists(
    st.builds(
        SourceRow,
        resource=NAMES,
        table=st.sampled_from(["", "t", "u"]),
        group=NAMES,
        path=NAMES,
        bytes=st.integers(0, 3),
        sha256=st.sampled_from(["00", "ff"]),
        rows=st.integers(0, 2),
        digest=st.sampled_from(["", "0a"]),
        evidence=st.sampled_from(["null", ARCHIVE, MATCHED_MEMBER]),
        held=st.sampled_from(["", '{"image_array":4}', '{"image_array":1,"image_bytes":2}', None]),
        warnings=st.sampled_from(["", '["odd"]', None]),
    ),
    max_size=8,
)


@given(ROWS, ROWS)
def test_columns_give_the_rows_back(first: list[SourceRow], second: list[SourceRow]) -> None:
    joined = SourceRows.joined([SourceRows.of(first), SourceRows.of(second)])
    every = first + second
    assert list(joined) == every and len(joined) == len(every)
    assert [joined[at] for at in range(len(every))] == every
    assert list(joined[1:4]) == every[1:4]
    assert list(joined.at(np.arange(len(every))[::-1])) == every[::-1]
    stored = [row for batch in joined.batches() for row in batch.to_pylist()]
    values = attrgetter(*SOURCES_SCHEMA.names)
    assert stored == [dict(zip(SOURCES_SCHEMA.names, values(row), strict=True)) for row in every]


@given(ROWS)
def test_what_rows_tell_is_told_of_columns(rows: list[SourceRow]) -> None:
    columns = SourceRows.of(rows)
    own = [row.path == row.group and row.evidence != ARCHIVE for row in rows]
    assert columns.own.tolist() == own
    assert columns.matched.tolist() == [
        one or row.evidence == MATCHED_MEMBER for one, row in zip(own, rows, strict=True)
    ]
    assert columns.skipped.tolist() == [one and not row.table for one, row in zip(own, rows, strict=True)]
    assert columns.complete == all(row.held is not None and row.warnings is not None for row in rows)
    assert list(columns.of_table("t")) == [row for row in rows if row.table == "t"]
    assert list(columns.of_resource("a")) == [row for row in rows if row.resource == "a"]
    first = {row.path: row for row in reversed(rows)}
    assert columns.first_of_each().values("path") == list(dict.fromkeys(row.path for row in rows))
    assert all(first[row.path] == row for row in columns.first_of_each())
    held: dict[str, int] = {}
    for row in rows:
        for name, size in json.loads(row.held or "{}").items():
            held[name] = held.get(name, 0) + size
    assert columns.held() == held


@given(ROWS, ROWS)
def test_rows_stay_where_all_of_them_is_as_it_was(new: list[SourceRow], old: list[SourceRow]) -> None:
    new = list(dict.fromkeys(new))
    old = list({(row.resource, row.table, row.group, row.path): row for row in (*new[::2], *old)}.values())
    places = _places(SourceRows.of(new), SourceRows.of(old)).tolist()
    assert places == [old.index(row) if row in old else -1 for row in new]


@given(ROWS)
def test_a_line_of_the_lock_is_the_source_as_json(rows: list[SourceRow]) -> None:
    sources = [
        LockedSource(
            row.resource, row.path, row.bytes, row.sha256, {row.table: row.digest} if row.table else {}
        )
        for row in rows
    ]
    columns = LockedSources.of(sources)
    assert list(columns) == sources and columns == LockedSources.of(columns)
    assert (columns == LockedSources.of(sources[1:])) == (not sources)
    lines = sealed(
        {"lines": [{name: getattr(one, name) for name in one.__slots__} for one in sources]}
    ).decode()
    assert "".join(columns.lines()) in lines


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=20))
def test_text_of_columns_is_json(texts: list[str]) -> None:
    assert quoted(pa.array(texts, pa.string())).to_pylist() == [compact(one) for one in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "ROWS", 3)
        parts = in_pieces(len(texts), ["<", quoted(pa.array(texts, pa.string())), ">"], ", ")
        assert "".join(parts) == ", ".join(f"<{compact(one)}>" for one in texts)
