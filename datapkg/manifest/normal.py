"""A manifest without comments, formatting and places: what is compared, hashed, and recorded."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from .blank import RECORDED, blanked
from .kinds import is_many
from .load import read_text
from .mistakes import Mistakes
from .models import Manifest, Resource

DESCRIPTIVE = ("title", "description", "licenses", "sources")
WHICH_FILES = ("path", "members", "data", "exclude", "optional", "empty", "hash", "bytes")
FIELD_DESCRIPTIVE = ("title", "description", "rdfType", "example")
__all__ = ["blanked", "manifest_digest", "normalised", "parse_recorded", "settings_digest"]


def normalised(manifest: Manifest) -> str:
    """Canonical JSON: sorted keys, defaults left out, so that a key that a later release adds changes nothing.

    The places of `root` and `allow` differ between machines, and are left out.

    Examples
    --------
    >>> wells = Resource(name="wells", path=("wells.csv",), type="table", keep=("bytes", "array"))
    >>> normalised(Manifest(name="plate", root="../data", resources=(wells,)))
    '{"name":"plate","resources":[{"name":"wells","path":"wells.csv","type":"table"}]}'
    """
    said = _said(manifest)
    said.pop("root", None)
    said.pop("allow", None)
    said["resources"] = [_resource(resource) for resource in manifest.resources]
    return _json(said)


def manifest_digest(manifest: Manifest) -> str:
    """Hex BLAKE3 of the normalised manifest."""
    return _blake3(normalised(manifest))


def settings_digest(resource: Resource) -> str:
    """Hex BLAKE3 of everything about a resource that can change the rows that a file of it gives.

    What only describes the data, and what only says which files there are, is not in it: a longer list of paths
    leaves the rows of every file alone.
    """
    said = _resource(resource)
    for key in (*DESCRIPTIVE, *WHICH_FILES):
        said.pop(key, None)
    for field in said.get("schema", {}).get("fields", ()):
        for key in FIELD_DESCRIPTIVE:
            field.pop(key, None)
    return _blake3(_json({**said, "many": resource.many}))


def parse_recorded(text: str, digest: str = "") -> Manifest:
    """Understand a recorded manifest again, without a look at any file.

    Parameters
    ----------
    text
        What `blanked` gave.
    digest
        The manifest's recorded digest, which tells a Frictionless descriptor from a manifest of ours.

    Raises
    ------
    ManifestError
        The text is no manifest that this release understands.
    """
    found: list[Manifest] = []
    mistakes: list[Mistakes] = []
    for descriptor in (False, True):
        mistakes.append(Mistakes(RECORDED))
        manifest = read_text(text, mistakes[-1], descriptor).manifest
        if manifest is not None and not mistakes[-1]:
            if manifest_digest(manifest) == digest or not digest:
                return manifest
            found.append(manifest)
    if not found:
        mistakes[0].raise_any()
    return found[0]


def _said(model: Any) -> dict[str, Any]:
    said: dict[str, Any] = model.model_dump(mode="python", by_alias=True, exclude_defaults=True)
    return said


def _resource(resource: Resource) -> dict[str, Any]:
    """What a resource says; a list of one path is not the same as that path alone."""
    said = _said(resource)
    paths = [unicodedata.normalize("NFC", path) for path in resource.path]
    alone = len(paths) == 1 and is_many(paths[0]) == resource.many
    if paths:
        said["path"] = paths[0] if alone else paths
    return said


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _blake3(text: str) -> str:
    import blake3

    return str(blake3.blake3(text.encode()).hexdigest())
