"""All tables of a version in a DataFusion session, under their true names.

Lance hands its pinned tables to DataFusion, which must be of the major version that pylance was built with. A table with
a name that Lance stores in another spelling becomes a view; conditions and columns reach Lance through it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import requires
from typing import TYPE_CHECKING, Any

from ..errors import ExportError
from ..opened import OpenVersion
from .optional import optional

if TYPE_CHECKING:
    import datafusion

MAJOR = re.compile(r"datafusion>=(\d+)")


def session(opened: OpenVersion) -> datafusion.SessionContext:
    """Make a session with all tables of a version.

    Raises
    ------
    ExportError
        datafusion is not installed, or is of another major version.
    """
    library = optional("datafusion")
    major = major_of_lance()
    if library.__version__.partition(".")[0] != major:
        what = f"datafusion {library.__version__} is installed, which Lance's tables do not fit"
        raise ExportError(what, "this Python", f"pip install 'datafusion=={major}.*'")
    from .session import ReadingSession

    context = ReadingSession()
    for record in (*opened.record.tables, opened.record.sources):
        rows = opened.rows(record.name)
        rows.check()
        renamed = any(column.name != column.stored for column in record.columns)
        stored = f"{record.name}, as stored" if renamed else record.name
        context.register_table(_quoted(stored), LastingTable(rows.pinned.provider()))
        if renamed:
            shown = [library.col(_quoted(c.stored)).alias(c.name) for c in record.columns]
            context.register_view(_quoted(record.name), context.table(_quoted(stored)).select(*shown))
    return context


class LastingTable:
    """A table that a query can still read when the session that began it is gone, as in one line of calls.

    DataFusion lets a table ask a session for what its conditions mean, and forgets that session with its name: so it is one
    that lasts as long as the process.
    """

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def __datafusion_table_provider__(self, session: Any) -> object:
        return self._provider.__datafusion_table_provider__(_lasting_session())


@cache
def _lasting_session() -> datafusion.SessionContext:
    return optional("datafusion").SessionContext()  # type: ignore[no-any-return]


def major_of_lance() -> str:
    """The major version of DataFusion that the installed pylance is built with, which its own tests ask for."""
    (major,) = {found[1] for one in requires("pylance") or () if (found := MAJOR.match(one))}
    return major


def _quoted(name: str) -> str:
    """A name as it is: DataFusion makes others lower-case, and takes dots for schemas."""
    return '"' + name.replace('"', '""') + '"'
