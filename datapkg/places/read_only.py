"""A place that nobody can write to: every verb that would change something is refused, with what to do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager

from ..errors import StoreError
from .base import Place, Sees
from .folder import Folder


class ReadOnly(Place):
    """A place of which a package is only read; `refusal` says why, and what to do."""

    @abstractmethod
    def refusal(self) -> StoreError:
        """What to say when somebody would write."""

    def put(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Refused."""
        raise self.refusal()

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Refused."""
        raise self.refusal()

    def write(self, name: str, pieces: Iterable[memoryview | bytes], size: int, attempt: str) -> None:
        """Refused."""
        raise self.refusal()

    def move_in(self, staging: Place, files: Sequence[tuple[str, str]], *, keep: bool = False) -> None:
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

    def clear(self) -> None:
        """Refused."""
        raise self.refusal()

    def room(self, attempt: str) -> Folder:
        """Refused."""
        raise self.refusal()

    def reached(self, attempt: str, blind: Sees) -> Place:
        """Refused."""
        raise self.refusal()

    def staging(self, attempt: str) -> Place:
        """Refused."""
        raise self.refusal()

    def desk(self) -> AbstractContextManager[Folder]:
        """Refused."""
        raise self.refusal()

    def refuse_read_only(self) -> None:
        """Refused."""
        raise self.refusal()

    def stagings(self) -> list[Place]:
        """There are none."""
        return []

    def end(self, attempt: str) -> None:
        """Nothing was begun."""
