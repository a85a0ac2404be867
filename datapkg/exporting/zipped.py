"""A version as one zip file: a package of its own, verified byte for byte while it is written.

Nothing is deflated, since tables are compressed already: so a byte of the package is a byte of the file. Names are
in order and times are fixed: the same version gives the same file, wherever it is exported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from .. import versions
from ..copying.own import own_files
from ..copying.transfer import proven
from ..descriptor import DESCRIPTOR, descriptor_content
from ..lock import lock_content
from ..locking import lock_of_version
from ..manifest.normal import parse_recorded
from ..progress import Counter
from ..store import StoredFile
from .job import Job

EARLIEST = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = 0o100644 << 16
UNIX = 3


def write(job: Job, path: Path) -> None:
    """Write the version of a job into a new zip file, in a folder with the package's name."""
    source, record = job.package.place, job.package.record
    listed = versions.read_files(source, record)
    top = f"{record.name}.datapkg"
    small = {f"{top}/{name}": content for name, content in own_files(source, record, listed).items()}
    manifest = parse_recorded(record.manifest, record.manifest_digest)
    small[f"{top}/{DESCRIPTOR}"] = descriptor_content(manifest, record, listed, job.package.release)
    small[f"{top}.yaml"] = record.manifest.encode()
    small[f"{top}.lock"] = lock_content(lock_of_version(source, record))
    large = {f"{top}/{file[1]}": file for files in listed.files.values() for file in files}
    count = Counter("exporting zip", len(large), sum(file[2] for file in large.values()), job.progress)
    with _growing(path) as target:
        for name in sorted({*small, *large}):
            if name in small:
                _add(target, name, len(small[name]), [small[name]])
            else:
                role, inside, size, digest = large[name]
                count(inside, 0)
                _add(target, name, size, proven(source, StoredFile(role, inside, size, digest)))
                count(inside, size)
    job.written += job.tables


@contextmanager
def _growing(path: Path) -> Iterator[ZipFile]:
    """A new zip file that is ended only when the block ends well: one that is stopped within a file refuses to be closed."""
    with open(path, "xb") as file:
        target = ZipFile(file, "w", ZIP_STORED)
        try:
            yield target
            target.close()
        finally:
            target.fp = None


def _add(target: ZipFile, name: str, size: int, chunks: Iterable[memoryview | bytes]) -> None:
    entry = ZipInfo(name, EARLIEST)
    entry.compress_type, entry.external_attr, entry.create_system = ZIP_STORED, PLAIN_FILE, UNIX
    entry.file_size = size  # so that a file beyond 4 GiB gets the room for its size
    with target.open(entry, "w") as file:
        for chunk in chunks:
            file.write(chunk)
