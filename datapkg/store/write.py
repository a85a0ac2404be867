"""Write tables: one Lance version that holds exactly the fragments that an attempt has staged.

A failed or killed build leaves nothing inside a table. `commit` moves the fragments in, commits, and pins the new
state by a tag.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import DamageError, StoreError, VersionError
from ..places import Place, refusal, storage_errors
from ..records import Pin
from .files import Fragment, StoredFile, hashed, table_uri
from .layers import Layer, numbers_of, whole_schema, with_layers
from .names import stored_schema

if TYPE_CHECKING:
    import lance

TAG = "attempt-"
MARK = "datapkg attempt "
COMMIT_TRIES = 10


@dataclass(frozen=True, slots=True)
class Committed:
    """One Lance version of one table: its pin, its files, and its fragments as (id, rows) in physical order."""

    pin: Pin
    files: tuple[StoredFile, ...]
    fragments: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows that can be read but are in no version: where they lie, their state, their order as flat runs."""

    folder: Place
    pin: Pin
    runs: tuple[int, ...]


def commit(
    package: Place,
    attempt: str,
    table: str,
    schema: pa.Schema,
    fragments: Sequence[Fragment],
    layers: Sequence[Layer] = (),
) -> Committed:
    """Make one Lance version of `table` that holds exactly these fragments, in this order, and pin it.

    `layers` have a file for each of them.

    Raises
    ------
    StoreError
        What was committed is not what was planned.
    """
    import lance
    from lance.schema import LanceSchema

    move_in(package, attempt, fragments, layers)
    whole = whole_schema(schema, layers)
    numbers = numbers_of(LanceSchema.from_pyarrow(whole))
    plan = [
        with_layers(fragment_of(fragment.metadata), -1 - at, layers, numbers)
        for at, fragment in enumerate(fragments)
    ]
    tag = f"{TAG}{attempt}"
    with storage_errors(f"table {table}"):
        dataset = _overwrite(package, attempt, table, lance.LanceOperation.Overwrite(whole, plan))
        found = [(f.fragment_id, f.metadata) for f in dataset.get_fragments()]
        _check(table, plan, [metadata for _, metadata in found])
        _check_numbers(table, numbers, dataset)
        described = pin_newest(package, table, tag, dataset.version)
    return Committed(
        Pin(dataset.version, described.path, described.blake3, tag),
        (described, *(file for fragment in all_of(fragments, layers) for file in fragment.files)),
        tuple((i, metadata.physical_rows) for i, metadata in found),
    )


def staged(
    package: Place, attempt: str, table: str, schema: pa.Schema, fragments: Sequence[Fragment]
) -> Staged:
    """Make the rows that an attempt has written readable before they are committed, in the fragments' order.

    Nothing outside of the staging folder is touched: a build that stops here leaves no trace.
    """
    import lance

    folder = package.staging(attempt)
    plan = [fragment_of(fragment.metadata) for fragment in fragments]
    with storage_errors(f"table {table}"):
        whole = lance.LanceOperation.Overwrite(stored_schema(schema), plan)
        dataset = _overwrite(folder, attempt, table, whole)
        manifest = manifest_name(table, dataset.version)
        described = hashed("manifest", folder, manifest, manifest)
    runs = [n for f in dataset.get_fragments() for n in (f.fragment_id, 0, f.metadata.physical_rows)]
    return Staged(folder, Pin(dataset.version, described.path, described.blake3, ""), tuple(runs))


def all_of(fragments: Sequence[Fragment], layers: Sequence[Layer]) -> list[Fragment]:
    """Everything that was written for a table."""
    return [*fragments, *(one for layer in layers for one in layer.files.values())]


def move_in(
    package: Place, attempt: str, fragments: Sequence[Fragment], layers: Sequence[Layer] = ()
) -> None:
    """Move staged fragments, and what was written beside some, into their table."""
    files = [file.path for fragment in all_of(fragments, layers) for file in fragment.files]
    package.move_in(package.staging(attempt), [(path, path) for path in files])


def manifest_name(table: str, version: int) -> str:
    """Where the engine describes a state of a table."""
    return f"{table}.lance/_versions/{2**64 - 1 - version}.manifest"


def pin_newest(package: Place, table: str, tag: str, version: int) -> StoredFile:
    """Tag a state that was just committed, bring it to the disk, and describe its manifest."""
    manifest = manifest_name(table, version)
    described = hashed("manifest", package, manifest, manifest)
    write_pin(package, table, tag, version, described.bytes)
    return described


