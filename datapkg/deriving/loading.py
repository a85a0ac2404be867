"""Find a function by its name and make it ready to be called. This runs what a manifest names: only workers do it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from blake3 import blake3

from ..errors import DeriveError, nearest
from .code import digest_of, names_of, own_files
from .from_source import FromSource, import_from_source, import_own_from_source

READ = "_datapkg_read"
"""Of a module that lies beside a function's file: the digest of the function's code when it was loaded."""
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
"""By what name to install modules that are called otherwise."""
OF_FILE = "_derive_"
"""What the names of modules that are such a file begin with."""
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


def loaded(function: FunctionName) -> Loaded:
    """Load a function, or make an object of a class; once in a process, and in sight of what lies beside it.

    Raises
    ------
    DeriveError
        It is not there, or loading it fails.
    """
    place = function.name.rpartition(":")[0]
    found = _loaded(function)
    if place.endswith(".py"):
        _in_front((Path(function.folder) / place).parent)
    return found


@lru_cache(maxsize=8)
def _loaded(function: FunctionName) -> Loaded:
    return ready(_found(function), json.loads(function.args), function.name)


def _found(function: FunctionName) -> Any:
    place, _, name = function.name.rpartition(":")
    try:
        module = _module(place, function.folder, function.code)
    except (KeyboardInterrupt, DeriveError):
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


@lru_cache(maxsize=8)
def _module(place: str, folder: str, code: str) -> ModuleType:  # noqa: ARG001 - another code is another module
    if place.endswith(".py"):
        return _from_file(Path(folder) / place)
    import_own_from_source(place)
    return importlib.import_module(place)


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
        what, fix = f"the class cannot be made ready: {told(error)}", "check its args"
        if isinstance(error, FileNotFoundError):
            fix = "give a file beside the manifest as {file: name}, and it gets its path"
        raise DeriveError(what, f"function {name}", fix) from None
    if not callable(made):
        fix = "give it __call__(self, inputs), which takes a list and gives a list"
        raise DeriveError("objects of this class cannot be called", f"function {name}", fix)
    return Loaded(made, {}, True, _chance(made, {}), name, file)


def told(error: BaseException) -> str:
    """An error of a function's own, in one line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _from_file(path: Path) -> ModuleType:
    folder = path.parent
    name = f"{OF_FILE}{path.stem}_{blake3(str(folder).encode()).hexdigest(4)}"
    loader = FromSource(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} is no Python file")
    files = own_files(path, folder)
    code, names = digest_of(files, folder), names_of(files, folder) - {path.stem}
    _in_front(folder)
    import_from_source(files, {*names, path.stem})
    _refuse_elsewhere(names, folder)
    for other in _loaded_of(names):
        if getattr(sys.modules[other], READ, None) != code:
            del sys.modules[other]  # this process may outlive a build, and the file is another now
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    loader.exec_module(module)
    for other in _loaded_of(names):
        setattr(sys.modules[other], READ, code)
    return module


def _in_front(folder: Path) -> None:
    """Have imports, now and later, find what lies in a folder, and not what lies beside functions of another one."""
    if sys.path[:1] == [str(folder)]:
        return
    sys.path[:] = [str(folder), *(path for path in sys.path if path != str(folder))]
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
    others = {str(Path(file).parent) for name, file in files.items() if name.startswith(OF_FILE)} - {
        str(folder)
    }
    tops = {name for name, file in files.items() if "." not in name and _home(file) in others}
    for name in _loaded_of({name for name in tops if not name.startswith(OF_FILE)}):
        del sys.modules[name]


def _refuse_elsewhere(names: set[str], folder: Path) -> None:
    """Raise DeriveError where a module that lies in a folder would be another one, since that is loaded."""
    for name in sorted(names & sys.modules.keys()):
        file = getattr(sys.modules[name], "__file__", None) or "Python itself"
        if Path(_home(file)).resolve() != folder.resolve():
            what = f"the module {name} from beside it cannot be imported: one of this name is loaded already"
            raise DeriveError(what, file, f"rename {name}.py, which lies beside the function's file")


def _home(file: str) -> str:
    """The folder that a module's first name was found in."""
    folder = os.path.dirname(file)  # noqa: PTH120 - a thousand modules are asked
    return os.path.dirname(folder) if file.endswith("__init__.py") else folder  # noqa: PTH120


def _loaded_of(names: Collection[str]) -> list[str]:
    """The modules that are loaded of those with some first names."""
    return [name for name in sys.modules if name.partition(".")[0] in names]


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
            others = list(parameters)[1:]
            fix = nearest(given, others) if others else "it takes none but its input"
            raise DeriveError(f"takes no argument {given!r}", f"function {name}", fix)


def _cannot_load(name: str, error: BaseException, place: str) -> DeriveError:
    fix = "run it alone in Python to see why"
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        package = DISTRIBUTIONS.get(top, top)
        fix = f"correct the name, or install {top}: pip install {package}"
        if top in sys.modules:
            fix = f"correct the name; {top} has no such module, or needs another version: pip install -U {package}"
    elif isinstance(error, SyntaxError):
        fix = f"mend line {error.lineno} of {place}"
    return DeriveError(f"cannot be loaded: {told(error)}", f"function {name}", fix)
