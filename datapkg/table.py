"""One table of an opened package: rows as pandas, Arrow and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from .doors import DoorMethods
from .errors import SchemaError, nearest
from .movies import MovieMethods
from .plots import PlotMethods
from .records import TableRecord

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from .access import RowAccess
    from .opened import OpenVersion
    from .reader import Package
    from .selection import Selection

FILE_COLUMN = "image_bytes"  # where only files are kept, images are decoded from them


class Table(MovieMethods, DoorMethods, PlotMethods):
    """One table of a package at one version. Rows are counted from 0 in the manifest's order."""

    def __init__(self, package: Package, record: TableRecord) -> None:
        self.package, self.record = package, record

    @property
    def name(self) -> str:
        """The table's name."""
        return self.record.name

    @property
    def kind(self) -> str:
        """What its rows are: ``table``, ``images``, ``planes``, ``objects`` ..."""
        return self.record.kind

    @property
    def digest(self) -> str:
        """The digest of the table's content."""
        return self.record.digest

    @property
    def columns(self) -> list[str]:
        """The columns' names, as in the files."""
        return [column.name for column in self.record.columns]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, under true names; reads no row."""
        return self.rows.schema

    def described(self) -> list[dict[str, Any]]:
        """The columns as plain values: name, type, nulls, digest, and why the type is what it is."""
        return [
            {"name": c.name, "type": c.type, "nulls": c.nulls, "digest": c.digest, "why": c.why}
            for c in self.record.columns
        ]

    @property
    def lineage(self) -> list[dict[str, Any]]:
        """How derived columns, or this whole table, were made: function, code, versions of packages, arguments, inputs."""
        return [asdict(made) for made in self.record.lineage]

    @property
    def promises(self) -> list[str]:
        """The keys and references that the manifest declares for this table: its rows keep them all."""
        from .manifest.normal import parse_recorded
        from .manifest.promises import promises

        record = self.package.record
        return promises(parse_recorded(record.manifest, record.manifest_digest), self.name)

    def __len__(self) -> int:
        return self.record.rows

    def __repr__(self) -> str:
        from .display.summary import table_text

        return table_text(self)

    def _repr_html_(self) -> str:
        from .display.summary import table_html

        return table_html(self)

    def to_pandas(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        images: Literal["lazy", "array"] = "lazy",
        dtype_backend: Literal["pyarrow"] | None = None,
    ) -> pd.DataFrame:
        """Read rows as a DataFrame; its index is the row's position in the table.

        Parameters
        ----------
        columns
            Names; default all.
        where
            A condition in SQL, such as ``"Well = 'C6' and t < 3"``; put odd names into backticks.
        limit
            The first so many rows.
        order_by
            A column, or several; ``"Count desc"`` is the other way round. Missing values come last, and rows that are
            equal stay in the table's order.
        images
            ``lazy``: cells of images, of `image_bytes` and of `metadata` are read when they are touched;
            ``frame["image_array"].array.load()`` reads a column. ``array``: they are loaded with the rows, so that a frame
            of many images needs memory for all of them. An image is a read-only array of its own dtype and shape.
            `iterrows`, `apply(axis=1)`, `T` and `stack` of columns of several kinds read all lazy cells: choose `columns`.
        dtype_backend
            ``pyarrow``: all other columns have Arrow's own types.

        Raises
        ------
        SchemaError
            There is no such column, or the condition makes no sense.
        DamageError
            A file of the table is missing or damaged.
        """
        from .selection import Selection

        return self._frame(columns, Selection(where, limit, order_by), images, dtype_backend)

    def sample(
        self,
        n: int,
        seed: int = 0,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        *,
        images: Literal["lazy", "array"] = "lazy",
        dtype_backend: Literal["pyarrow"] | None = None,
    ) -> pd.DataFrame:
        """Read `n` rows drawn by chance, without repetition, in the table's order.

        The same `seed` draws the same rows of a version on every machine. Other parameters as in `to_pandas`.

        Raises
        ------
        SchemaError
            There are fewer rows, or as in `to_pandas`.
        """
        from .selection import Selection

        return self._frame(columns, Selection(where, sample=n, seed=seed), images, dtype_backend)

    def with_images(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        *,
        by: str | None = None,
    ) -> pd.DataFrame:
        """Read rows as a DataFrame in which each row has its images, as lazy cells.

        The foreign keys that the manifest declares for this table, and that lead to tables of images, are followed. One
        key adds the column ``image_array``; several add ``image_DAPI``, ``image_GFP`` ..., named after what their columns'
        names (or their tables) do not share. Where a row has several images by one key, each channel has a column.

        Parameters
        ----------
        columns, where, limit
            As in `to_pandas`, of this table.
        by
            A column of the images' table, in place of its channel column: each of its values has a column. Where rows
            still have several images, cells are arrays of lazy cells; without any such column they are too.

        Raises
        ------
        SchemaError
            No foreign key leads to images, or as in `to_pandas`.
        """
        from .query.image_keys import add_images, image_keys

        image_keys(self.opened, self.name)  # refused before rows are read
        return add_images(self.to_pandas(columns, where, limit), self.opened, self.name, by)

    def to_arrow(
        self, columns: Sequence[str] | None = None, where: str | None = None, limit: int | None = None
    ) -> pa.Table:
        """Read rows as an Arrow table; images as they are stored: nested lists, or packed binaries.

        Parameters as in `to_pandas`.
        """
        wanted = self.wanted(columns)
        asked = list(dict.fromkeys(wanted)) or self.columns[:1]  # rows without a column have no number
        return self._arrow(asked, [batch for _, batch in self.rows.read(asked, where, limit)]).select(wanted)

    def take(self, positions: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Read the rows at `positions` in batched requests, in the order given."""
        return self._arrow(columns, [batch for _, batch in self.rows.take(positions, columns)])

    def image(self, position: int, column: str | None = None) -> NDArray[np.generic]:
        """One image, as a read-only array of its own dtype and shape."""
        import numpy as np

        if type(position) is not int or not 0 <= position < self.record.rows:
            return self.images([position], column)[0]
        name = self.image_column if column is None else self._image_column(column)
        return self.opened.images(self.name, name).load(np.array([position]))[0]  # type: ignore[return-value]

    def images(self, positions: Sequence[int], column: str | None = None) -> list[NDArray[np.generic]]:
        """Images at row positions, in the order asked for.

        Parameters
        ----------
        column
            Which image column; default the table's own images, or the first that was derived.

        Raises
        ------
        SchemaError
            The table has no images, or no such row.
        """
        at = self._positions(positions)
        return self.opened.images(self.name, self._image_column(column)).load(at)  # type: ignore[return-value]

    def map(
        self,
        function: Callable[..., Any] | str,
        output: str | Sequence[str] | Mapping[str, str] | None = None,
        *,
        input: str | Sequence[str] | None = None,
        args: Mapping[str, Any] | None = None,
        where: str | None = None,
        limit: int | None = None,
        batch_size: int | None = None,
        on_error: Literal["fail", "null"] = "fail",
        seed: int = 0,
        timeout_s: float | None = None,
        workers: int | None = None,
    ) -> pd.DataFrame:
        """Call a function for rows and look at its results, as `derive` would compute them; nothing is written.

        Parameters
        ----------
        function
            A function, a class, or the name of one as in a manifest (``file.py:name`` in the current folder).
        output
            ``image``, an Arrow type such as ``float32``, a list of these for a function that gives several values, or a
            mapping of names to types for one that gives none, one or many rows. Not needed for ready-made functions.
        input
            Columns; default the table's image column.
        where, limit
            Which rows, as in `to_pandas`.
        args, batch_size, on_error, seed, timeout_s
            As in the manifest. In this process a call that is too long is ended where it comes back to Python.
        workers
            So many processes, for a function in a module or a ``.py`` file; default: this process, row after row.

        Returns
        -------
        A frame whose index is the position of the row that was read. A single output is the column ``value``, several
        are ``value0``, ``value1`` and so on; with ``on_error="null"`` messages stand in ``error``.

        Raises
        ------
        DeriveError
            The function fails, or gives what was not announced; with the row and its source.
        """
        given = [self.image_column] if input is None else [input] if isinstance(input, str) else list(input)
        mapping = import_module(f"{__package__}.deriving.mapping")  # this module lies below it
        way, said = mapping.way_of(batch_size, on_error, seed, timeout_s), args or {}
        found: pd.DataFrame = mapping.map_rows(
            self, function, output, given, said, where, limit, way, workers
        )
        return found

    @cached_property
    def image_column(self) -> str:
        """The name of the column that holds images."""
        names = [column.name for column in self.record.own if column.image]
        names += [FILE_COLUMN] if {FILE_COLUMN, "image_digest"} <= set(self.columns) else []
        names += [column.name for column in self.record.derived if column.image]
        if names:
            return names[0]
        known = [name for name in self.package if "image_digest" in self.package[name].columns]
        raise SchemaError(
            "has no image column", f"table {self.name}", f"tables with images: {', '.join(known) or 'none'}"
        )

    @property
    def rows(self) -> RowAccess:
        """The table's rows as they are stored; `lance` is the dataset itself."""
        return self.opened.rows(self.name)

    @property
    def opened(self) -> OpenVersion:
        """The opened version, which every table, frame and lazy column of it shares."""
        return self.package.opened

    def _frame(
        self,
        columns: Sequence[str] | None,
        selection: Selection,
        images: str,
        dtype_backend: Literal["pyarrow"] | None,
    ) -> pd.DataFrame:
        from .frames import Look, declared_categories, to_pandas

        for name, value, known in (
            ("images", images, ("lazy", "array")),
            ("dtype_backend", dtype_backend, (None, "pyarrow")),
        ):
            if value not in known:
                fix = f"write {name}={known[1]!r}, or leave it out"
                raise SchemaError(f"{name} is {value!r}", f"table {self.name}", fix)
        wanted = self.shown(columns)
        once = list(dict.fromkeys(wanted))
        look = Look(images == "lazy", dtype_backend, declared_categories(self.opened, self.name))
        frame = to_pandas(self.opened, self.record, once, selection, look)
        return frame if once == wanted else frame[wanted]

    def _arrow(self, columns: Sequence[str], batches: Sequence[pa.RecordBatch]) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_batches(batches, pa.schema([self.schema.field(name) for name in columns]))

    def wanted(self, columns: Sequence[str] | None) -> list[str]:
        """The columns that are meant, if all of them are there; default all."""
        return self.columns if columns is None else self.rows.refuse_unknown(columns)

    def shown(self, columns: Sequence[str] | None) -> list[str]:
        """The columns of a frame; where files alone are kept, `image_array` is decoded from them."""
        from .lazy import IMAGE_COLUMN, decodes_files

        made = [IMAGE_COLUMN] if decodes_files(self.record) and IMAGE_COLUMN not in self.columns else []
        if columns is None:
            after = self.columns.index(FILE_COLUMN) + 1 if made else 0
            return [*self.columns[:after], *made, *self.columns[after:]]
        return self.rows.refuse_unknown(columns, made)

    def _image_column(self, column: str | None) -> str:
        if column is None:
            return self.image_column
        (name,) = self.rows.refuse_unknown([column])
        known = [one.name for one in self.record.columns if one.image]
        if name not in known:
            raise SchemaError(
                f"the column {name!r} holds no images", f"table {self.name}", nearest(name, known)
            )
        return name

    def _positions(self, positions: Sequence[int]) -> NDArray[np.int64]:
        import numpy as np

        given = np.asarray(positions).reshape(-1)
        if given.size and given.dtype.kind not in "iu":
            first = given.tolist()[0]
            what = f"rows are asked for by {first!r}, a {type(first).__name__}"
            fix = "give row numbers, such as the index of a frame: images(frame[mask].index)"
            raise SchemaError(what, f"table {self.name}", fix)
        asked = given.astype(np.int64)
        at = np.where(asked < 0, asked + len(self), asked)
        wrong = asked[(at < 0) | (at >= len(self))]
        if len(wrong):
            there = f"rows are 0 to {len(self) - 1}" if len(self) else "it has no rows"
            raise SchemaError(f"there is no row {wrong[0]}", f"table {self.name}", there)
        return at
