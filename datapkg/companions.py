"""Which columns go with an image column: they say of each image what it is, and prove it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import astuple, dataclass

ARRAY = "image_array"
PLACES = ("series", "page", "t", "c", "z")
"""Columns that say where in its file a row's image stands; of whole images the first two."""


@dataclass(frozen=True, slots=True)
class Companions:
    """The names of the columns that hold the images' digests, dtypes and shapes."""

    digest: str
    dtype: str
    shape: str

    @property
    def looks(self) -> tuple[str, str]:
        """Those that bring an image back in its own dtype and shape."""
        return self.dtype, self.shape

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return astuple(self)


def companions(column: str) -> Companions:
    """The columns that go with an image column.

    Examples
    --------
    >>> companions("image_array").names
    ('image_digest', 'dtype', 'shape')
    >>> companions("blurred").names
    ('blurred_digest', 'blurred_dtype', 'blurred_shape')
    """
    if column == ARRAY:
        return Companions("image_digest", "dtype", "shape")
    return Companions(f"{column}_digest", f"{column}_dtype", f"{column}_shape")


def places(names: Collection[str]) -> tuple[str, ...]:
    """Which columns of a table say where in its file an image stands: of planes all five, of whole images two.

    `names` are those of its columns of 32-bit numbers: others of these names come from paths, and mean something else.

    Examples
    --------
    >>> places(["series", "page", "t"]), places(["width"])
    (('series', 'page'), ())
    """
    for count in (len(PLACES), 2):
        if set(PLACES[:count]).issubset(names):
            return PLACES[:count]
    return ()
