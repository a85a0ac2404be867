"""schema.org's Dataset as JSON-LD: what search engines for data read from a page, and what Croissant and RO-Crate build on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..manifest.models import Contributor
from .about import About, DescribedFile, licence_url, orcid, person_name


def schema_org(about: About, files: Sequence[DescribedFile] = ()) -> dict[str, Any]:
    """Describe a package as a Dataset that stands for itself."""
    downloads = [{"@type": "DataDownload", "contentUrl": file.path, **file_facts(file)} for file in files]
    value = {"@context": "https://schema.org/", "@type": "Dataset", **facts(about)}
    value["creator"] = [person(one) for one in about.authors]
    value["contributor"] = [person(one) for one in about.others]
    value["distribution"] = downloads
    return {key: one for key, one in value.items() if one not in (None, [], "")}


def facts(about: About) -> dict[str, Any]:
    """What a Dataset says of itself, beside people and files; what the manifest does not say is left out."""
    manifest = about.manifest
    licences = [url for one in manifest.licenses if (url := licence_url(one) or one.title or one.name)]
    value = {
        "name": about.title,
        "alternateName": manifest.name,
        "description": about.description,
        "license": licences[0] if len(licences) == 1 else licences,
        "keywords": list(manifest.keywords),
        "url": manifest.homepage,
        "version": about.version,
        "datePublished": about.date,
        "citation": f"https://doi.org/{about.doi}" if about.doi else manifest.citation,
        "isBasedOn": [one.path for one in manifest.sources if one.path],
        "identifier": f"blake3:{about.digest}",
    }
    return {key: one for key, one in value.items() if one not in (None, [], "")}


def file_facts(file: DescribedFile) -> dict[str, Any]:
    """What a file says of itself, beside where it is."""
    return {
        "name": file.path,
        "encodingFormat": file.media_type,
        "contentSize": f"{file.bytes} B",
        "sha256": file.sha256,
    }


def person(one: Contributor) -> dict[str, Any]:
    """A contributor: a person where that is known, else an organisation."""
    human = bool(orcid(one) or one.family_name or one.given_name)
    employer = {"@type": "Organization", "name": one.organization} if one.organization else None
    value = {
        "@type": "Person" if human else "Organization",
        "@id": orcid(one),
        "name": person_name(one),
        "givenName": one.given_name,
        "familyName": one.family_name,
        "email": one.email,
        "url": None if orcid(one) else one.path,
        "affiliation": employer if human else None,
    }
    return {key: part for key, part in value.items() if part}
