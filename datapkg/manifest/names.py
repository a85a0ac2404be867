"""Names that a package, a table and a release may have, and how other names are made to fit."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
TABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
RELEASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def table_name(true_name: str) -> str:
    """Make a name that comes from data fit a table; one that had to be changed ends in 6 digits of its hash.

    Examples
    --------
    >>> table_name("primary__test")
    'primary__test'
    >>> table_name("cell nuclei")
    'cell_nuclei_0daf0d'
    """
    if TABLE_NAME.fullmatch(true_name):
        return true_name
    import blake3

    fitted = re.sub(r"[^A-Za-z0-9_.-]", "_", true_name).lstrip("_.-")
    ending = blake3.blake3(true_name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{fitted}_{ending}" if fitted else ending


def package_name(text: str) -> str:
    """The nearest name that a package may have.

    Examples
    --------
    >>> package_name("NF1 plate 2")
    'nf1-plate-2'
    """
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._") or "datapackage"


def without_accents(text: str) -> str:
    """Text in letters that a name may have, where it has such in other dress.

    Examples
    --------
    >>> without_accents("Müller, Straße, Ångström")
    'Muller, Strasse, Angstrom'
    """
    return "".join(one for one in normalize("NFKD", text.replace("ß", "ss")) if not combining(one))


def suggested_table_name(text: str) -> str:
    """The nearest name that a person would give a table."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-") or "table1"
