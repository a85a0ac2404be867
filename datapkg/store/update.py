"""Change a table: some rows go, others come, and the fragments between stay as they are.

The engine rebases a change silently onto whatever is newest: rows of a killed build, or another program's. So the
recorded state is restored first where it is not the newest, and what was committed is compared with the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StoreError, VersionError
from ..records import Pin
from .files import StoredFile, hashed, storage_errors, table_uri
from .write import COMMIT_TRIES, TAG, Committed, Fragment, fragment_of, moved_in, pin_newest

if TYPE_CHECKING:
    import lance


def update(
    package: str,
    attempt: str,
    table: str,
    base: Pin,
    files: Sequence[Sequence[Any]],
    deleted: Mapping[int, Sequence[int]],
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
    StoreError
        What was committed is not what was planned.
    """
    uri = table_uri(package, table)
    moved_in(package, attempt, table, fragments)
    new = [fragment_of(fragment.metadata) for fragment in fragments]
    with storage_errors(f"table {table}"):
        dataset, kept = _commit(uri, base, deleted, new)
        ids = _checked(table, dataset, kept, new)
        described = pin_newest(package, table, f"{TAG}{attempt}", dataset.version)
    known = {entry[1]: StoredFile(*entry) for entry in files}
    listed = [described]
    for fragment in dataset.get_fragments():
        for file in fragment.metadata.files:
            name = f"{table}.lance/data/{file.path}"
            listed.append(known.get(name) or hashed("data", Path(package) / name, name))
        if fragment.metadata.deletion_file is not None:
            name = f"{table}.lance/{fragment.deletion_file()}"
            listed.append(known.get(name) or hashed("deletion", Path(package) / name, name))
    pin = Pin(dataset.version, described.path, described.blake3, f"{TAG}{attempt}")
    return Committed(pin, tuple(listed), tuple((ids[i], one.physical_rows) for i, one in enumerate(new)))


def _commit(
    uri: str, base: Pin, deleted: Mapping[int, Sequence[int]], new: Sequence[Any]
) -> tuple[lance.LanceDataset, list[Any]]:
    import lance

    for _ in range(COMMIT_TRIES):
        dataset: Any = lance.dataset(uri, version=base.lance_version)
        if lance.dataset(uri).version != base.lance_version:
            dataset.restore()
            dataset = lance.dataset(uri)
        updated, removed, kept = [], [], []
        for fragment in dataset.get_fragments():
            rows = deleted.get(fragment.fragment_id)
            left = fragment.delete_rows(rows) if rows else fragment.metadata
            if left is None:
                removed.append(fragment.fragment_id)
                continue
            kept.append(left)
            if rows:
                updated.append(left)
        change = lance.LanceOperation.Update(
            removed_fragment_ids=removed,
            updated_fragments=updated,
            new_fragments=list(new),
            fields_modified=[],
        )
        try:
            return lance.LanceDataset.commit(uri, change, read_version=dataset.version), kept
        except OSError as error:  # another builder's commit came between: begin again from the recorded state
            if "conflict" not in str(error).lower():
                raise
    raise VersionError(
        "other builds keep writing to the package", uri, "wait until they are done, and build again"
    )


def _checked(table: str, dataset: lance.LanceDataset, kept: Sequence[Any], new: Sequence[Any]) -> list[int]:
    """The new fragments' ids, if the table holds what was kept and what is new, and nothing else."""

    def shape(metadata: Any) -> tuple[tuple[str, ...], int, int]:
        gone = metadata.deletion_file.num_deleted_rows if metadata.deletion_file is not None else 0
        return tuple(file.path for file in metadata.files), metadata.physical_rows, gone

    found = [(fragment.fragment_id, shape(fragment.metadata)) for fragment in dataset.get_fragments()]
    if sorted(one for _, one in found) != sorted(shape(metadata) for metadata in (*kept, *new)):
        raise StoreError(
            "other rows were stored than were planned",
            f"table {table}",
            "make sure that nothing else writes to the package, and build again",
        )
    by_files = {files: number for number, (files, _, _) in found}
    return [by_files[shape(metadata)[0]] for metadata in new]
