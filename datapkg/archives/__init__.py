"""Files of archives as sources: chosen by globs, and unpacked nowhere but in the user's cache."""

from .unpacking import names_in, unpacked

__all__ = ["names_in", "unpacked"]
