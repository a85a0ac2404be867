"""Find the files that a resource means: the same files, in the same order, on every system."""

from .search import Found, find, is_inline

__all__ = ["Found", "find", "is_inline"]
