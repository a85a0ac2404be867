"""Bring a YAML tree into the models' shape, and say in plain words what does not fit.

Unknown keys are found here rather than by pydantic, since what one means depends on the file: a mistake in our
manifests, a warning in a Frictionless descriptor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ..errors import nearest
from .document import Node
from .mistakes import MISTAKE, Mistakes

Model = TypeVar("Model", bound=BaseModel)
Unknown = Callable[[Node, str, type[BaseModel]], None]
SET_BY_US = {"many", "as_listed"}

EXAMPLES = {
    "name": "name: plate2",
    "path": 'path: "profiles/*.csv"',
    "version": 'version: "1.0.0"',
    "resources": "resources: [{name: profiles, path: profiles.csv}]",
    "licenses": "licenses: [{name: CC-BY-4.0}]",
    "contributors": "contributors: [{title: Ada Lovelace}]",
    "sources": 'sources: [{title: IDR, path: "https://..."}]',
    "keywords": "keywords: [cell painting]",
    "allow": "allow: {plates: /mnt/plates}",
    "schema": "schema: {fields: [{name: Well, type: string}]}",
    "dialect": 'dialect: {delimiter: ";"}',
    "fields": "fields: [{name: Well, type: string}], or in a key fields: [Well]",
    "primaryKey": "primaryKey: [Well, Site]",
    "foreignKeys": "foreignKeys: [{fields: [file_name], reference: {resource: frames, fields: [file_name]}}]",
    "reference": "reference: {resource: frames, fields: [file_name]}",
    "missingValues": 'missingValues: ["", NA]',
    "keep": "keep: [bytes, array]",
    "positions": 'positions: "LT0001_02/C06/*"',
    "channels": "channels: [H2B]",
    "regions": "regions: [region___primary__primary]",
    "frames": 'frames: "0-9"',
    "derive": "derive: [{table: frames, column: blurred, function: skimage.filters:gaussian, input: image_array}]",
    "table": "table: frames",
    "query": 'query: "select id, ra, img from galaxies order by id"',
    "image": "image: img",
    "function": "function: skimage.filters:gaussian",
    "input": "input: image_array",
    "args": "args: {sigma: 5}",
    "column": "column: blurred",
    "on_error": "on_error: fail, or on_error: null",
    "batch_size": "batch_size: 32",
    "seed": "seed: 1",
    "constraints": "constraints: {required: true}",
    "bytes": "bytes: 1024",
    "members": 'members: "plate1/*.tif"',
}
ONE_OR_MANY = (
    "column",
    "path",
    "exclude",
    "members",
    "primaryKey",
    "input",
    "keep",
    "positions",
    "channels",
    "regions",
    "frames",
)
OTHER_WORDS = {
    "int": "integer", "int64": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "numeric": "number", "str": "string", "text": "string", "bool": "boolean",
    "logical": "boolean", "timestamp": "datetime", "image": "images", "tif": "images", "tiff": "images",
    "csv": "table", "cellh5": "ch5", "sqlite3": "sqlite", "db": "sqlite", "database": "sqlite", "pixels": "array", "file": "bytes",
}  # fmt: skip


@cache
def keys_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """The keys that a mapping may have, with their annotations."""
    return {
        info.alias or name: info.annotation
        for name, info in model.model_fields.items()
        if name not in SET_BY_US
    }


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model inside of ``tuple[Model, ...]``, ``Model | None`` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := inner_model(part))), None)


def is_list(annotation: Any) -> bool:
    """Whether ``tuple[Model, ...]`` is meant rather than one model."""
    return get_origin(annotation) is tuple or any(is_list(part) for part in get_args(annotation))


def known(node: Node, model: type[BaseModel], unknown: Unknown) -> Any:
    """The tree as plain values, without keys that have no value and keys that `model` does not know."""
    if isinstance(node.content, list):
        return [known(item, model, unknown) for item in node.content]
    if not isinstance(node.content, dict):
        return node.content
    keys, data = keys_of(model), {}
    for key, value in node.content.items():
        if key not in keys:
            unknown(node, key, model)
        elif value.content is not None:
            inner = inner_model(keys[key])
            fits = isinstance(value.content, list if is_list(keys[key]) else dict)
            data[key] = known(value, inner, unknown) if inner and fits else value.plain()
    return data


def unknown_key_fix(key: str, model: type[BaseModel]) -> str:
    """Where an unknown key belongs, or which one is meant."""
    for outer, annotation in keys_of(model).items():
        inner = inner_model(annotation)
        if inner and key in keys_of(inner):
            return f"it belongs into {'an entry of ' if is_list(annotation) else ''}{outer}"
    return nearest(key, keys_of(model))


def validated(model: type[Model], data: Any, node: Node, mistakes: Mistakes) -> Model | None:
    """Make the model, or say everything that does not fit."""
    try:
        return model.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            _say(one["type"], tuple(one["loc"]), dict(one.get("ctx", {})), node, mistakes)
    return None


def _say(
    kind: str, loc: tuple[str | int, ...], context: dict[str, Any], root: Node, mistakes: Mistakes
) -> None:
    node, depth = root.nearest(*loc)
    key = next((step for step in reversed(loc) if isinstance(step, str)), "the manifest")
    label = f"an entry of {key}" if loc and isinstance(loc[-1], int) and depth == len(loc) else key
    place = node.place
    if kind == MISTAKE:
        mistakes.add(place, str(context["what"]), str(context.get("fix", "")))
    elif kind == "missing":
        if mistakes.meant(key):
            return
        mapping = root.nearest(*loc[:-1])[0]
        what = f"{key} has no value" if key in mapping.keys else f"{key} is missing"
        fix = f"write {EXAMPLES[key]}" if key in EXAMPLES else f"add {key}:"
        mistakes.add(mapping.key_place(key), what, fix)
    else:
        mistakes.add(place, *sentence(kind, label, key, node, context))


def sentence(kind: str, label: str, key: str, node: Node, context: dict[str, Any]) -> tuple[str, str]:
    """What is wrong and how to mend it, for one of pydantic's types of errors."""
    example = f"write {EXAMPLES[key]}" if key in EXAMPLES else ""
    got = node.kind()
    if kind == "string_type":
        return f"{label} must be text, not {got}", _quoted(label, key, node) or example
    if kind == "literal_error":
        return _choice(label, node, context)
    if kind == "bool_type":
        return f"{label} must be true or false, not {got}", _truth(key, node)
    if kind in ("int_type", "int_parsing_size"):
        digits = str(node.content).replace("_", "").replace(",", "")
        return (
            f"{label} must be a whole number, not {got}",
            f"write {key}: {digits}" if digits.isdigit() else example,
        )
    if kind == "tuple_type":
        wanted = "text or a list" if key in ONE_OR_MANY else "a list"
        return f"{label} must be {wanted}, not {got}", example or f"write {key}: [a, b]"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        elsewhere = key in ("schema", "dialect") and isinstance(node.content, str)
        more = (
            f", or name a .json or .yaml file beside the manifest that holds the {key}" if elsewhere else ""
        )
        return f"{label} must be a mapping (key: value), not {got}", example + more
    if kind == "too_short":
        return f"{label} is empty", example
    if kind == "greater_than_equal":
        return f"{label} may not be less than {context['ge']}", example
    return f"{label} has a value that does not fit: {got}", example


def _quoted(label: str, key: str, node: Node) -> str:
    """How text is written that YAML takes for something else."""
    if key == "version" and node.written.isdigit():
        return f'write version: "{node.written}.0"'
    if node.written:
        return f'write {key}: "{node.written}"' if label == key else f'write "{node.written}"'
    inner = list(node.content.values()) if isinstance(node.content, dict) else node.items()
    braces = isinstance(node.content, dict) and all(value.content is None for value in inner)
    return "put it in quotes: text that begins with { or [ needs them" if braces else ""


def _truth(key: str, node: Node) -> str:
    word = str(node.content).lower()
    if word in ("yes", "y", "on", "1"):
        return f"write {key}: true"
    return f"write {key}: false" if word in ("no", "n", "off", "0") else ""


def _choice(label: str, node: Node, context: dict[str, Any]) -> tuple[str, str]:
    choices = re.findall(r"'([^']*)'", str(context["expected"]))
    written = str(node.content) if isinstance(node.content, str) else node.written
    meant = OTHER_WORDS.get(written.lower())
    fix = f"write {meant}" if meant in choices else nearest(written, choices)
    return f"{label} cannot be {node.kind()}", fix
