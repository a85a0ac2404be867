"""RO-Crate 1.2: the ``ro-crate-metadata.json`` of a folder of exported files, for archives and workflow systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..manifest.models import Contributor
from .about import About, DescribedFile, licence_url
from .schema_org import facts, file_facts, person

NAME = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.2"


def ro_crate(about: About, files: Sequence[DescribedFile]) -> dict[str, Any]:
    """Describe a folder: the data set, each of its files, and everybody that the manifest names.

    Raises
    ------
    ExportError
        The manifest has no licence, which a crate must have.
    """
    about.needed("an RO-Crate", "licenses")
    licences = [
        _licence(licence_url(one) or f"#licence-{number}", one.title or one.name)
        for number, one in enumerate(about.manifest.licenses, 1)
    ]
    licences = list({one["@id"]: one for one in licences}.values())
    authors = [_person(number, one) for number, one in enumerate(about.authors)]
    others = [_person(number, one) for number, one in enumerate(about.others, len(authors))]
    parts = [{"@id": quote(file.path), "@type": "File", **file_facts(file)} for file in files]
    root = {
        "@id": "./",
        "@type": "Dataset",
        **facts(about),
        "license": _references(licences),
        "author": _references(authors),
        "contributor": _references(others),
        "hasPart": _references(parts),
    }
    descriptor = {
        "@id": NAME,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": SPECIFICATION},
    }
    stated = {key: value for key, value in root.items() if value != []}
    return {
        "@context": f"{SPECIFICATION}/context",
        "@graph": [descriptor, stated, *licences, *authors, *others, *parts],
    }


def _licence(address: str, name: str | None) -> dict[str, Any]:
    return {"@id": address, "@type": "CreativeWork", "name": name or address}


def _person(number: int, one: Contributor) -> dict[str, Any]:
    value = {"@id": f"#contributor-{number + 1}"} | person(one)
    if "affiliation" in value:
        value["affiliation"] = value["affiliation"]["name"]
    return value


def _references(entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"@id": entity["@id"]} for entity in entities]
