"""Which addresses a manifest may name, and which files of an archive."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from ..addresses import ARCHIVES, BUCKETS, INSIDE, SCHEMES, WEB, has_secret, named, scheme_of, without_secrets
from .globs import has_glob
from .mistakes import mistake

LONGEST_PART = 255
NOT_IN_KEYS = re.compile(r"[%#\\]")


def names_many(path: str) -> bool:
    """Whether a path can name more than one file: a glob, which a web server knows nothing of.

    Examples
    --------
    >>> names_many("a/*.csv"), names_many("https://host/a.csv?v=1"), names_many("s3://bucket/*.csv")
    (True, False, True)
    """
    scheme = scheme_of(path)
    return has_glob(path.partition("://")[2]) if scheme in BUCKETS else not scheme and has_glob(path)


def is_archive(path: str) -> bool:
    """Whether a path's suffix says that it is an archive, whose files `members` chooses."""
    return named(path).lower().endswith(ARCHIVES)


def source_address(text: str) -> str:
    """An address that a build may open, with its scheme and host in lower case."""
    scheme, shown = scheme_of(text), without_secrets(text)
    if scheme not in SCHEMES:
        fix = f"write one of {', '.join(f'{one}://' for one in SCHEMES)}, or download the file and give its path"
        raise mistake(f"{scheme}:// addresses are not opened ({shown!r})", fix)
    if has_secret(text):
        fix = "take it out: a record of the package would show it. Logins of web servers belong in ~/.netrc, keys of buckets in the environment"
        raise mistake(f"{shown!r} holds a password, key or signature", fix)
    if re.search(r"[\s\\]", text) or INSIDE in text:
        fix = "write %20 for a space, %21 for ! before a slash, and / between folders"
        raise mistake(f"{shown!r} has a space, a backslash or !/ in it", fix)
    host, _, path = text.partition("://")[2].partition("/")
    if scheme == "file":
        _check_file(text, host, path)
    elif not host or not path.strip("/") or path.startswith("?"):
        raise mistake(f"{shown!r} names no file", f"write it like {scheme}://host/folder/a.csv")
    if scheme in WEB:
        _check_web(text, path)
    elif scheme in BUCKETS:
        _check_key(text, path, scheme)
    return f"{scheme}://{host.lower() if scheme in WEB else host}/{path}"


def members_glob(text: str) -> str:
    """A glob of files of an archive, seen from its top."""
    if "\\" in text:
        raise mistake(f"{text!r} has backslashes", f"write / in every archive: {text.replace(chr(92), '/')}")
    parts = [part for part in unicodedata.normalize("NFC", text).split("/") if part != "."]
    if not text or "" in parts or ".." in parts or text.startswith("@"):
        fix = 'write it as it is seen from the top of the archive, such as "plate1/*.tif"'
        raise mistake(f"{text!r} names no files of an archive", fix)
    return "/".join(parts)


def _check_file(text: str, host: str, path: str) -> None:
    if host not in ("", "localhost") or not path or text.endswith("/"):
        raise mistake(f"{text!r} names no file of this machine", "write it like file:///data/plate/a.csv")
    if ".." in path.split("/") or has_glob(path):
        fix = "write the file's own name, or a path as it is seen from root, which may be a glob"
        raise mistake(f"{text!r} has .. or a glob in it", fix)


def _check_web(text: str, path: str) -> None:
    try:
        urlsplit(text).port  # noqa: B018 - it raises where it is no number
    except ValueError:
        raise mistake(f"{text!r} is no address", "correct the host, or the port behind it") from None
    if "#" in text:
        fix = f"write {text.partition('#')[0]}"
        raise mistake(f"{text!r} has a #, which names a part of a page and is never sent", fix)
    path, mark, query = path.partition("?")
    if "*" in path:
        fix = "list the addresses, or name an archive and choose its files with members; only s3://, gs:// and az:// can be listed"
        raise mistake(f"{text!r} is a glob, and a web server does not list its files", fix)
    _check_parts(text, [*path.rstrip("/").split("/"), mark + query])


def _check_key(text: str, path: str, scheme: str) -> None:
    if NOT_IN_KEYS.search(path):
        fix = f"give the object another key, or name its {scheme}:// address as https://"
        raise mistake(f"{text!r} has one of % # \\ in it, which programs read in different ways", fix)
    if path.endswith("/"):
        raise mistake(f"{text!r} names a folder", f"say which files in it: {text}*.csv")
    _check_parts(text, path.split("/"))


def _check_parts(text: str, parts: list[str]) -> None:
    if {"..", "."} & set(parts) or "" in parts[:-1]:
        raise mistake(f"{text!r} has an empty part, . or .. in its path", "write the address without it")
    if any(len(part.encode()) > LONGEST_PART for part in parts):
        fix = "find a shorter address of the file"
        raise mistake(f"a part of {text[:60]!r}... is longer than {LONGEST_PART} bytes", fix)
