"""A kind of file: how it begins, and which suffixes it has."""

from __future__ import annotations

import re
from dataclasses import dataclass

SAVE = "save it as TIFF or PNG"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its name, how it begins, its suffixes, where its format stands; none: it is not read, but `mend`."""

    name: str
    begins: re.Pattern[bytes]
    suffixes: tuple[str, ...] = ()
    format: str = ""
    mend: str = SAVE


def kind(name: str, begins: bytes, suffixes: str = "", form: str = "", mend: str = SAVE) -> Kind:
    """A kind, with its suffixes as words.

    Examples
    --------
    >>> kind("a PNG image", rb"\\x89PNG", "png apng").suffixes
    ('png', 'apng')
    """
    return Kind(name, re.compile(begins, re.DOTALL), tuple(suffixes.split()), form, mend)
