"""Which columns go with an image column: they say of each image what it is, and prove it."""

from __future__ import annotations

from dataclasses import astuple, dataclass

ARRAY = "image_array"


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
