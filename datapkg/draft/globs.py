"""From files to the paths that mean them: a glob that matches all of a group and nothing else.

A glob is tried from the widest to the narrowest. Where none keeps strangers out, they are excluded; where that takes
too many words, the files are listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from ..manifest.globs import has_glob, path_regex

MOST_EXCLUDED = 10


@dataclass(frozen=True, slots=True)
class Cover:
    """A resource's `path` and `exclude`."""

    path: tuple[str, ...]
    exclude: tuple[str, ...] = ()


def cover(wanted: Sequence[str], every: Sequence[str]) -> Cover:
    """Find paths that match all of `wanted` and nothing else of `every`.

    Examples
    --------
    >>> cover(["a/1.tif", "b/1.tif"], ["a/1.tif", "b/1.tif", "c.csv"])
    Cover(path=('*/1.tif',), exclude=())
    >>> cover(["1.tif", "2.tif"], ["1.tif", "2.tif", "1_mask.tif", "3_mask.tif"])
    Cover(path=('*.tif',), exclude=('*_mask.tif',))
    """
    if len(wanted) == 1:
        return Cover((escaped(wanted[0]),))
    by_suffix: dict[str, list[str]] = {}
    for path in wanted:
        by_suffix.setdefault(suffix(path), []).append(path)
    covers = [_cover(paths, every) for paths in by_suffix.values()]
    return Cover(
        tuple(path for one in covers for path in one.path),
        tuple(dict.fromkeys(path for one in covers for path in one.exclude)),
    )


def suffix(path: str) -> str:
    """What tells a file's kind at the end of its name, with ``.gz`` and ``.ome``, as it is written.

    Examples
    --------
    >>> suffix("a/b.c.TIF"), suffix("b.csv.gz"), suffix("b.ome.tif")
    ('.TIF', '.csv.gz', '.ome.tif')
    """
    found = re.search(r"(?i)(\.ome\.tiff?|\.[^./ ]+\.gz|\.[^./ ]+)$", path)
    return found[0] if found else ""


def escaped(path: str) -> str:
    """A path as the manifest has it; characters that would be a glob, or that YAML cannot hold, are replaced.

    Examples
    --------
    >>> escaped("plate [1]/a.tif"), escaped("odd[name.csv"), escaped("@home.csv")
    ('plate [[]1]/a.tif', 'odd[name.csv', '[@]home.csv')
    """
    path = path.encode("utf-8", "replace").decode()  # a byte that is no UTF-8 becomes ?, which matches it
    if has_glob(path) or "\\" in path or not path.isprintable():
        path = _safe(path)
    return f"[{path[0]}]{path[1:]}" if path[0] in "@~" else path


def _bracketed(character: str) -> str:
    if character in "[*":
        return f"[{character}]"
    return "?" if character == "\\" or not character.isprintable() else character


def _cover(wanted: Sequence[str], every: Sequence[str]) -> Cover:
    if len(wanted) == 1:
        return Cover((escaped(wanted[0]),))
    strangers = sorted(set(every) - set(wanted))
    best: tuple[str, list[str]] | None = None
    for glob in _candidates(wanted):
        matched = list(filter(_matcher(glob), strangers))
        if not matched:
            return Cover((glob,))
        if best is None or len(matched) < len(best[1]):
            best = glob, matched
    assert best is not None  # there is always a candidate
    exclude = _excluding(best[1], wanted)
    return Cover((best[0],), exclude) if exclude else Cover(tuple(map(escaped, wanted)))


def _excluding(strangers: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Few globs that match all strangers and nothing that is wanted; none where it takes many."""
    for glob in _candidates(strangers) if len({suffix(path) for path in strangers}) == 1 else ():
        if not any(map(_matcher(glob), wanted)):
            return (glob,)
    return tuple(map(escaped, strangers)) if len(strangers) <= MOST_EXCLUDED else ()


def _candidates(paths: Sequence[str]) -> Iterator[str]:
    """Globs that match all of the paths, the plainest first."""
    folders = [path.split("/")[:-1] for path in paths]
    names = [path.rsplit("/", 1)[-1] for path in paths]
    for folder in dict.fromkeys(_folder_globs(folders)):
        for name in dict.fromkeys(_name_globs(names, suffix(paths[0]))):
            glob = folder + name
            yield f"[{glob[0]}]{glob[1:]}" if glob[0] in "@~" else glob


def _folder_globs(folders: Sequence[Sequence[str]]) -> Iterator[str]:
    same: list[str] = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        same.append(escaped(parts[0]))
    if len({len(parts) for parts in folders}) > 1:
        yield "/".join([*same, "**", ""])
        return
    for narrow in (False, True):
        columns = [_star(parts, narrow) for parts in zip(*folders, strict=True)]
        yield "".join(f"{column}/" for column in columns)


def _name_globs(names: Sequence[str], ending: str) -> Iterator[str]:
    if len(set(names)) == 1:
        yield escaped(names[0])
        return
    stems = [name.removesuffix(ending) for name in names]
    before, behind = common_start(stems), common_start([stem[::-1] for stem in stems])[::-1]
    tail = _safe(ending)
    yield f"*{tail}"
    yield f"{_safe(before)}*{tail}"
    yield f"*{_safe(behind)}{tail}"
    yield f"{_safe(before)}*{_safe(behind)}{tail}"


def _star(parts: Sequence[str], narrow: bool) -> str:
    if len(set(parts)) == 1:
        return escaped(parts[0])
    return f"{_safe(common_start(parts))}*" if narrow else "*"


def common_start(texts: Sequence[str]) -> str:
    """What all begin with, up to the end of a word: a number that happens to begin alike is not cut.

    Examples
    --------
    >>> common_start(["P1_001", "P1_002"]), common_start(["plate12", "plate13"]), common_start(["DAPI", "DIC"])
    ('P1_', 'plate', '')
    """
    start = shared_start(texts)
    if all(text == start or not text[len(start)].isalnum() for text in texts):
        return start
    kept = re.sub(r"[0-9]+$", "", start)
    word = re.search(r"[^\W_0-9]+$", kept)
    digits_follow = all(text[len(kept) : len(kept) + 1].isdigit() for text in texts)
    return kept if word is None or digits_follow else kept[: word.start()]


def shared_start(texts: Collection[str]) -> str:
    """What all begin with, letter by letter."""
    low, high = min(texts), max(texts)
    at = next(
        (at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low[:at]


def _safe(text: str) -> str:
    return "".join(_bracketed(c) for c in text)


def _matcher(glob: str) -> Callable[[str], object]:
    return path_regex(glob).match
