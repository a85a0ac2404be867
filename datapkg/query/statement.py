"""What a query may be: one statement that only reads, over tables of the package.

DuckDB's own parser says what stands in it. All that is not known to read tables of the package is refused here, before
anything runs; the database that runs it is closed to files, settings and extensions too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import SchemaError, nearest

WHERE = "the query"
READS = 'a query only reads: write one statement such as "select Well, count(*) from frames group by Well"'
CARRIED = 'STRUCT("datapkg column" INTEGER, "row" BIGINT)'
"""The type that stands in a query for an image or a file."""
TABLE_FUNCTIONS = frozenset(["generate_series", "json_each", "json_tree", "range", "unnest"])
"""Functions that stand where a table may, and touch nothing but their arguments."""
NODES = frozenset(["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"])
TOKEN = re.compile(
    r"""(?P<skip>[eE]'(?:\\.|''|[^'\\])*' | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/)
    | (?P<name>[^\W\d]\w* | "(?:[^"]|"")+") (?:@(?P<version>[A-Za-z0-9](?:[A-Za-z0-9._+-]*[A-Za-z0-9_])?))?
    | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query as DuckDB gets it, and the tables that it names: ``frames`` or ``frames@1.0.0``.

    `own` are the names, without case, that it gives to parts of itself; elsewhere in it they may name tables.
    """

    text: str
    tables: tuple[str, ...]
    own: frozenset[str]


def statement(query: str, parser: Any) -> Statement:
    """Check a query, and find the tables that it names.

    Parameters
    ----------
    parser
        A DuckDB connection; nothing is run but its parser.

    Raises
    ------
    SchemaError
        It is no SQL, does more than read, or reads something else than tables.
    """
    if not isinstance(query, str):
        raise SchemaError(f"it is a {type(query).__name__}, not a text", WHERE, READS)
    text = versions_quoted(query)
    kinds = [one.type.name for one in parser.extract_statements(text)]
    if len(kinds) != 1:
        what = "there is no statement in it" if not kinds else f"there are {len(kinds)} statements in it"
        raise SchemaError(what, WHERE, READS)
    if kinds == ["MULTI"]:
        fix = "name the values: pivot frames on Channel in ('DAPI', 'GFP') using count(*)"
        raise SchemaError("it pivots on values that it does not name", WHERE, fix)
    if kinds != ["SELECT"]:
        word = kinds[0].lower().replace("_", " ")
        raise SchemaError(f"a statement of the kind {word!r} is refused", WHERE, READS)
    parsed = json.loads(parser.sql("select json_serialize_sql($1)", params=[text]).fetchall()[0][0])
    if parsed["error"]:
        raise SchemaError(f"it is refused: {parsed['error_message']}", WHERE, READS)
    own = frozenset(name.casefold() for node in _nodes(parsed) for name in _defined(node))
    named = dict.fromkeys(name for node in _nodes(parsed) for name in _tables(node))
    return Statement(text, tuple(named), own)


def versions_quoted(query: str) -> str:
    """Put names with a version into double quotes, as SQL wants them; texts and comments stay as they are.

    Examples
    --------
    >>> versions_quoted("from frames@1.0.0 old join frames using (path) where path <> 'frames@1'")
    'from "frames@1.0.0" old join frames using (path) where path <> \\'frames@1\\''
    """
    return "".join(
        f'"{token["name"].strip(chr(34))}@{token["version"]}"' if token["version"] else token[0]
        for token in TOKEN.finditer(query)
    )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All members of a parsed statement, however deep."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _nodes(one)


def _defined(node: dict[str, Any]) -> Iterator[str]:
    """Names that a query gives to parts of its own."""
    if isinstance(node.get("cte_map"), dict):
        yield from (str(entry["key"]) for entry in node["cte_map"]["map"])


def _tables(node: dict[str, Any]) -> Iterator[str]:
    """The tables that a part of a statement reads. Raises SchemaError where it does something else."""
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in NODES:
        word = kind.partition("_")[0].lower()
        raise SchemaError(f"a part of it would {word} rows", WHERE, READS)
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", ""))
        if name.lower() not in TABLE_FUNCTIONS:
            fix = f"read tables of the package; as functions: {', '.join(sorted(TABLE_FUNCTIONS))}"
            raise SchemaError(f"the function {name!r} may not stand where a table does", WHERE, fix)
    if kind == "SHOW_REF" and not node.get("query"):
        fix = "`pkg.tables` or `datapkg show PACKAGE` lists tables; `describe frames` a table's columns"
        raise SchemaError("it does not read a table of the package", WHERE, fix)
    if kind == "BASE_TABLE":
        if node.get("at_clause"):
            fix = "write the version behind the name: frames@1.0.0"
            raise SchemaError("`at` is not how a version is named here", WHERE, fix)
        yield ".".join(one for one in (node["catalog_name"], node["schema_name"], node["table_name"]) if one)


FIXES = (
    ("syntax error", READS),
    ("datapkg column", "compare images by image_digest, and measure files by filesize_bytes"),
    ("onver", "write try_cast(... as ...): what cannot be converted is missing then"),
    ("", "look it up in DuckDB's SQL"),
)
"""What to do, by a part of what DuckDB says."""


def explained(error: Exception, columns: Sequence[str]) -> SchemaError:
    """Say in one sentence what DuckDB refused.

    Parameters
    ----------
    columns
        All columns of the tables that the query names.
    """
    said = str(error)
    line = re.search(r"\nLINE (\d+):", said)
    where = f"{WHERE}, line {line[1]}" if line and line[1] != "1" else WHERE
    what = re.sub(r"^[\w ]*Error: ", "", said.partition("\n\n")[0].partition("\nLINE ")[0])
    found = re.search(r'[Cc]olumn (?:named )?"([^"]+)"', what)
    if found and ("not found" in what or "does not have" in what) and found[1] not in columns:
        fix = nearest(found[1], columns)
        if not fix.startswith("did"):
            fix = f"if it is text, put it into single quotes: '{found[1]}'; {fix}"
        return SchemaError(f"there is no column {found[1]!r}", where, fix)
    lines = [one.strip() for one in what.split("\n") if one.strip() and not one.startswith("Candidate")]
    message = " ".join(lines).partition(" Candidate functions:")[0]
    fix = next(fix for part, fix in FIXES if part in message)
    message = message.replace(CARRIED, "IMAGE")
    return SchemaError(f"it cannot be answered: {message[:1].lower()}{message[1:]}", where, fix)
