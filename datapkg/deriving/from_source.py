"""Import a function's own files from their source, never from bytecode that Python kept.

Python knows by a source's size and its time, in whole seconds, whether the bytecode it kept is of it. An edit at once
that changes neither, as 2 to 3, would run what the file was, under the recipe of what it is. Nor is any bytecode
written beside a lab's data.
"""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Collection, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from .code import OURS, module_file, names_of, own_files, root_of, spec_of


class FromSource(SourceFileLoader):
    """Compiles a module each time that it is loaded."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source as it is now."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _OwnFiles(MetaPathFinder):
    """Finds what Python finds, and has some files loaded from their source."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.names: set[str] = set()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 - a hint, of reloading
    ) -> ModuleSpec | None:
        """As `importlib` asks for it."""
        if name.partition(".")[0] not in self.names:
            return None
        spec = spec_of(name, path, but=self)
        if spec is not None and type(spec.loader) is SourceFileLoader and spec.origin in self.files:
            spec.loader, spec.cached = FromSource(name, spec.origin), None
        return spec


_OWN = _OwnFiles()


def import_from_source(files: Collection[Path], names: Collection[str]) -> None:
    """Have imports, now and later, take some files from their source; `names` are those that they are imported by."""
    if _OWN not in sys.meta_path:
        sys.meta_path.insert(0, _OWN)
    _OWN.files.update(map(str, files))
    _OWN.names.update(names)


def import_own_from_source(module: str) -> None:
    """The same for a module of a user's that is not installed, and what it imports from beside it."""
    top, file = module.partition(".")[0], module_file(module)
    if top == OURS or file is None or file.suffix != ".py":
        return
    root = root_of(file, module)
    if str(root) not in _installed():
        files = own_files(file, root)
        import_from_source(files, names_of(files, root))


def _installed() -> set[str]:
    """The folders that hold Python's own modules, and those that were installed."""
    return {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}
