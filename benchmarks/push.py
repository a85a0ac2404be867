"""How fast `datapkg push` and `pull` are beside a plain copy of the same files with the same client, in the same run.

``python -m benchmarks.push [MB]`` builds a package of images, starts ``rclone serve s3`` on this machine, and copies the
package's files there and back, in turns: with `datapkg`, which hashes all and writes records, and with `obstore` alone,
four files at a time, large ones in parts. It prints the ratios of the medians. The aim of push is 0.7 of the plain rate.

The server is told not to make an ETag by hashing each object when it is first listed: a push lists what it has written before it
says that it is there, and would be charged for that hashing (it took a third of the time), a plain copy not.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import obstore
import tifffile
from obstore.store import S3Store

import datapkg

PORT, BUCKET, KEY = 18_653, "bench", "benchkey"
TURNS = 5
AT_ONCE = 4
PART_BYTES = 8 << 20
GOAL = 0.7


def package(folder: Path, megabytes: int) -> Path:
    data = folder / "data"
    data.mkdir()
    rng = np.random.default_rng(1)
    for number in range(max(1, megabytes // 2)):
        tifffile.imwrite(data / f"{number:05}.tif", rng.integers(0, 4000, (700, 750)).astype("u2"))
    (folder / "bench.yaml").write_text('name: bench\nresources:\n  - {name: frames, path: "data/*.tif"}\n')
    datapkg.build(folder / "bench.yaml", folder / "p")
    shutil.rmtree(data)
    return folder / "p"


@contextmanager
def server(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 server on this machine; what it takes to reach it."""
    (folder / BUCKET).mkdir(parents=True)
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder), "--config", ""]
    command += ["--addr", f"127.0.0.1:{PORT}", "--auth-key", f"{KEY},{KEY}", "--etag-hash", ""]
    endpoint = f"http://127.0.0.1:{PORT}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            for _ in range(100):
                with suppress(URLError):
                    try:
                        urllib.request.urlopen(endpoint).close()
                    except HTTPError:
                        break
                time.sleep(0.1)
            keys = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY}
            yield {**keys, "aws_endpoint": endpoint, "aws_region": "us-east-1"}
        finally:
            running.kill()


def ways(
    store: S3Store, access: dict[str, str], source: Path, files: list[str], folder: Path, turn: int
) -> dict[str, Callable[[], object]]:
    """What is timed; each turn has places of its own, since the server remembers what it has seen in a folder."""
    plain, uri = f"plain{turn}", f"s3://{BUCKET}/ours{turn}"
    return {
        "plain push": lambda: plain_push(store, source, files, plain),
        "datapkg push": lambda: datapkg.push(source, uri, storage_options=access, single_writer=True),
        "plain pull": lambda: plain_pull(store, files, plain, folder / "back"),
        "datapkg pull": lambda: datapkg.pull(uri, folder / "again", storage_options=access),
    }


def plain_push(store: S3Store, source: Path, files: list[str], prefix: str) -> None:
    def copy(name: str) -> None:
        obstore.put(store, f"{prefix}/{name}", source / name, chunk_size=PART_BYTES, max_concurrency=AT_ONCE)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(copy, files))


def plain_pull(store: S3Store, files: list[str], prefix: str, target: Path) -> None:
    def copy(name: str) -> None:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            for piece in obstore.get(store, f"{prefix}/{name}").stream(PART_BYTES):
                file.write(piece)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(copy, files))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main(megabytes: int = 400) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = package(folder, megabytes)
        files = [str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()]
        size = sum((source / file).stat().st_size for file in files) / 1e6
        times: dict[str, list[float]] = {}
        with server(folder / "served") as access:
            store = S3Store(BUCKET, config=access, client_options={"allow_http": True, "timeout": "120s"})
            for turn in range(TURNS + 1):  # the first is to warm up
                for way, work in ways(store, access, source, files, folder, turn).items():
                    times.setdefault(way, []).append(seconds(work))
                assert datapkg.open(folder / "again").digest == datapkg.open(source).digest
                for made in (folder / "back", folder / "again", *(folder / "served" / BUCKET).iterdir()):
                    shutil.rmtree(made)
    found = {way: statistics.median(taken[1:]) for way, taken in times.items()}
    for way, taken in found.items():
        print(f"{way:14} {taken:6.2f} s  {size / taken:7.1f} MB/s")
    for way in ("push", "pull"):
        goal = f" (aim: at least {GOAL})" if way == "push" else ""
        print(f"ratio {way}: {found[f'plain {way}'] / found[f'datapkg {way}']:.2f} of the plain rate{goal}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
