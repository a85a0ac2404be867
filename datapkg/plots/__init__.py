"""Pictures that say more than a table, drawn by matplotlib, which is an extra: ``lance-datapkg[matplotlib]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from ..table import Table
    from .figure import Plot


class PlotMethods:
    """Methods of a table that draw it."""

    def plate(
        self,
        column: str | None = None,
        where: str | None = None,
        *,
        function: str | None = None,
        wells: Literal[96, 384, 1536] | None = None,
        numbered: Literal["rows", "columns"] | None = None,
    ) -> Plot:
        """Draw a heat map of each plate: one value for each well.

        Parameters
        ----------
        column
            A column of numbers, or of true and false; None counts rows.
        where
            A condition in SQL for the rows that count.
        function
            What makes one value of a well's rows: ``mean`` (the default), ``median``, ``sum``, ``min``, ``max`` or ``count``.
        wells
            The plate's size; by default the smallest that has all wells.
        numbered
            How wells count that are named by numbers alone: along ``rows`` (2 is A02), or down ``columns`` (2 is B01).

        Returns
        -------
        A matplotlib figure, which a notebook shows; ``.savefig("plate.png")`` writes it. Wells without a row are empty.

        Raises
        ------
        SchemaError
            The table has no column of wells such as ``C06``, ``C-6`` or ``r03c06``, nor columns of their rows and columns;
            or the column holds no numbers.
        ExportError
            matplotlib is not installed.
        """
        from .plate import plate

        return plate(cast("Table", self), column, where, function, wells, numbered)
