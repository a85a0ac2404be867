"""This project as a peer of the others: nested pixels, and packed ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .peers import Peer
from .sets import Image, ImageSet


class Datapkg(Peer):
    """This project: a build from the manifest, and its reader."""

    name = "datapkg"
    module = "datapkg"
    ours = True

    @classmethod
    def loads(cls, task: str) -> Sequence[str]:
        return {
            **{key: ["datapkg.builder", "lance"] for key in ("build", "append", "change")},
            "nothing": ["datapkg.builder"],
            "diff": ["datapkg.reader", "datapkg.differ"],
            "verify": ["datapkg.verifying"],
        }.get(task, ["datapkg.reader"])

    @property
    def manifest(self) -> Path:
        """What is built."""
        return self.images.manifest

    def build(self) -> None:
        import datapkg

        datapkg.build(self.manifest, self.at)

    def open(self) -> None:
        import datapkg

        self._table = datapkg.open(self.at)[self.images.table]

    def one(self, number: int) -> Image:
        found = self._table.image(number)
        assert found is not None
        return found

    def many(self, numbers: Sequence[int]) -> list[Image]:
        return [image for image in self._table.images(numbers) if image is not None]

    def scan(self) -> Iterator[Image]:
        for at in range(0, len(self._table), self.batch):
            for image in self.many(range(at, min(at + self.batch, len(self._table)))):
                yield image[None]

    def of_well(self, name: str, most: int) -> list[Image]:
        return list(self._table.to_pandas(["image_array"], where=f"Well = '{name}'", limit=most).image_array)

    def before(self, numbers: Sequence[int]) -> list[Image]:
        import datapkg

        self._table = datapkg.open(self.at, version=datapkg.open(self.at).version - 1)[self.images.table]
        return self.many(numbers)

    def append(self, files: list[Path]) -> None:
        assert all(path.exists() for path in files)  # in the manifest's folder
        self.build()

    def change(self, number: int, image: Image) -> None:
        assert image.shape and number >= 0  # the file of that number is changed already
        self.build()


class DatapkgPacked(Datapkg):
    """The same with `array: packed`."""

    name = "datapkg packed"
    of = ImageSet

    @property
    def manifest(self) -> Path:
        """What is built."""
        return self.images.packed
