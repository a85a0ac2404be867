"""CITATION.cff: how to cite a package, as GitHub, Zenodo and Zotero read it (Citation File Format 1.2.0)."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from ..descriptor import EMAIL
from ..manifest.models import Contributor
from .about import About, as_uri, licence_url, orcid, person_name

LICENCES = frozenset(
    {
        *(f"CC-BY{part}-{version}" for part in ("", "-SA", "-NC", "-ND", "-NC-SA", "-NC-ND") for version in ("3.0", "4.0")),
        "CC0-1.0", "PDDL-1.0", "ODbL-1.0", "ODC-By-1.0", "CDLA-Permissive-1.0",
        "MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "GPL-3.0-only", "GPL-3.0-or-later",
    }
)  # fmt: skip
"""Names that the format's own list of licences has; another is told by its address."""
DOI = re.compile(r"10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+")
WEB = re.compile(r"(https?|s?ftp)://.+")
"""What the format takes as a DOI, which is less than there are, and as an address."""


def citation(about: About) -> str:
    """Write a CITATION.cff.

    Raises
    ------
    ExportError
        The manifest names nobody to cite.
    """
    from ruamel.yaml import YAML

    about.needed("a CITATION.cff", "contributors")
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.allow_unicode = True
    yaml.dump(_content(about), text)
    return text.getvalue()


def _content(about: About) -> dict[str, Any]:
    manifest = about.manifest
    value: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "Please cite these data by the words below.",
        "type": "dataset",
        "title": about.title,
        "version": about.version,
        "date-released": about.date,
        "authors": [_author(one) for one in about.authors],
        "identifiers": [
            {"type": "other", "value": f"blake3:{about.digest}", "description": "The digest of all content."}
        ],
    }
    if about.doi and DOI.fullmatch(about.doi):
        value["doi"] = about.doi
    elif about.doi:
        value["identifiers"].append({"type": "url", "value": as_uri(f"https://doi.org/{about.doi}")})
    elif manifest.citation:
        value["message"] = f"Please cite these data as: {manifest.citation}"
    if manifest.description:
        value["abstract"] = manifest.description
    if keywords := [word for word in dict.fromkeys(manifest.keywords) if word]:
        value["keywords"] = keywords
    if manifest.homepage and WEB.match(manifest.homepage):
        value["url"] = as_uri(manifest.homepage)
    return value | _licence(about)


def _licence(about: About) -> dict[str, Any]:
    """The licences' names where the format knows all of them, else the first one's address."""
    licences = about.manifest.licenses
    names = [one.name for one in licences if one.name in LICENCES]
    if licences and len(names) == len(licences):
        return {"license": names[0] if len(names) == 1 else names}
    urls = (licence_url(one) for one in licences)
    url = next((url for url in urls if url and WEB.match(url)), None)
    return {"license-url": url} if url else {}


def _author(one: Contributor) -> dict[str, Any]:
    """A person by given and family name, anybody else by the one name that the manifest has."""
    if one.family_name or one.given_name:
        value = {
            "family-names": one.family_name,
            "given-names": one.given_name,
            "affiliation": one.organization,
        }
    else:
        value = {"name": person_name(one)}
    value |= {"orcid": orcid(one), "email": one.email if EMAIL.fullmatch(one.email or "") else None}
    return {key: part for key, part in value.items() if part}
