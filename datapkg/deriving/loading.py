"""Find a function by its name and make it ready to be called. This runs what a manifest names: only workers do it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from blake3 import blake3

from ..engine import in_worker
from ..errors import DeriveError, nearest

READ = "_datapkg_read"
CHANCE = ("seed", "rng")
"""Parameters that a function gets a seed, or a generator of random numbers, by."""


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function to be called: its name, where files are looked for, its arguments (JSON).

    `code` is another one where its source is, or a file that its arguments name.
    """

    name: str
    folder: str
    args: str
    code: str

    @classmethod
    def of(cls, name: str, folder: Path, args: Mapping[str, Any], code: str) -> FunctionName:
        """A name that can travel to a worker."""
        return cls(name, str(folder), json.dumps(dict(args)), code)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A function that is ready: `batched` ones take lists, `chance` is the parameter for a seed or a generator."""

    call: Callable[..., Any]
    args: Mapping[str, Any]
    batched: bool
    chance: str
    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Described:
    """What a function says itself: the types of its output, and whether it takes lists, as objects of classes do."""

    output: Any
    batched: bool


def described(function: FunctionName) -> Described:
    """Look at a function; an object of a class is not made."""
    found = _found(function)
    return Described(getattr(found, "output", None), inspect.isclass(found))


@lru_cache(maxsize=8)
def loaded(function: FunctionName) -> Loaded:
    """Load a function, or make an object of a class; once in a process.

    Raises
    ------
    DeriveError
        It is not there, or loading it fails.
    """
    return ready(_found(function), json.loads(function.args), function.name)


def _found(function: FunctionName) -> Any:
    place, _, name = function.name.rpartition(":")
    try:
        module = (
            _from_file(Path(function.folder) / place)
            if place.endswith(".py")
            else importlib.import_module(place)
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a module may do anything, also end the process
        raise _cannot_load(function.name, error, place) from None
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [
                known for known in dir(found) if callable(getattr(found, known, None)) and known[0] != "_"
            ]
            raise DeriveError(
                f"there is no {name!r} in {place}", f"function {function.name}", nearest(name, known)
            )
        found = getattr(found, part)
    return found


def ready(found: Any, args: Mapping[str, Any], name: str) -> Loaded:
    """A function as it is, or an object of a class.

    Raises
    ------
    DeriveError
        It cannot be called, or takes no such arguments.
    """
    if not callable(found):
        raise DeriveError(
            f"is no function but {type(found).__name__}", f"function {name}", "name a function or a class"
        )
    file = getattr(inspect.getmodule(found), "__file__", "") or ""
    if not inspect.isclass(found):
        _refuse_arguments(found, args, name)
        return Loaded(found, args, False, _chance(found, args), name, file)
    try:
        made: Any = found(**args)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the model's library raises
        what = f"the class cannot be made ready: {told(error)}"
        raise DeriveError(what, f"function {name}", "check its args") from None
    if not callable(made):
        fix = "give it __call__(self, inputs), which takes a list and gives a list"
        raise DeriveError("objects of this class cannot be called", f"function {name}", fix)
    return Loaded(made, {}, True, _chance(made, {}), name, file)


def told(error: BaseException) -> str:
    """An error of a function's own, in one line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _from_file(path: Path) -> ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))  # what lies beside the file can be imported, also later
    spec = importlib.util.spec_from_file_location(f"_derive_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    for name, there, code in _neighbours(path):
        if getattr(there, READ, None if in_worker() else code) != code:
            del sys.modules[name]  # a worker may outlive a build, and the file is another now
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look a class's module up
    spec.loader.exec_module(module)
    for _, there, code in _neighbours(path):
        setattr(there, READ, code)
    return module


def _neighbours(path: Path) -> list[tuple[str, ModuleType, str]]:
    """The modules that were imported from beside a file: their names, and the digests of what is in their files now."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).parent == path.parent and Path(file) != path and Path(file).is_file():
            found.append((name, module, str(blake3(Path(file).read_bytes()).hexdigest())))
    return found


def name_of(function: Callable[..., Any]) -> str:
    """A function's name as a manifest writes it.

    Raises
    ------
    DeriveError
        It has none that it could be found by again.

    Examples
    --------
    >>> name_of(json.dumps)
    'json:dumps'
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    found: Any = None
    if module and "<" not in name:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part, None)
    if found is not function:
        fix = "define it with a name of its own, in a module or a cell, and not inside of another function"
        raise DeriveError("the function cannot be found again by a name", repr(function), fix)
    return f"{module}:{name}"


def _chance(found: Any, args: Mapping[str, Any]) -> str:
    try:
        names = inspect.signature(found).parameters
    except (TypeError, ValueError):  # functions written in C may not say
        return ""
    return next((name for name in CHANCE if name in names and name not in args), "")


def _refuse_arguments(found: Any, args: Mapping[str, Any], name: str) -> None:
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    for given in args:
        if given not in parameters:
            raise DeriveError(f"takes no argument {given!r}", f"function {name}", nearest(given, parameters))


def _cannot_load(name: str, error: BaseException, place: str) -> DeriveError:
    fix = "run it alone in Python to see why"
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        fix = f"correct the name, or install {top}: pip install {top}"
    elif isinstance(error, SyntaxError):
        fix = f"mend line {error.lineno} of {place}"
    return DeriveError(f"cannot be loaded: {told(error)}", f"function {name}", fix)
