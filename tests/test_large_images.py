"""Large images: past what 32 bits count, and with no needless copy of them in memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import make
import numpy as np
import pyarrow as pa
import pytest
import tifffile

import datapkg
from datapkg.pixels import ImageLayout, image_digest, list_offsets, to_arrow

MEMORY = """
import resource, sys
from pathlib import Path
from datapkg import ingest, sources
from datapkg.manifest import Resource
from datapkg.reading import Reading, SourceFile

path = Path(sys.argv[1])
def batches(path):
    file = SourceFile(path.name, path, path.parent, path.stat().st_size)
    frames = Resource(name="frames", path=("*.tif",), type="images")
    images = sources.get("images")
    (one,) = ingest.scan(ingest.ScanTask(frames, (file,)), print)
    (table,) = images.decide(frames, [(file.path, one.scan)]).tables
    with Reading(file, one.seen) as reading:
        yield from images.batches(reading, frames, table, 12 << 20)

for batch in batches(path.with_name("small.tif")):
    pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for batch in batches(path):
    del batch
print("grown", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux")
@pytest.mark.parametrize("compression", ["zlib", None])
def test_decoding_needs_the_file_and_the_pixels_of_one_image(tmp_path: Path, compression: str | None) -> None:
    make.tiff(tmp_path / "small.tif", compression=compression)
    large = tmp_path / "large.tif"
    with tifffile.TiffWriter(large) as writer:
        for page in range(2):
            image = np.full((5000, 5000 + page), page, "uint16")
            writer.write(image, compression=compression, rowsperstrip=500, metadata=None)
    command = [sys.executable, "-c", MEMORY, str(large)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    grown = 1024 * int(done.stdout.split("grown")[1])
    one_image = 50_000_000
    file = large.stat().st_size
    assert grown < file + 1.4 * one_image, (grown, file)


def test_offsets_are_counted_in_64_bits() -> None:
    layout = ImageLayout("uint8", (None, None))
    column = to_arrow([np.zeros((2, 3), "uint8"), np.ones((1, 5), "uint8")], layout)
    assert pa.types.is_large_list(column.type) and pa.types.is_large_list(column.type.value_type)
    assert list_offsets([(3, 1 << 30), (1, 7)], 1).tolist() == [0, 1 << 30, 1 << 31, 3 << 30, (3 << 30) + 7]
    assert list_offsets([(1 << 31,), (1 << 31,)], 0).tolist() == [0, 1 << 31, 1 << 32]


@pytest.mark.large
@pytest.mark.parametrize("ragged", [False, True])
def test_an_image_of_more_than_2_gib_comes_back(tmp_path: Path, ragged: bool) -> None:
    side = 46_341  # 46,341 squared is just over 2^31
    line = np.arange(side, dtype="uint32")
    image = (line * 7).astype("uint8")[:, np.newaxis] + (line // 64).astype("uint8")
    make.tiff(tmp_path / "data" / "a.tif", image, compression="zlib", rowsperstrip=512)
    if ragged:
        make.tiff(tmp_path / "data" / "b.tif", image[:3, :5])
    manifest = make.manifest(tmp_path / "data", 'name: frames, path: "*.tif"')
    make.build(manifest, tmp_path / "p")
    frames = datapkg.open(tmp_path / "p")["frames"]
    row = frames.to_pandas(columns=["shape", "dtype", "size_x", "image_digest"], limit=1).iloc[0]
    assert (list(row["shape"]), row["dtype"], row["size_x"]) == ([side, side], "uint8", side)
    assert row["image_digest"] == image_digest(image)
    back = frames.image(0)
    assert back.nbytes > 2**31
    assert image_digest(back) == row["image_digest"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{image.nbytes / 1e9:.2f} GB of pixels; peak {peak:.1f} GB")
