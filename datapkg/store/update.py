"""Change a table: some rows go, others come, and the fragments between stay as they are.

The engine rebases a change silently onto whatever is newest: rows of a killed build, or another program's. So the
recorded state is restored first where it is not the newest, and what was committed is compared with the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import VersionError
from ..places import Place, storage_errors
from ..records import Pin
from .files import Fragment, StoredFile, hashed, table_uri
from .layers import Layer, numbers_of, with_columns, with_layers
from .write import COMMIT_TRIES, MARK, TAG, Committed, all_of, fragment_of, move_in, newest, pin_newest

if TYPE_CHECKING:
    import lance
    import numpy as np
    from numpy.typing import NDArray


def update(
    package: Place,
    attempt: str,
    table: str,
    base: Pin,
    files: Sequence[Sequence[Any]],
    deleted: Mapping[int, NDArray[np.int64]],
    fragments: Sequence[Fragment],
    own: Sequence[str],
    layers: Sequence[Layer] = (),
) -> Committed:
    """Make a Lance version: the state `base` without some rows, and with new fragments behind it; pin it.

    Parameters
    ----------
    files
        The base's files, as its version lists them.
    deleted
        Rows to go, by fragment, as they lie in the fragment's files.
    own, layers
        The stored names of the columns that stand in the fragments themselves; those that stand beside them. Columns
        of the base that are neither go.

    Returns
    -------
    What was committed; `fragments` are the new ones only, as (id, rows), in the order given.

    Raises
    ------
    VersionError
        Other builds keep changing the table.
    """
    move_in(package, attempt, fragments, layers)
    known = {entry[1]: StoredFile(*entry) for entry in files}
    known |= {file.path: file for fragment in all_of(fragments, layers) for file in fragment.files}
    change = _Change(deleted, fragments, own, layers)
    with storage_errors(f"table {table}"):
        dataset, ids = _committed(package, attempt, table, base, change)
        listed = [
            known.get(name) or hashed(role, package, name, name) for role, name in _files(table, dataset)
        ]
        described = pin_newest(package, table, f"{TAG}{attempt}", dataset.version)
    pin = Pin(dataset.version, described.path, described.blake3, f"{TAG}{attempt}")
    rows = [one.rows for one in fragments]
    return Committed(pin, (described, *listed), tuple(zip(ids, rows, strict=True)))


@dataclass(frozen=True, slots=True)
class _Change:
    """What to do to a table: parameters as of `update`."""

    deleted: Mapping[int, NDArray[np.int64]]
    fragments: Sequence[Fragment]
    own: Sequence[str]
    layers: Sequence[Layer]


def _committed(
    package: Place, attempt: str, table: str, base: Pin, change: _Change
) -> tuple[lance.LanceDataset, list[int]]:
    """Commit, and give the new fragments' ids; where another build came between, begin again from the base."""
    import lance

    for _ in range(COMMIT_TRIES):
        try:
            dataset = with_columns(_restored(package, table, base), change.own, change.layers)
            kept, removed, updated, new = _planned(dataset, change)
            done = lance.LanceDataset.commit(
                table_uri(package, table),
                lance.LanceOperation.Update(
                    removed_fragment_ids=removed,
                    updated_fragments=updated,
                    new_fragments=new,
                    fields_modified=[],
                ),
                read_version=dataset.version,
                storage_options=package.options,
                commit_message=f"{MARK}{attempt}",
            )
        except OSError as error:
            if "conflict" not in str(error).lower():
                raise
            continue
        ids = _ids(done, kept, new)
        if ids is not None:
            return done, ids
    raise VersionError(
        "other builds keep writing to the package",
        f"table {table}",
        "wait until they are done, and build again",
    )


def _restored(package: Place, table: str, base: Pin) -> lance.LanceDataset:
    """The table, with the state `base` as its newest."""
    import lance

    there = newest(package, table)
    if there.version == base.lance_version:
        return there
    old = lance.dataset(
        table_uri(package, table), version=base.lance_version, storage_options=package.options
    )
    old.restore()  # type: ignore[no-untyped-call]
    return newest(package, table)


def _planned(
    dataset: lance.LanceDataset, change: _Change
) -> tuple[list[Any], list[int], list[Any], list[Any]]:
    """The fragments that stay, the numbers of those that go, of the first those that change, and the new ones."""
    numbers = numbers_of(dataset.lance_schema)
    kept: list[Any] = []
    removed: list[int] = []
    updated: list[Any] = []
    for fragment in dataset.get_fragments():
        at: int = fragment.fragment_id
        left: Any = fragment.metadata
        if at in change.deleted:
            left = fragment.delete_rows(change.deleted[at].tolist())
        if left is None:
            removed.append(at)
            continue
        kept.append(with_layers(left, at, change.layers, numbers))
        if at in change.deleted or any(at in layer.files for layer in change.layers):
            updated.append(kept[-1])
    new = [
        with_layers(fragment_of(one.metadata), -1 - at, change.layers, numbers)
        for at, one in enumerate(change.fragments)
    ]
    return kept, removed, updated, new


def _ids(dataset: lance.LanceDataset, kept: Sequence[Any], new: Sequence[Any]) -> list[int] | None:
    """The new fragments' ids, if the table holds what was kept and what is new, and nothing else."""
    found = [(fragment.fragment_id, _shape(fragment.metadata)) for fragment in dataset.get_fragments()]
    if sorted(one for _, one in found) != sorted(_shape(metadata) for metadata in (*kept, *new)):
        return None
    by_files = {files: number for number, (files, _, _) in found}
    return [by_files[_shape(metadata)[0]] for metadata in new]


def _shape(metadata: Any) -> tuple[tuple[str, ...], int, int]:
    gone = metadata.deletion_file.num_deleted_rows if metadata.deletion_file is not None else 0
    return tuple(file.path for file in metadata.files), metadata.physical_rows, gone


def _files(table: str, dataset: lance.LanceDataset) -> Iterator[tuple[str, str]]:
    """Role and path of every file of a state, but its manifest."""
    for fragment in dataset.get_fragments():
        for file in fragment.metadata.files:
            yield "data", f"{table}.lance/data/{file.path}"
        if fragment.metadata.deletion_file is not None:
            yield "deletion", f"{table}.lance/{fragment.deletion_file()}"
