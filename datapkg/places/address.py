"""Addresses in object stores, and what it takes to reach them.

Credentials come from where all tools look for them: options, the environment, a profile. They are found once, and
given to both libraries that speak with the store, so that the two never differ.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import StoreError

SCHEMES = ("s3", "gs", "az")
WEB = ("https", "http")
ENDPOINTS = ("aws_endpoint", "aws_endpoint_url", "endpoint", "endpoint_url")
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
PATIENCE = {
    "connect_timeout": "5s",
    "timeout": "120s",
    "client_max_retries": "4",
    "client_retry_timeout": "60",
}
"""How long a store may take; ``client_retry_timeout`` is in seconds."""
YES = ("true", "1", "yes", "on")
AMBIGUOUS = re.compile(r"[%?#\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """A prefix in a bucket (``az``: in a container)."""

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


def address(text: str) -> Address:
    """Read an address.

    Raises
    ------
    StoreError
        It names no bucket, holds credentials, or would mean different things to different programs.

    Examples
    --------
    >>> print(address("s3://screens/nf1/"))
    s3://screens/nf1
    """
    scheme, _, rest = text.partition("://")
    bucket, _, prefix = rest.partition("/")
    shown = f"{scheme}://{bucket.rpartition('@')[2]}/{prefix}"
    if "@" in bucket:
        fix = "give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in a profile"
        raise StoreError("an address is no place for credentials", shown.partition("?")[0], fix)
    if AMBIGUOUS.search(rest):
        fix = "choose a prefix without them: programs read them in different ways"
        raise StoreError("the address holds one of % ? # \\", shown.partition("?")[0], fix)
    prefix = prefix.strip("/")
    if not bucket or {"", ".", ".."} & set(prefix.split("/") if prefix else ()):
        raise StoreError("is no address in a bucket", shown, f"write it like {scheme}://bucket/package")
    return Address(scheme, bucket, prefix)


def options_for(found: Address, given: Mapping[str, object] | None) -> dict[str, str]:
    """All that is needed to reach an address, in the words of the engine's storage options."""
    options = {**PATIENCE, **{name.lower(): _text(value) for name, value in (given or {}).items()}}
    if found.scheme != "s3":
        return options
    anonymous = options.pop("aws_skip_signature", "") or os.environ.get("AWS_SKIP_SIGNATURE", "").lower()
    if anonymous:
        options.setdefault("skip_signature", anonymous)  # the one name that all clients know
    profile = _profile(str(found)) if _wants_profile(options) else {}
    held = profile if profile or not _wants_keys(options) else {k.lower(): v for k, v in os.environ.items()}
    for name in ("access_key_id", "secret_access_key", "session_token"):
        if key := held.get(f"aws_{name}"):
            options[f"aws_{name}"] = key  # workers on other machines have no such environment
    endpoint = _first([options.pop(name, "") for name in ENDPOINTS])
    endpoint = endpoint or _first([os.environ.get(name, "") for name in ENDPOINT_VARIABLES])
    endpoint = endpoint or profile.get("endpoint_url", "")
    region = _first([options.pop(name, "") for name in ("aws_region", "region")])
    region = region or _first([os.environ.get(name, "") for name in REGION_VARIABLES])
    region = region or profile.get("region", "") or ("us-east-1" if endpoint else "")
    if endpoint:
        options["aws_endpoint"] = _checked(endpoint, str(found))
        if is_loopback(endpoint):
            options["allow_http"] = "true"
        options.setdefault("allow_http", os.environ.get("AWS_ALLOW_HTTP", "false").lower())
        if endpoint.startswith("http://") and options["allow_http"] not in YES:
            what = "the endpoint is plain http, which anybody on the way can read"
            raise StoreError(what, str(found), "use an https endpoint, or set AWS_ALLOW_HTTP=true")
    if region:
        options["aws_region"] = region
    return options


def _checked(endpoint: str, where: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StoreError("the endpoint is no http:// or https:// address", where, "correct AWS_ENDPOINT_URL")
    if parts.username or parts.password:
        raise StoreError(
            "an endpoint is no place for credentials", where, "take them out of AWS_ENDPOINT_URL"
        )
    return endpoint.rstrip("/")


def is_loopback(endpoint: str) -> bool:
    """Whether a web address is one of this machine."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _wants_profile(options: Mapping[str, str]) -> bool:
    """Whether no key is given, so that a profile may have it."""
    return _wants_keys(options) and not os.environ.get("AWS_ACCESS_KEY_ID")


def _wants_keys(options: Mapping[str, str]) -> bool:
    given = {name.removeprefix("aws_") for name in options}
    return "access_key_id" not in given and options.get("skip_signature") not in YES


def _profile(where: str) -> dict[str, str]:
    """What the profile says: keys of ``~/.aws/credentials``, region and endpoint of ``~/.aws/config``."""
    asked = os.environ.get("AWS_PROFILE", "")
    name = asked or "default"
    home = Path.home() / ".aws"
    keys = _section(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials", name, where)
    config = os.environ.get("AWS_CONFIG_FILE") or home / "config"
    about = _section(config, name if name == "default" else f"profile {name}", where)
    found = {**about, **keys}
    if asked and "aws_access_key_id" not in found:
        what = "has no access key of its own" if found else "is not there"
        fix = "name another one in AWS_PROFILE, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        raise StoreError(f"the profile {asked!r} {what}", where, fix)
    return found


def _section(path: str | Path, section: str, where: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(Path(path).expanduser(), "utf-8")
    except (configparser.Error, UnicodeDecodeError):  # its text would show a line of the file
        raise StoreError(f"the file {path} cannot be understood", where, "correct it") from None
    return dict(parser[section]) if parser.has_section(section) else {}


def _first(values: list[str]) -> str:
    return next((value for value in values if value), "")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
