"""Where positions and definitions lie in a CellH5 file.

There are two layouts: the classic one, ``/sample/0/plate/<P>/experiment/<W>/position/<S>``, and CellCognition's
since February 2018, ``/data/<P>/<W>/<S>`` with an optional ``/layout/<P>``. A file may hold several plates, wells
and positions, or nothing but links to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .links import Tree
from .nodes import Node

TOPS = ("sample", "data", "definition", "layout")


@dataclass(frozen=True, slots=True)
class Position:
    """One position of a movie: its keys, as in the file, and its group."""

    path: str
    plate: str
    well: str
    site: str
    node: Node

    @property
    def keys(self) -> dict[str, str]:
        """The columns that every table has."""
        return {"path": self.path, "plate": self.plate, "well": self.well, "site": self.site}


def is_cellh5(tree: Tree) -> bool:
    """Whether an HDF5 file has anything that CellH5 names."""
    return any(f"/{top}" in tree.loose or tree.child(tree.root, top) is not None for top in TOPS)


def positions(tree: Tree) -> Iterator[Position]:
    """The positions whose rows this file gives, in both layouts, ordered by plate, well and site."""
    classic = [(plate, ["experiment"], ["position"]) for plate in _groups(tree, "sample", "0", "plate")]
    since_2018: list[tuple[Node, list[str], list[str]]] = [(plate, [], []) for plate in _groups(tree, "data")]
    for plate, to_wells, to_sites in classic + since_2018:
        for well in tree.children(tree.child(plate, *to_wells)):
            for site in tree.children(tree.child(well, *to_sites)):
                if site.is_group and not site.foreign:
                    yield Position(tree.file.path, plate.name, well.name, site.name, site)


def plate_layouts(tree: Tree) -> list[tuple[str, Node]]:
    """The plate layout tables, by plate."""
    found = tree.children(tree.child(tree.root, "layout"))
    return [(node.name, node) for node in found if node.is_dataset and not node.foreign]


def _groups(tree: Tree, *names: str) -> list[Node]:
    return [node for node in tree.children(tree.child(tree.root, *names)) if node.is_group]