def write_pin(package: Place, table: str, tag: str, version: int, manifest_bytes: int) -> None:
    """Tag a state of a table, so that the engine's clean-up spares it.

    The engine's own call writes the tag of a package below ``Müller/`` into ``M%C3%BCller/`` (pylance 14.0.2).
    """
    package.put_if_absent(tag_path(table, tag), pin_content(version, manifest_bytes, datetime.now(UTC)))


def pin_content(version: int, manifest_bytes: int, made: datetime) -> bytes:
    """What stands in a tag, as the engine writes it."""
    moment = made.astimezone(UTC).isoformat().replace("+00:00", "Z")
    content: dict[str, Any] = {
        "branch": None,
        "version": version,
        "createdAt": moment,
        "updatedAt": moment,
        "manifestSize": manifest_bytes,
        "metadata": {},
    }
    return json.dumps(content).encode()


def tag_path(table: str, tag: str) -> str:
    """Where the tag lies that keeps a state of a table."""
    return f"{table}.lance/_refs/tags/{tag}.json"


def pins(package: Place, table: str) -> list[str]:
    """The tags by which builds have pinned states of a table."""
    tags = f"{table}.lance/_refs/tags"
    return [
        f"{tags}/{name}" for name in package.names(tags) if name.startswith(TAG) and name.endswith(".json")
    ]


def built(package: Place, table: str) -> bool:
    """Whether a build has made a state of a table: it is pinned, or it says so, where the build was stopped before.

    False for a table that cannot be read: nobody knows whose it is.
    """
    if pins(package, table):
        return True
    from lance.dataset import LANCE_COMMIT_MESSAGE_KEY

    with storage_errors(f"table {table}"), suppress(DamageError):
        dataset = newest(package, table)
        made = dataset.get_transactions(len(dataset.versions()))
        said = ((one.transaction_properties or {}).get(LANCE_COMMIT_MESSAGE_KEY, "") for one in made if one)
        return any(message.startswith(MARK) for message in said)
    return False


def set_aside(package: Place, table: str, version: int) -> int:
    """Count the states of a table after `version` that no build has pinned: other programs made them."""
    dataset = newest(package, table)
    with storage_errors(f"table {table}"):
        if dataset.version <= version:
            return 0
        pinned = {json.loads(package.read(tag))["version"] for tag in pins(package, table)}
        return sum(
            1 for state in dataset.versions() if state["version"] > version and state["version"] not in pinned
        )


def fragment_of(metadata: str) -> Any:
    """The engine's own description of a fragment."""
    from lance.fragment import FragmentMetadata

    return FragmentMetadata.from_json(metadata)


def _overwrite(package: Place, attempt: str, table: str, operation: Any) -> lance.LanceDataset:
    import lance

    uri = table_uri(package, table)
    for _ in range(COMMIT_TRIES):
        try:
            return lance.LanceDataset.commit(
                uri, operation, storage_options=package.options, commit_message=f"{MARK}{attempt}"
            )
        except (
            OSError
        ) as error:  # another builder's commit came between: ours replaces the whole table anyway
            if not re.search("conflict|already exists", str(error)):
                if package.names(f"{table}.lance/_versions"):  # a table that has no state yet is not damaged
                    newest(package, table)
                raise
    raise VersionError(
        "other builds keep writing to the package", uri, "wait until they are done, and build again"
    )


def newest(package: Place, table: str) -> lance.LanceDataset:
    """The newest state of a table, whoever made it; the engine adds a state only where it can read that one."""
    import lance

    uri = table_uri(package, table)
    try:
        return lance.dataset(uri, storage_options=package.options)
    except (OSError, ValueError) as error:
        raise refusal(error, uri) or DamageError(
            "its newest state is damaged, so that nothing can be added to it",
            uri,
            "copy the package again from a whole one, or build into another folder",
        ) from None


def _check(table: str, plan: Sequence[Any], found: Sequence[Any]) -> None:
    want = [([file.path for file in f.files], f.physical_rows, None) for f in plan]
    have = [([file.path for file in f.files], f.physical_rows, f.deletion_file) for f in found]
    if want != have:
        raise StoreError(
            f"{len(found)} pieces were stored where {len(plan)} were written",
            f"table {table}",
            "make sure that nothing else writes to the package, and build again",
        )


def _check_numbers(table: str, numbers: Mapping[str, Sequence[int]], dataset: lance.LanceDataset) -> None:
    """A file beside the rows would be read as another column if the engine counted columns in another way."""
    if numbers_of(dataset.lance_schema) != numbers:
        raise StoreError("its columns were numbered in an unknown way", f"table {table}", "report this")
