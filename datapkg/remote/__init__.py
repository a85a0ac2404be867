"""Sources that lie on the web or in a bucket: fetched once into the user's cache, where they are known by their hash."""

from .fetching import Fetched, Fetcher, Wanted
from .listing import listed

__all__ = ["Fetched", "Fetcher", "Wanted", "listed"]
