"""Read a manifest: every mistake at once, each with its line and column, before any data is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..errors import ManifestError, nearest
from . import derivations, frictionless, references, rules
from .blank import blanked
from .document import Node, compose
from .kinds import is_many, settle_kind
from .mistakes import Mistakes
from .models import Manifest
from .shape import known, unknown_key_fix, validated
from .tables import entries

MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class LoadedManifest:
    """A manifest as it was read, with the places that this machine gives to `root` and `allow`.

    `root` and the folders of `allow` are absolute and free of links. `place` tells where a value stands.
    """

    manifest: Manifest
    text: str
    path: Path
    root: Path
    allow: dict[str, Path]
    warnings: tuple[str, ...] = ()
    document: Node = field(default_factory=lambda: Node({}, (1, 1)), repr=False, compare=False)

    def place(self, *path: str | int) -> str:
        """``file:line:column`` of a value, such as ``place("resources", 0, "path")``."""
        node = self.document.nearest(*path)[0]
        return f"{self.path}:{node.place[0]}:{node.place[1]}"


def load(path: Path, root: Path | None = None, allow: Mapping[str, Path] | None = None) -> LoadedManifest:
    """Read and check a manifest.

    Parameters
    ----------
    path
        The YAML file; one that is named ``datapackage.json`` or ``.yaml`` is read as Frictionless means it.
    root
        Where relative paths start, instead of the manifest's own `root`.
    allow
        Folders that may be read beside the root, instead of or in addition to the manifest's own.

    Raises
    ------
    ManifestError
        With one of `mistakes` for everything that is wrong.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "plate.yaml"
    >>> _ = path.write_text("name: plate\\nresources: [{name: wells, path: wells.csv}]\\n")
    >>> load(path).manifest.resources[0].type
    'table'
    """
    mistakes = Mistakes(str(path))
    text = references.written_out(_read(path), path.absolute().parent, mistakes)
    reading = read_text(text, mistakes, descriptor=frictionless.is_descriptor(path))
    folder = path.absolute().parent
    given = {name: place.expanduser().resolve() for name, place in (allow or {}).items()}
    if reading.document is not None:
        derivations.check_function_files(reading.data, reading.document, folder, mistakes)
        rules.check_allow(reading.data, reading.document, set(given), mistakes)
    own_root = reading.data.get("root")
    base = root.expanduser().resolve() if root is not None else _folder(own_root, folder)
    if not base.is_dir():
        _say_no_root(root, base, reading.document, mistakes)
    if "&" in text and not mistakes:
        try:
            blanked(text)
        except ManifestError as error:
            mistakes.add((1, 1), error.what, error.fix)
    mistakes.raise_any()
    assert reading.manifest is not None and reading.document is not None
    own = {name: _folder(place, folder) for name, place in reading.manifest.allow.items() if place}
    return LoadedManifest(
        reading.manifest, text, path, base, {**own, **given}, reading.warnings, reading.document
    )


@dataclass(frozen=True)
class ManifestText:
    """What a manifest's text says; `manifest` is None where it has mistakes."""

    manifest: Manifest | None
    document: Node | None
    data: dict[str, Any]
    warnings: tuple[str, ...]


