"""The client that speaks with an object store, made of an address and of options in the words of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import StoreError
from .address import PATIENCE, Address

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BY_OPENDAL = "use_opendal"
CLIENT_OPTIONS: tuple[str, ...] = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "timeout",
    "proxy_url",
)
CLIENT_OPTIONS += ("proxy_ca_certificate", "proxy_excludes", "user_agent")
ENGINE_OPTIONS = (
    BY_OPENDAL,
    "client_max_retries",
    "client_retry_timeout",
    "download_retry_count",
    "request_timeout",
)


def client(address: Address, options: Mapping[str, str], shown: str) -> ObjectStore:
    """A client for a prefix in a bucket; `shown` is what errors call it.

    Raises
    ------
    StoreError
        An option is missing, is none, or has a value that cannot be used.
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
            prefix=address.prefix or None,
            config={name: value for name, value in options.items() if name not in apart},
            client_options={name: options[name] for name in CLIENT_OPTIONS if name in options},
            retry_config={
                "max_retries": int(options["client_max_retries"]),
                "retry_timeout": timedelta(seconds=int(options["client_retry_timeout"])),
            },
        )
    except UnknownConfigurationKeyError as error:
        name = str(error).partition("'")[2].partition("'")[0]
        raise StoreError(f"there is no storage option {name!r}", shown, "correct or remove it") from None
    except (BaseError, ValueError, TypeError):  # their texts may show a secret
        what = "a storage option is missing, or has a value that cannot be used"
        names = ", ".join(sorted(set(options) - set(PATIENCE)))
        fix = f"given are {names or 'none'}; docs/buckets.md lists what each kind of store needs"
        raise StoreError(what, shown, fix) from None
