"""Open a package at one version: its tables, its sources, its other versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import versions
from .errors import DamageError
from .opened import SOURCES, OpenVersion
from .places import Place, place
from .records import FilesList, Record
from .table import Table

if TYPE_CHECKING:
    import datafusion
    import pandas as pd

    from .differ import Diff
    from .faults import Verification
    from .plots.figure import Plot
    from .query.result import QueryResult


def open_package(
    uri: str | Path | Place,
    *,
    version: int | str | None = None,
    as_of: str | date | None = None,
    verify: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Package:
    """Open a package; one small file is read.

    Parameters
    ----------
    uri
        The package's folder, or its address: in an object store (``s3://``, ``gs://``, ``az://``), or on the web
        (``https://``) where everybody may read it.
    version
        A number, or a release name such as ``"1.0.0"``; default the newest.
    as_of
        A day (its end, UTC) or a time: the version that was newest then.
    verify
        Check what is read before it is handed out: pixels by their `image_digest`, image files by their `sha256`;
        before the first other column of a table is read, all of its files are hashed. DamageError names table and row.
    storage_options
        What it takes to reach an object store, in the words of Lance's `storage_options`, such as ``aws_endpoint``;
        what is not given comes from the environment (``AWS_...``) or the profile.

    Raises
    ------
    StoreError
        There is no package at this place.
    VersionError
        It has no such version.
    DamageError
        Its record is not as written.
    """
    package = place(uri, storage_options)
    number = versions.resolve(package, version, as_of)
    try:
        return Package(package, versions.read_record(package, number), verify)
    except DamageError as error:
        raise versions.advised(error, package, number) from None


class Package:
    """A package at one version: tables by name, and what made them."""

    def __init__(self, lies: Place, record: Record, verify_reads: bool = False) -> None:
        self.place, self.record, self.verify_reads = lies, record, verify_reads
        self.opened = OpenVersion(lies, record.version, record.digest, verify_reads, record)

    @property
    def uri(self) -> str:
        """Where the package lies."""
        return self.place.uri

    @property
    def name(self) -> str:
        """The package's name."""
        return self.record.name

    @property
    def version(self) -> int:
        """The number of this version."""
        return self.record.version

    @cached_property
    def release(self) -> str | None:
        """This version's release name, if it has one."""
        names = [name for name, number in versions.releases(self.place).items() if number == self.version]
        return names[0] if names else None

    @property
    def created(self) -> datetime:
        """When this version was made (UTC)."""
        return datetime.fromisoformat(self.record.created)

    @property
    def digest(self) -> str:
        """The digest of all content: equal for equal content, wherever and however it was built."""
        return self.record.digest

    @property
    def tables(self) -> list[str]:
        """The tables' names, in the manifest's order."""
        return [table.name for table in self.record.tables]

    @property
    def warnings(self) -> list[str]:
        """What the build had to say about this version's sources."""
        return [warning for part in self.record.warnings.values() for warning in part]

    @property
    def manifest(self) -> str:
        """The text of the manifest that made this version."""
        return self.record.manifest

    def __getitem__(self, name: str) -> Table:
        return Table(self, self.opened.table(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.record.tables)

    def __contains__(self, name: object) -> bool:
        return name in self.tables

    def __repr__(self) -> str:
        from .display.summary import package_text

        return package_text(self)

    def _repr_html_(self) -> str:
        from .display.summary import package_html

        return package_html(self)

    def plot(self) -> Plot:
        """Draw an overview: each table's rows and size, and how rows and size grew over the versions.

        Returns
        -------
        A matplotlib figure, which a notebook shows; ``.savefig("overview.png")`` writes it.

        Raises
        ------
        ExportError
            matplotlib is not installed.
        """
        from .plots.overview import overview

        return overview(self)

    def versions(self) -> pd.DataFrame:
        """List all versions: version, release, created, tables, rows, digest; the oldest first.

        A version with several release names has them parted by commas.
        """
        import pandas as pd

        names = versions.named(self.place)
        rows = [
            {
                "version": record.version,
                "release": names.get(record.version),
                "created": datetime.fromisoformat(record.created),
                "tables": len(record.tables),
                "rows": sum(table.rows for table in record.tables),
                "digest": record.digest,
            }
            for record in versions.all_records(self.place)
        ]
        return pd.DataFrame(rows)

    def checkout(self, version: int | str) -> Package:
        """Open another version of this package, by number or release name."""
        return open_package(self.place, version=version, verify=self.verify_reads)

    def verify(
        self,
        deep: bool = False,
        version: int | str | None = None,
        digest: str | None = None,
        sources: str | Path | None = None,
    ) -> Verification:
        """Check the package as it lies on disk, all versions unless one is named; parameters as in `datapkg.verify`."""
        from . import verify

        return verify(self.place, deep, version, digest, sources)

    def diff(self, old: int | str | Package | None = None, new: int | str | Package | None = None) -> Diff:
        """Compare two versions: numbers, release names, or packages.

        By default `new` is this version, and `old` the last release before it.
        """
        compare: Callable[..., Diff] = import_module(
            f"{__package__}.differ"
        ).diff  # this module lies below it
        return compare(self, old, new)

    def sql(self, query: str) -> QueryResult:
        """Ask a question in SQL over all tables; nothing is read before rows are asked for.

        Parameters
        ----------
        query
            One statement in DuckDB's SQL that reads: ``select Well, count(*) as n from frames group by Well``. A table of
            another version is named with it: ``frames@1.0.0``. Odd names stand in double quotes. Columns of images carry
            where the images stand: compare them by `image_digest`.

        Returns
        -------
        Its `to_pandas`, `to_arrow`, `to_batches`, `to_polars` and `write` give the rows; images are lazy cells there.

        Raises
        ------
        SchemaError
            The query is wrong, names a column that is not there, or would do more than read.
        VersionError
            It names a table or a version that is not there.
        """
        from .query.database import Database
        from .query.result import QueryResult

        return QueryResult(Database(query, self.opened, lambda version: self.checkout(version).opened))

    def datafusion(self) -> datafusion.SessionContext:
        """All tables in a DataFusion session, under their true names; images as they are stored.

        DataFusion makes names lower-case: ``col('"Well"')`` is the column `Well`. Its SQL only reads; other data come in by
        its `register_csv` and the like. It must be installed (``pip install 'lance-datapkg[datafusion]'``).

        Raises
        ------
        ExportError
            DataFusion is not installed, or is of another version than Lance's tables fit.
        """
        from .doors.datafusion import session

        return session(self.opened)

    def derive(
        self,
        function: Callable[..., Any] | str,
        *,
        table: str,
        input: str | Sequence[str],
        column: str | Sequence[str] | None = None,
        into: str | None = None,
        output: str | Sequence[str] | Mapping[str, str] | None = None,
        args: Mapping[str, Any] | None = None,
        proof: Literal["values", "recipe"] = "values",
        on_error: Literal["fail", "null"] = "fail",
        seed: int = 0,
        timeout_s: float | None = None,
        batch_size: int | None = None,
        folder: str | Path | None = None,
        workers: int | None = None,
        engine: str = "local",
        ray_address: str | None = None,
        single_writer: bool = False,
    ) -> Package:
        """Add a computed column or table, as the package's next version; this one must be the newest.

        No source file is looked at. The new version's manifest has the entry; put it into the manifest file too, or the
        next build from that drops what was derived.

        Parameters
        ----------
        function
            ``module:name``, ``file.py:name``, or a function. One that was typed into a notebook runs in this process.
        table, input
            What to read: a table, and its column or columns.
        column, into
            The new column, or columns; or the new table.
        output, args, proof, on_error, seed, timeout_s, batch_size
            As in the manifest.
        folder
            Where ``file.py`` lies; default the current folder.
        workers, engine, ray_address, single_writer
            As in `datapkg.build`.

        Returns
        -------
        The package at its new version.

        Raises
        ------
        DeriveError
            The function cannot be found, fails, or gives what was not announced.
        VersionError
            There is a newer version.
        """
        said = {
            "table": table,
            "input": input if isinstance(input, str) else list(input),
            "column": column if column is None or isinstance(column, str) else list(column),
            "into": into,
            "output": list(output) if isinstance(output, tuple) else output,
            "args": dict(args) if args else None,
            "proof": proof if proof != "values" else None,
            "on_error": on_error if on_error != "fail" else None,
            "seed": seed or None,
            "timeout_s": timeout_s,
            "batch_size": batch_size,
        }
        add: Callable[..., int] = import_module(f"{__package__}.adding").add  # this module lies below it
        lies = place(self.uri, self.place.options, single_writer=True) if single_writer else self.place
        version = add(lies, self.version, function, said, folder, workers, engine, ray_address)
        return open_package(self.place, version=version, verify=self.verify_reads)

    def sources(self) -> pd.DataFrame:
        """List the source files: one row for each file and table that it added to, with sha256 and digest."""
        return self[SOURCES].to_pandas()

    @property
    def files(self) -> FilesList:
        """The files of this version, and the order of its rows."""
        return self.opened.files
