"""The manifest: what a user writes, and what is made of it."""

from .models import Manifest, Resource

__all__ = ["Manifest", "Resource"]
