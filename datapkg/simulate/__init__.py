"""Make a small live-cell screen of known truth: plate map, images, CellH5 movies and measurements.

Real screens are too large to ship and too unclear to test against. This one is drawn from cells whose every
move, division and death is known, so that tables, pixels and tracks can be checked against each other.

The same arguments give the same bytes on every machine with the same libraries. Three rules make that true:
every well and frame has random numbers of its own, keyed by its place, never by what ran before; pixels come
from integers and from ``+ - * /`` and square root, which IEEE 754 fixes to the last bit (sine, exponential and
BLAS differ between processors); and everything is compressed by imagecodecs' libdeflate, because the zlib that
Python and HDF5 use is the system's.
"""

from .screen import screen

__all__ = ["screen"]
