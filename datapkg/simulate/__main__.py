"""``python -m datapkg.simulate FOLDER``: write the sample screen, or one of another size."""

from __future__ import annotations

import argparse
import re
import sys

from ..errors import DatapkgError


def main(arguments: list[str] | None = None) -> int:
    """Parse, simulate, and answer with the exit status."""
    parser = argparse.ArgumentParser("python -m datapkg.simulate", description=__doc__)
    parser.add_argument("folder", help="where to write; new or empty")
    parser.add_argument("--plates", type=int, default=2, help="default: 2")
    parser.add_argument("--wells", type=int, default=2, help="wells a plate, default: 2")
    parser.add_argument("--frames", type=int, default=6, help="frames a movie, default: 6")
    parser.add_argument(
        "--size",
        type=image_size,
        default=(96, 128),
        help="HEIGHTxWIDTH, or a side of a square; default: 96x128",
    )
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    given = parser.parse_args(arguments)
    from .screen import screen  # scikit-image takes a second to import; --help must not

    try:
        screen(
            given.folder,
            seed=given.seed,
            plates=given.plates,
            wells=given.wells,
            frames=given.frames,
            size=given.size,
        )
    except DatapkgError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def image_size(text: str) -> tuple[int, int]:
    """Read ``96x128`` as (height, width), and ``96`` as a square."""
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 96 or 96x128")
    return int(found[1]), int(found[2] or found[1])


if __name__ == "__main__":
    sys.exit(main())
