"""A DataFusion session whose SQL only reads the tables that are registered with it."""

from __future__ import annotations

import re
from typing import Any

import datafusion

from ..errors import SchemaError

REFUSED = re.compile(r"(?:DDL|DML|Statement) not supported: (\w+)")


class ReadingSession(datafusion.SessionContext):
    """DataFusion's session; its SQL makes and changes no table, opens no file and writes none.

    Data from elsewhere come in by its own methods, such as `register_csv`. `sql(..., options=datafusion.SQLOptions())` does all
    that DataFusion can, to what is not of the package.
    """

    def sql(
        self,
        query: str,
        options: datafusion.SQLOptions | None = None,
        param_values: dict[str, Any] | None = None,
        **named_params: Any,
    ) -> datafusion.DataFrame:
        """Ask a question in SQL; parameters as in DataFusion.

        Raises
        ------
        SchemaError
            It would do more than read.
        """
        allowed = options or _reading()
        try:
            return super().sql(query, allowed, param_values, **named_params)
        except Exception as error:
            found = REFUSED.search(str(error))
            if options is not None or found is None:
                raise
            fix = "register_csv(...) and the like bring in other data; sql(..., options=datafusion.SQLOptions()) allows all"
            raise SchemaError(
                f"a statement that does more than read is refused ({found[1]})", "the query", fix
            ) from None


def _reading() -> datafusion.SQLOptions:
    return datafusion.SQLOptions().with_allow_ddl(False).with_allow_dml(False).with_allow_statements(False)
