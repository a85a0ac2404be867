"""The client for an object store, of `obstore`; it takes the options that the engine takes too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import StoreError
from .address import PATIENCE, Address

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BY_OPENDAL = "use_opendal"
CLIENT_OPTIONS = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "timeout",
    "proxy_url",
    "proxy_ca_certificate",
    "proxy_excludes",
    "user_agent",
)
ENGINE_OPTIONS = (
    BY_OPENDAL,
    "client_max_retries",
    "client_retry_timeout",
    "download_retry_count",
    "request_timeout",
)


def client(address: Address, options: Mapping[str, str], prefix: str) -> ObjectStore:
    """Make the client of a bucket, for names below a prefix of it.

    Raises
    ------
    StoreError
        An option is unknown or missing, or has a value that cannot be used.
    """
    from obstore import store
    from obstore.exceptions import BaseError, UnknownConfigurationKeyError

    kinds: dict[str, Callable[..., ObjectStore]] = {
        "s3": store.S3Store,
        "gs": store.GCSStore,
        "az": store.AzureStore,
    }
    apart = (*CLIENT_OPTIONS, *ENGINE_OPTIONS)
    try:
        return kinds[address.scheme](
            address.bucket,
            prefix=prefix or None,
            config={name: value for name, value in options.items() if name not in apart},
            client_options={name: options[name] for name in CLIENT_OPTIONS if name in options},
            retry_config={
                "max_retries": int(options["client_max_retries"]),
                "retry_timeout": timedelta(seconds=int(options["client_retry_timeout"])),
            },
        )
    except UnknownConfigurationKeyError as error:
        name = str(error).partition("'")[2].partition("'")[0]
        raise StoreError(
            f"there is no storage option {name!r}", str(address), "correct or remove it"
        ) from None
    except (BaseError, ValueError, TypeError):  # their texts may show a secret
        what = "a storage option is missing, or has a value that cannot be used"
        names = ", ".join(sorted(set(options) - set(PATIENCE)))
        fix = f"given are {names or 'none'}; docs/buckets.md lists what each kind of store needs"
        raise StoreError(what, str(address), fix) from None
