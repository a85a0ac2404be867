"""Repeated keys and orphans are found whatever their number, also where memory does not hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg import matching
from datapkg.matching import Example, Rows, matcher

KEYS = st.lists(st.none() | st.sampled_from(["a", "A", "b", "é", "e\u0301", ""]), max_size=30)


def rows(keys: Sequence[object], kind: pa.DataType = pa.string(), batch: int = 7) -> Rows:  # noqa: B008
    """Keys in batches, as a table gives them."""
    schema = pa.schema([("k0", kind), ("row_at", pa.int64())])
    whole = pa.table([pa.array(keys, kind), pa.array(range(len(keys)), pa.int64())], schema=schema)
    return lambda: pa.RecordBatchReader.from_batches(schema, whole.to_batches(batch))


@given(keys=KEYS)
def test_repeated_keys_are_what_counting_says(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str | None]
) -> None:
    counts = Counter(key for key in keys if key is not None)
    expected = {key: count for key, count in counts.items() if count > 1}
    with matcher(str(tmp_path_factory.getbasetemp())) as matching:
        found = matching.repeated(rows(keys), 1, 2)
    assert (found.rows, found.keys) == (sum(expected.values()), len(expected))
    first = sorted(expected, key=keys.index)[:2]
    assert [e.key for e in found.examples] == [(key,) for key in first]
    for example in found.examples:
        places = [at for at, key in enumerate(keys) if key == example.key[0]]
        assert [example.position, example.again] == places[:2]


@given(keys=KEYS, there=KEYS)
def test_orphans_are_what_sets_say(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str | None], there: list[str | None]
) -> None:
    alone = [key for key in keys if key is not None and key not in there]
    with matcher(str(tmp_path_factory.getbasetemp())) as matching:
        found = matching.orphans(rows(keys), rows(there), [("k0", "k0")], 1)
    assert (found.rows, found.keys) == (len(alone), len(set(alone)))
    assert found.examples == tuple(Example((key,), keys.index(key)) for key in alone[:1])


def test_more_keys_than_memory_holds_go_to_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MEMORY", "24MB")
    keys = [f"a rather long name of a well {i}" for i in range(600_000)]
    with matcher(str(tmp_path)) as opened:
        found = opened.repeated(rows([*keys, keys[5]], batch=50_000), 1, 1)
        assert list((tmp_path / "matching").iterdir())
    assert found.examples == (Example((keys[5],), 5, 600_000),)
