"""What single values may be: each check returns the value as it is meant, or says what is wrong with it.

The checks run inside of the models, so that pydantic reports all of them at once, each with its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from pydantic_core import PydanticCustomError

from ..addresses import has_secret, scheme_of, without_secrets
from ..errors import ManifestError
from .addresses import source_address
from .mistakes import mistake
from .names import PACKAGE_NAME, RELEASE_NAME, TABLE_NAME, package_name, suggested_table_name
from .pattern import PathPattern
from .types import TypeTextError, type_tree

HASH_DIGITS = {"sha256": 64, "md5": 32, "sha1": 40, "sha512": 128, "sha384": 96, "sha224": 56}
"""The kinds of hashes that a file may be held against, and how many hex digits each has."""
FRAMES = re.compile(r"[0-9]{1,9} *- *[0-9]{1,9}")


def package(text: str) -> str:
    """A package's name."""
    if PACKAGE_NAME.fullmatch(text):
        return text
    what = f"{text!r} cannot name a package: only lower-case letters, digits, '.', '_' and '-', and a letter or digit first"
    raise mistake(what, f"write name: {package_name(text)}")


def table(text: str) -> str:
    """A table's name."""
    if TABLE_NAME.fullmatch(text):
        return text
    what = (
        f"{text!r} cannot name a table: only letters, digits, '_', '.' and '-', and a letter or digit first"
    )
    raise mistake(what, f"write {suggested_table_name(text)}")


def release(text: str) -> str:
    """A release's name; digits alone would be a version number."""
    if text.isdigit():
        raise mistake(f"{text!r} cannot name a release: whole numbers are versions", f'write "{text}.0"')
    if not RELEASE_NAME.fullmatch(text):
        raise mistake(
            f"{text!r} cannot name a release: at most 64 letters, digits, '.', '_', '+' and '-', and a letter or digit first",
            'write something like "1.0.0"',
        )
    return text


def source_path(text: str) -> str:
    """An address, or a file or glob below the root, with ``/`` and in Unicode NFC, without ``.`` parts."""
    if scheme_of(text):
        return source_address(text)
    _check_characters(text)
    if text.startswith("~"):
        what = f"{text!r} begins with ~, which has no meaning here"
        raise mistake(what, "write the path as it is seen from root, and set root to a folder above it")
    if text.startswith("/") or re.match(r"[A-Za-z]:(/|$)", text):
        fix = "write it as it is seen from root, or name its folder in allow (allow: {plates: /mnt/plates}) and write @plates/..."
        raise mistake(f"{text!r} is an absolute path, which another machine does not have", fix)
    parts = [part for part in unicodedata.normalize("NFC", text).split("/") if part not in ("", ".")]
    parts = [part for at, part in enumerate(parts) if part != "**" or parts[at + 1 : at + 2] != ["**"]]
    if ".." in parts:
        fix = "set root to the folder above, or name the other folder in allow and write @name/..."
        raise mistake(f"{text!r} leaves the root by ..", fix)
    if not parts or text.endswith("/") or (parts[0].startswith("@") and len(parts) == 1):
        raise mistake(f"{text!r} names a folder", f"say which files in it: {'/'.join([*parts, '*.csv'])}")
    _check_stars(parts)
    return "/".join(parts)


def exclude_path(text: str) -> str:
    """A glob of files to leave out."""
    if scheme_of(text):
        return text if "*" in text and not has_secret(text) else source_address(text)
    if text.endswith("/"):
        raise mistake(f"{text!r} names a folder", f"write {text}** for everything in it")
    return source_path(text)