def read_text(text: str, mistakes: Mistakes, descriptor: bool = False) -> ManifestText:
    """Understand a manifest's text, without a look at any file."""
    document = compose(text, mistakes)
    if document is None or document.content is None:
        if not mistakes:
            mistakes.add((1, 1), "the manifest is empty", "begin with name: and resources:")
        return ManifestText(None, None, {}, ())
    if not isinstance(document.content, dict):
        what = f"a manifest is a mapping (key: value), and this is {document.kind()}"
        mistakes.add(document.place, what, "begin with name: and resources:, with a space behind each colon")
        return ManifestText(None, None, {}, ())
    left_out = frictionless.leave_out(document) if descriptor else []
    unknown = _Unknown(mistakes, descriptor)
    data = known(document, Manifest, unknown)
    warnings = frictionless.adapt(data, document.plain()) if descriptor else []
    derivations.mend_on_error(data, document)
    found = []
    for at, resource in entries(data, "resources"):
        settle_kind(resource, document.get("resources", at) or document, mistakes)
        listed = descriptor and isinstance(resource.get("path"), list)
        many = is_many(resource.get("path")) or is_many(resource.get("members"))
        found.append({"many": many, "as_listed": listed})
    if descriptor:
        frictionless.fill_defaults(data, document.plain())
    manifest = validated(Manifest, data, document, mistakes)
    rules.check(data, document, mistakes)
    if manifest is not None:
        resources = zip(manifest.resources, found, strict=True)
        marked = tuple(resource.model_copy(update=flags) for resource, flags in resources)
        manifest = manifest.model_copy(update={"resources": marked})
    return ManifestText(manifest, document, data, (*left_out, *unknown.warnings(), *warnings))


class _Unknown:
    """What becomes of keys that the models do not know."""

    def __init__(self, mistakes: Mistakes, descriptor: bool) -> None:
        self.mistakes, self.descriptor = mistakes, descriptor
        self.unused: dict[str, list[str]] = {}

    def __call__(self, node: Node, key: str, model: type[BaseModel]) -> None:
        place = node.key_place(key)
        if not self.descriptor:
            self.mistakes.add(place, f"unknown key {key!r}", unknown_key_fix(key, model))
        elif key not in frictionless.UNDERSTOOD.get(model.__name__, ()):
            self.unused.setdefault(key, []).append(self.mistakes.where(place))

    def warnings(self) -> list[str]:
        return [
            f"the key {key!r} is not used ({places[0]}{f' and {len(places) - 1} more' if len(places) > 1 else ''})"
            for key, places in self.unused.items()
        ]


def _folder(written: Any, base: Path) -> Path:
    """A folder that the manifest names, as seen from the manifest."""
    if not isinstance(written, str) or not written:
        return base.resolve()
    try:
        return (base / Path(written).expanduser()).resolve()
    except RuntimeError:  # the home of ~somebody is not known
        return (base / written).resolve()


def _say_no_root(root: Path | None, base: Path, document: Node | None, mistakes: Mistakes) -> None:
    what = f"the folder {base} is not there" if not base.exists() else f"{base} is no folder"
    fix = "mount the drive, or correct root"
    if root is not None:
        mistakes.add((1, 1), f"{what} (given as root)", fix)
        return
    node = document.get("root") if document is not None else None
    if node is not None and not mistakes.at(node.place):
        mistakes.add(node.place, f"root: {what}", fix)


def _read(path: Path) -> str:
    """The file's text, without a byte order mark."""
    try:
        if path.is_dir():
            raise ManifestError("this is a folder, not a manifest", str(path), _manifests_in(path))
        if path.stat().st_size > MOST_BYTES:
            what = "this file is too large for a manifest"
            raise ManifestError(what, str(path), "name the YAML file that describes the data")
        content = path.read_bytes()
    except FileNotFoundError:
        beside = [name for name in _names(path.parent) if name.endswith((".yaml", ".yml", ".json"))]
        raise ManifestError("there is no such manifest", str(path), nearest(path.name, beside)) from None
    except (OSError, ValueError) as error:
        raise ManifestError(f"the manifest cannot be read ({error})", str(path)) from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ManifestError("the manifest is UTF-16, not UTF-8", f"{path}:1:1", "save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        what = f"the manifest is not UTF-8 (byte 0x{content[error.start]:02X})"
        fix = "save it as UTF-8; if this is a data file, name the manifest instead"
        raise ManifestError(what, f"{path}:{line}:{column}", fix) from None


def _manifests_in(folder: Path) -> str:
    found = [name for name in _names(folder) if name.endswith((".yaml", ".yml"))]
    return f"name the manifest in it, such as {folder / found[0]}" if found else "name the YAML file"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
