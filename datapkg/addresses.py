"""What the text of a source's path says: whether it is an address, and which folder its other files are looked for in.

A source on the web is shown as its address, a file of an archive as the archive's path, ``!/``, and its name there:
``https://host/plate.zip!/images/a.tif``. Both stay what they are wherever the bytes are fetched from.
"""

from __future__ import annotations

import re

SCHEMES = ("https", "http", "s3", "gs", "az", "file")
"""Nothing else is ever opened."""
BUCKETS = ("s3", "gs", "az")
"""What can be listed, so that a glob means something."""
WEB = ("https", "http")
INSIDE = "!/"
"""Stands between an archive's path and the name of a file in it."""
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_ROOT = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]+://[^!]*?!/|[A-Za-z][A-Za-z0-9+.-]+://[^/]*/?|.*?\.(?:zip|tar|tgz|tar\.gz)!/|@[^/]*/",
    re.IGNORECASE | re.DOTALL,
)
_SECRETS = re.compile(
    r"(?i)(^|[?&;])(x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid"
    r"|signature|sig|(?:access_?|auth_?|private_?|refresh_?|id_)?token|api_?key|secret|password|passwd|pwd)=[^&;]*"
)


def scheme_of(path: str) -> str:
    """The scheme of an address in lower case; nothing for a path on this machine.

    Examples
    --------
    >>> scheme_of("S3://screens/a.csv"), scheme_of("plates/a.csv")
    ('s3', '')
    """
    found = _ADDRESS.match(path)
    return found[1].lower() if found else ""


def root_of(path: str) -> str:
    """The beginning of a path that names where it is looked for: a host, a bucket, an archive, a folder of `allow`.

    Examples
    --------
    >>> root_of("https://host/a/b.tif"), root_of("s3://bucket/x.zip!/a.tif"), root_of("@nas/a.tif"), root_of("a/b.tif")
    ('https://host/', 's3://bucket/x.zip!/', '@nas/', '')
    """
    found = _ROOT.match(path)
    return found[0] if found else ""


def in_archive(path: str) -> bool:
    """Whether a source is a file of an archive."""
    return INSIDE in path and root_of(path).endswith(INSIDE)


def named(path: str) -> str:
    """A path as far as it names a file: an address without its query and a slash at its end.

    Examples
    --------
    >>> named("https://host/a.csv.gz?download=1"), named("what?.csv")
    ('https://host/a.csv.gz', 'what?.csv')
    """
    if scheme_of(path) not in WEB or in_archive(path):
        return path
    return path.partition("?")[0].rstrip("/")


def as_file_path(path: str) -> str:
    """A source's path as one below a folder, for files that are written out again.

    Examples
    --------
    >>> as_file_path("https://host/a/b.tif?v=1/2"), as_file_path("s3://bucket/d.zip!/a.tif"), as_file_path("a/b.tif")
    ('host/a/b.tif?v=1%2F2', 'bucket/d.zip/a.tif', 'a/b.tif')
    """
    root = root_of(path)
    inside = path.removeprefix(root)
    if scheme_of(path) in WEB and not in_archive(path):
        inside, mark, query = inside.partition("?")
        inside = f"{inside.rstrip('/')}{mark}{query.replace('/', '%2F')}"
    root = root.partition("://")[2] if scheme_of(path) else root
    return f"{root.replace(INSIDE, '/').lstrip('/')}{inside}"


def has_secret(address: str) -> bool:
    """Whether an address holds a name with a password, or a signature, key or token in its query."""
    return "@" in _authority(address) or _SECRETS.search(address.partition("?")[2]) is not None


def without_secrets(text: str) -> str:
    """An address as it may be shown.

    Examples
    --------
    >>> without_secrets("https://me:secret@host/a.csv?sig=abc&v=1"), without_secrets("plates/a.csv")
    ('https://host/a.csv?sig=...&v=1', 'plates/a.csv')
    """
    scheme = scheme_of(text)
    if not scheme:
        return text
    authority = _authority(text)
    behind = text[len(scheme) + 3 + len(authority) :]
    path, mark, query = behind.partition("?")
    query = _SECRETS.sub(r"\1\2=...", query)
    return f"{scheme}://{authority.rpartition('@')[2]}{path}{mark}{query}"


def _authority(address: str) -> str:
    return re.split(r"[/?#]", address.partition("://")[2], maxsplit=1)[0]
