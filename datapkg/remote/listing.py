"""The objects of a bucket that a glob matches, by the rules that hold for files: case counts, dotfiles are skipped."""

from __future__ import annotations

import re
from itertools import takewhile

from ..addresses import scheme_of
from ..errors import SourceError, StoreError
from ..manifest.globs import chooses, has_glob
from ..places.objects import Objects

ODD = re.compile(r"[%#?\\\x00-\x1f]")


def listed(glob: str) -> list[str]:
    """The addresses that a glob over ``s3://``, ``gs://`` or ``az://`` matches, sorted.

    Raises
    ------
    SourceError
        The bucket is not there, or may not be listed.
    """
    scheme = scheme_of(glob)
    bucket, _, pattern = glob.partition("://")[2].partition("/")
    parts = pattern.split("/")
    fixed = list(takewhile(lambda part: not has_glob(part), parts[:-1]))
    matches = chooses(pattern)
    try:
        keys = Objects(f"{scheme}://{bucket}").keys("/".join(fixed))
    except StoreError as error:
        raise SourceError(error.what, glob, error.fix) from None
    found = [key for key in keys if matches(key)]
    for key in found:
        if ODD.search(key) or {"", ".", ".."} & set(key.split("/")):
            what = f"the key {key!r} means different things to different programs"
            raise SourceError(what, glob, "give the object another key, or leave it out with a narrower glob")
    return [f"{scheme}://{bucket}/{key}" for key in found]
