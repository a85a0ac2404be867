"""The facts that every catalogue asks for: who made the data, what they are, under which licence, and how to prove it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from ..errors import ExportError
from ..manifest.models import Contributor, License, Manifest
from ..manifest.normal import parse_recorded
from ..reader import Package

ORCID = re.compile(r"^https?://(?:www\.)?orcid\.org/(\d{4}-\d{4}-\d{4}-\d{3}[\dXx])$")
DOI = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\d{4,9}/\S+)$", re.IGNORECASE)
SPDX = re.compile(r"^[A-Za-z0-9.+-]+$")
AUTHORS = {"author", "creator"}


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """A file that stands beside a description: its path from there, size, sha256, media type, and the table in it."""

    path: str
    bytes: int
    sha256: str
    media_type: str
    table: str | None = None


@dataclass(frozen=True, slots=True)
class DescribedColumn:
    """A column: its true name, its logical type as in the record, and what the manifest says of it."""

    name: str
    type: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class DescribedTable:
    """A table: what the manifest says of it, its columns, and the columns that tell its rows apart."""

    name: str
    rows: int
    digest: str
    description: str
    columns: tuple[DescribedColumn, ...]
    primary_key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class About:
    """A version of a package, as its manifest and its record describe it. `date` is that of the build (UTC)."""

    manifest: Manifest
    version: str
    date: str
    digest: str
    tables: tuple[DescribedTable, ...]

    @property
    def title(self) -> str:
        """What the data are called."""
        return self.manifest.title or self.manifest.name

    @property
    def description(self) -> str:
        """What the data are."""
        return self.manifest.description or self.title

    @property
    def authors(self) -> tuple[Contributor, ...]:
        """Contributors with the role of an author, or all where none has it."""
        people = [one for one in self.manifest.contributors if person_name(one)]
        authors = [one for one in people if AUTHORS & {role.lower() for role in one.roles}]
        return tuple(_each_once(authors or people).values())

    @property
    def others(self) -> tuple[Contributor, ...]:
        """The contributors that are no authors."""
        people = _each_once(one for one in self.manifest.contributors if person_name(one))
        authors = _each_once(self.authors)
        return tuple(one for person, one in people.items() if person not in authors)

    @property
    def doi(self) -> str | None:
        """The DOI that the manifest asks to cite, without any prefix."""
        found = DOI.match((self.manifest.citation or "").strip())
        return found[1] if found else None

    def needed(self, wanted: str, *keys: str) -> None:
        """Refuse a description that its format asks more for than the manifest says.

        Raises
        ------
        ExportError
            One of the manifest's `keys` is missing.
        """
        said = {"contributors": self.authors, "licenses": self.manifest.licenses}
        missing = [key for key in keys if not said[key]]
        if missing:
            named = " and ".join(f"`{key}:`" for key in missing)
            raise ExportError(
                f"{wanted} must say more than the manifest does: {named} is missing",
                self.manifest.name,
                f"add {named} to the manifest, build again, and export that version",
            )


def about(package: Package, names: Iterable[str] | None = None) -> About:
    """What is known of a version of a package, for these tables (default: all)."""
    manifest = parse_recorded(package.record.manifest, package.record.manifest_digest)
    return About(
        manifest,
        package.release or str(package.version),
        f"{package.created:%Y-%m-%d}",
        package.digest,
        tuple(_table(package, manifest, name) for name in (package.tables if names is None else names)),
    )


def licence_url(licence: License) -> str | None:
    """Where a licence can be read: its own address, or that of its name in the SPDX list, if it may be one of it.

    Examples
    --------
    >>> licence_url(License(name="CC0-1.0")), licence_url(License(name="our own"))
    ('https://spdx.org/licenses/CC0-1.0', None)
    """
    if licence.path and "://" in licence.path:
        return as_uri(licence.path)
    return f"https://spdx.org/licenses/{licence.name}" if SPDX.match(licence.name or "") else None


def as_uri(address: str) -> str:
    """An address as formats want it that take no blanks and no letters beyond ASCII.

    Examples
    --------
    >>> as_uri("https://example.org/ü b?x=%20#1")
    'https://example.org/%C3%BC%20b?x=%20#1'
    """
    return quote(address.strip(), safe="%/:?#[]@!$&'()*+,;=~")


def person_name(person: Contributor) -> str:
    """How a contributor is called."""
    parts = " ".join(part for part in (person.given_name, person.family_name) if part)
    return person.title or parts or person.organization or person.email or person.path or ""


def orcid(person: Contributor) -> str | None:
    """A contributor's ORCID, as the address that ORCID gives it.

    Examples
    --------
    >>> orcid(Contributor(path="http://orcid.org/0000-0002-1825-0097/"))
    'https://orcid.org/0000-0002-1825-0097'
    """
    found = ORCID.match((person.path or "").strip().rstrip("/"))
    return f"https://orcid.org/{found[1].upper()}" if found else None


def _each_once(people: Iterable[Contributor]) -> dict[str, Contributor]:
    """Contributors by what tells them from others: the ORCID, or all that is said of them but their roles."""
    found: dict[str, Contributor] = {}
    for one in people:
        found.setdefault(orcid(one) or one.model_dump_json(exclude={"roles"}), one)
    return found


def _table(package: Package, manifest: Manifest, name: str) -> DescribedTable:
    table = package[name]
    resource = next((one for one in manifest.resources if one.name == table.record.resource), None)
    own = resource is not None and resource.name == name
    schema = resource.table_schema if resource is not None and own else None
    said = {field.name: field.description or field.title or "" for field in schema.fields} if schema else {}
    texts = [resource.title, resource.description] if resource is not None and own else []
    return DescribedTable(
        name,
        len(table),
        table.digest,
        "\n\n".join(text for text in texts if text),
        tuple(
            DescribedColumn(column.name, column.type, said.get(column.name, ""))
            for column in table.record.columns
        ),
        tuple(schema.primary_key) if schema is not None else (),
    )
