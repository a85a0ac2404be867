"""Change a table: some rows go, others come, and the fragments between stay as they are.

The engine rebases a change silently onto whatever is newest: rows of a killed build, or another program's. So the
recorded state is restored first where it is not the newest, and what was committed is compared with the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import VersionError
from ..places import Place, storage_errors
from ..records import Pin
from .files import StoredFile, hashed, table_uri
from .write import COMMIT_TRIES, TAG, Committed, Fragment, fragment_of, move_in, newest, pin_newest

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
) -> Committed:
    """Make one Lance version: the state `base` without some rows, and with new fragments behind it; pin it.

    Parameters
    ----------
    files
        The base's files, as its version lists them.
    deleted
        Rows to go, by fragment, as they lie in the fragment's files.

    Returns
    -------
    What was committed; `fragments` are the new ones only, as (id, rows), in the order given.

    Raises
    ------
    VersionError
        Other builds keep changing the table.
    """
    move_in(package, attempt, fragments)
    new = [fragment_of(fragment.metadata) for fragment in fragments]
    known = {entry[1]: StoredFile(*entry) for entry in files}
    known |= {file.path: file for fragment in fragments for file in fragment.files}
    with storage_errors(f"table {table}"):
        dataset, ids = _committed(package, table, base, deleted, new)
        listed = [
            known.get(name) or hashed(role, package, name, name) for role, name in _files(table, dataset)
        ]
        described = pin_newest(package, table, f"{TAG}{attempt}", dataset.version)
    pin = Pin(dataset.version, described.path, described.blake3, f"{TAG}{attempt}")
    rows = [one.physical_rows for one in new]
    return Committed(pin, (described, *listed), tuple(zip(ids, rows, strict=True)))


def _committed(
    package: Place, table: str, base: Pin, deleted: Mapping[int, NDArray[np.int64]], new: Sequence[Any]
) -> tuple[lance.LanceDataset, list[int]]:
    """Commit, and give the new fragments' ids; where another build came between, begin again from the base."""
    import lance

    for _ in range(COMMIT_TRIES):
        dataset = _restored(package, table, base)
        kept, removed, updated = _without(dataset, deleted)
        change = lance.LanceOperation.Update(
            removed_fragment_ids=removed,
            updated_fragments=updated,
            new_fragments=list(new),
            fields_modified=[],
        )
        try:
            done = lance.LanceDataset.commit(
                table_uri(package, table),
                change,
                read_version=dataset.version,
                storage_options=package.options,
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


def _without(
    dataset: lance.LanceDataset, deleted: Mapping[int, NDArray[np.int64]]
) -> tuple[list[Any], list[int], list[Any]]:
    """The fragments that stay, the numbers of those that go, and of the first those that lose rows."""
    kept, removed, updated = [], [], []
    for fragment in dataset.get_fragments():
        rows = deleted.get(fragment.fragment_id)
        if rows is None:
            kept.append(fragment.metadata)
            continue
        left = fragment.delete_rows(rows.tolist())
        if left is None:
            removed.append(fragment.fragment_id)
        else:
            kept.append(left)
            updated.append(left)
    return kept, removed, updated


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
