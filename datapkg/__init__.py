"""Package tables, microscope images and CellH5 movies as versioned LanceDB tables.

>>> import datapkg
>>> datapkg.build.__name__, datapkg.open.__name__
('build', 'open_package')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builder import build as build
    from .checking import check as check
    from .copying.extracting import checkout as checkout
    from .copying.outcome import Copied as Copied
    from .copying.sending import pull as pull
    from .copying.sending import push as push
    from .display.thumbnails import show_thumbnails as thumbnails  # noqa: F401 - a noun reads well with a frame
    from .draft import draft as init  # noqa: F401 - the name of its command
    from .errors import DamageError as DamageError
    from .errors import DatapkgError as DatapkgError
    from .errors import DeriveError as DeriveError
    from .errors import ExportError as ExportError
    from .errors import ManifestError as ManifestError
    from .errors import SchemaError as SchemaError
    from .errors import SourceError as SourceError
    from .errors import StoreError as StoreError
    from .errors import VersionError as VersionError
    from .exporting import export as export
    from .faults import Verification as Verification
    from .lazy.notebook import load as load_ipython_extension  # noqa: F401 - IPython's word
    from .lazy.notebook import unload as unload_ipython_extension  # noqa: F401
    from .naming import release as release
    from .pending import status as status
    from .proving import ci as ci
    from .reader import Package as Package
    from .reader import open_package as open  # noqa: F401 - the word that Python has for it
    from .reclaiming import gc as gc
    from .report import Report as Report
    from .table import Table as Table
    from .verifying import verify as verify

NAMES = {
    "build": "builder:build",
    "check": "checking:check",
    "ci": "proving:ci",
    "checkout": "copying.extracting:checkout",
    "export": "exporting:export",
    "gc": "reclaiming:gc",
    "init": "draft:draft",
    "open": "reader:open_package",
    "pull": "copying.sending:pull",
    "push": "copying.sending:push",
    "status": "pending:status",
    "release": "naming:release",
    "thumbnails": "display.thumbnails:show_thumbnails",
    "verify": "verifying:verify",
    "Package": "reader:Package",
    "Table": "table:Table",
    "Verification": "faults:Verification",
    "Copied": "copying.outcome:Copied",
    "Report": "report:Report",
    "DatapkgError": "errors:DatapkgError",
    "ManifestError": "errors:ManifestError",
    "SourceError": "errors:SourceError",
    "SchemaError": "errors:SchemaError",
    "StoreError": "errors:StoreError",
    "VersionError": "errors:VersionError",
    "DeriveError": "errors:DeriveError",
    "ExportError": "errors:ExportError",
    "DamageError": "errors:DamageError",
    "load_ipython_extension": "lazy.notebook:load",
    "unload_ipython_extension": "lazy.notebook:unload",
}
"""Public names and where they live: nothing is imported before it is used."""

__all__ = list(NAMES)


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = NAMES[name].split(":")
    value = getattr(import_module(f".{module}", __name__), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *NAMES])