def folder(text: str) -> str:
    """The place of `root` or of a folder in `allow`."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        fix = "name a folder here, and write whole addresses as paths"
        raise mistake(f"{without_secrets(text)!r} is no folder of this machine", fix)
    _check_characters(text)
    return text


def allow_name(text: str) -> str:
    """The name of a folder in `allow`, which paths begin with as ``@name/``."""
    if TABLE_NAME.fullmatch(text):
        return text
    what = f"{text!r} cannot name a folder of allow: only letters, digits, '_', '.' and '-'"
    raise mistake(
        what, f"write {suggested_table_name(text)}; paths begin with @{suggested_table_name(text)}/"
    )


def _check_characters(text: str) -> None:
    if not text:
        raise mistake("the path is empty", "name a file, or a glob such as profiles/*.csv")
    if "\\" in text:
        raise mistake(f"{text!r} has backslashes", f"write / on every system: {text.replace(chr(92), '/')}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        fix = "in double quotes a backslash begins an escape (\\t is a tab): write / between folders"
        raise mistake(f"{text!r} has characters that no file name has", fix)


def _check_stars(parts: list[str]) -> None:
    for part in parts:
        if "**" in part and part != "**":
            fixed = part.replace("**", "**/*", 1) if part.startswith("**") else re.sub(r"\*+", "*", part)
            raise mistake(f"** must stand alone between slashes, not in {part!r}", f"write {fixed}")
    if parts[-1] == "**":
        return
    if "***" in parts[-1]:
        raise mistake(f"{parts[-1]!r} has more than two stars", "write * or **")


def pattern(text: str) -> str:
    """A pattern for columns from the path, compiled once to see that it can be."""
    try:
        PathPattern(text)
    except ManifestError as error:
        raise mistake(error.what, error.fix) from None
    return unicodedata.normalize("NFC", text)


def file_hash(text: str) -> str:
    """A file's hash, as ``sha256:`` and 64 hex digits, or one of the other kinds that descriptors have."""
    algorithm, colon, digits = text.lower().rpartition(":")
    length = HASH_DIGITS.get(algorithm or "sha256", 64)
    if re.fullmatch(f"[0-9a-f]{{{length}}}", digits) and algorithm in ("", *HASH_DIGITS):
        if colon:
            return text.lower()
        raise mistake("the hash does not say its kind", f'write hash: "sha256:{digits}"')
    kind = algorithm if algorithm in HASH_DIGITS else "sha256"
    what = f"{text!r} is not a {kind} hash: '{kind}:' and {length} hex digits"
    raise mistake(what, f"take it from `{kind}sum FILE`, or leave hash out")


def inline(value: Any) -> Any:
    """A table that stands in the manifest itself: its rows, or the text of a CSV file."""
    if isinstance(value, str) and value.strip():
        return value
    rows = value if isinstance(value, list) else [None]
    if all(isinstance(row, list) for row in rows) or all(isinstance(row, dict) for row in rows):
        return value
    what = "data must be a list of rows: each a list of cells, the first with the names, or each a mapping"
    raise mistake(what, "write data: [[Well, Gene], [A01, KIF11]], or give the path of a file")


def encoding(text: str) -> str:
    """A text encoding that Python knows."""
    try:
        b"a".decode(text, "replace")  # Python looks no codec up for nothing
    except (LookupError, ValueError):
        fix = "write utf-8, utf-16, latin-1, cp1252 (Windows), mac_roman, shift_jis ..."
        raise mistake(f"there is no encoding {text!r}", fix) from None
    return text


def one_character(text: str) -> str:
    """A character that a dialect uses."""
    if len(text) == 1:
        return text
    tab = text.lower() in ("\\t", "tab")
    fix = 'for a tab write "\\t" in double quotes' if tab else 'write it in double quotes, such as ";"'
    raise mistake(f"{text!r} is not one character", fix)


def quote_character(text: str) -> str:
    """The character around text; empty where quotes mean nothing."""
    return one_character(text) if text else text


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema that makes sense, and fetches nothing from elsewhere."""
    from jsonschema import SchemaError, validators

    try:
        validators.validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise mistake(f"this is no JSON Schema ({error.message})", "see https://json-schema.org") from None
    elsewhere = [one for one in _references(schema) if not one.startswith("#")]
    if elsewhere:
        raise mistake(
            f"the JSON Schema refers to {elsewhere[0]!r}, which is not in it", "write it into $defs"
        )
    return schema


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def function(text: str) -> str:
    """A function's place, ``module:name`` or ``file.py:name``; nothing is imported."""
    place, colon, name = text.rpartition(":")
    named = bool(colon) and all(part.isidentifier() for part in name.split("."))
    if named and place.endswith(".py"):
        if "\\" in place or place.startswith(("/", "~")) or ":" in place or ".." in place.split("/"):
            fix = f"put the file beside the manifest and write {place.replace(chr(92), '/').split('/')[-1]}:{name}"
            raise mistake(f"{text!r} is not beside the manifest", fix)
        return text
    if named and place and all(part.isidentifier() for part in place.split(".")):
        return text
    module, _, last = text.rpartition(".")
    dotted = module and not colon and all(part.isidentifier() for part in text.split("."))
    if last == "py" and not colon:
        fix = f"write {text}:name, with the name of a function in it"
    elif dotted:
        fix = f"write {module}:{last}"
    else:
        fix = "write module:name, or file.py:name for a file beside the manifest"
    raise mistake(f"{text!r} does not name a function", fix)


