"""A place that nobody can write to: every verb that would change something is refused, with what to do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from ..errors import StoreError
from .base import Place
from .folder import Folder


class ReadOnly(Place):
    """A place of which a package is only read; `refusal` says why, and what to do."""

    @abstractmethod
    def refusal(self) -> StoreError:
        """What to say when somebody would write."""

    def put(self, name: str, content: bytes) -> None:
        """Refused."""
        raise self.refusal()

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Refused."""
        raise self.refusal()

    def move_in(self, files: Sequence[tuple[Path, str]]) -> None:
        """Refused."""
        raise self.refusal()

    def rename(self, name: str, to: str) -> None:
        """Refused."""
        raise self.refusal()

    def remove(self, names: Sequence[str]) -> None:
        """Refused."""
        raise self.refusal()

    def settle(self, name: str) -> None:
        """Refused."""
        raise self.refusal()

    def begin(self, attempt: str) -> None:
        """Refused."""
        raise self.refusal()

    def staging(self, attempt: str) -> Folder:
        """Refused."""
        raise self.refusal()

    def stagings(self) -> list[Folder]:
        """There are none."""
        return []

    def end(self, attempt: str) -> None:
        """Nothing was begun."""