def derived_name(text: str) -> str:
    """The name of a derived column."""
    if not text.strip():
        raise mistake("a column needs a name", "write column: blurred")
    return text


def output(value: Any) -> str | tuple[str, ...] | dict[str, str]:
    """The type of what a function gives: one, one for each of several columns, or by column for a table."""
    for text in value if isinstance(value, list) else value.values() if isinstance(value, dict) else (value,):
        if not isinstance(text, str):
            fix = "write output: float32, a list of types, or with into: {crop: image, label: int32}"
            raise mistake(f"{text!r} is no type", fix)
        try:
            type_tree(text)
        except TypeTextError as error:
            raise mistake(str(error), error.fix) from None
    if not value:
        raise mistake("output names no type", "write output: float32, or remove output")
    return tuple(value) if isinstance(value, list) else value


def seconds(value: Any) -> float:
    """A length of time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise mistake(f"{value!r} is no length of time", "write seconds, such as timeout_s: 60")
    return float(value)


def parts_kept(value: tuple[str, ...]) -> tuple[str, ...]:
    """What is stored of an image, in one order whatever the order in the manifest."""
    if not value or len(set(value)) < len(value):
        raise mistake("keep must name bytes, array, or both once", "write keep: [bytes, array]")
    return tuple(part for part in ("bytes", "array") if part in value)


def some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """A list that may not be empty. (pydantic's own check also counts entries that failed, and says so twice.)"""
    if not value:
        raise PydanticCustomError("too_short", "empty")
    return value


def as_tuple(value: Any) -> Any:
    """A YAML list as a tuple, since models are frozen."""
    return tuple(value) if isinstance(value, list) else value


def one_or_many(value: Any) -> Any:
    """The short form of a list of one: the text alone."""
    return (value,) if isinstance(value, str) else as_tuple(value)


def one_value_or_many(value: Any) -> Any:
    """As `one_or_many`, where numbers are values too."""
    return (value,) if isinstance(value, (str, int, float)) else as_tuple(value)


def position_glob(text: str) -> str:
    """A plate, a well and a site, each a name or a glob."""
    parts = text.split("/")
    if len(parts) != 3 or not all(parts):
        fix = 'write "plate/well/site" with * for any, such as "LT0001_02/C06/*"'
        raise mistake(f"{text!r} does not say plate, well and site", fix)
    if "**" in parts:
        raise mistake(f"** has no meaning in {text!r}", f'write "{text.replace("**", "*")}"')
    return text


def plane_choice(value: Any) -> str | int:
    """A channel or a region: its name in the file, or its number."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise mistake(
        f"{value!r} is neither a name nor a number", "write names as in the file, or numbers from 0 on"
    )


def frame_choice(value: Any) -> str | int:
    """A frame, or the first and last of some."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = FRAMES.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        fix = 'write whole numbers from 0 on, or first and last such as "0-9"'
        raise mistake(f"{value!r} names no frames", fix)
    first, last = frame_span(value)
    if last < first:
        raise mistake(f"the frames {value!r} end before they begin", f'write "{last}-{first}"')
    return str(value)


def frame_span(choice: str | int) -> tuple[int, int]:
    """The first and the last frame of a choice.

    Examples
    --------
    >>> frame_span(3), frame_span("0-9")
    ((3, 3), (0, 9))
    """
    if isinstance(choice, int):
        return choice, choice
    first, last = choice.split("-")
    return int(first), int(last)


def missing_value(value: Any) -> Any:
    """Frictionless may give a missing value with a label; the value is what counts."""
    return value["value"] if isinstance(value, dict) and isinstance(value.get("value"), str) else value
