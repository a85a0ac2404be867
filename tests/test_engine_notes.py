"""Workers' notes come whole, in order, from several processes at once."""

from __future__ import annotations

import os
from collections import Counter
from multiprocessing import get_context
from multiprocessing.connection import Connection

from datapkg.engine.notes import PATH_BYTES, Notes, write


def tell(writer: Connection, number: int) -> None:
    for at in range(number):
        write(writer, f"{'x' * (at % 300)}/{at}.tif", at, 2)


def test_what_many_processes_write_at_once_comes_whole() -> None:
    notes, context = Notes(), get_context("spawn")
    workers = [context.Process(target=tell, args=(notes.writer, 5000)) for _ in range(2)]
    for worker in workers:
        worker.start()
    read = []
    while any(worker.is_alive() for worker in workers):
        read += list(notes.read())
    read += list(notes.read())
    notes.close()
    for worker in workers:
        assert [done for pid, _, done, _ in read if pid == worker.pid] == list(range(5000))
    assert all(path == f"{'x' * (done % 300)}/{done}.tif" for _, path, done, _ in read)
    assert Counter(pid for pid, _, _, _ in read) == {worker.pid: 5000 for worker in workers}


def test_any_name_of_a_file_comes_through() -> None:
    notes = Notes()
    names = ["a b/ü\nn 3.tif", os.fsdecode(b"odd \xff.tif"), "0 7 x", ""]
    for name in names:
        write(notes.writer, name, 7, 256)
    write(notes.writer, "y" * 5000 + ".tif", 1, 1)
    *found, long = notes.read()
    assert found == [(os.getpid(), name, 7, 256) for name in names]
    assert long[1].endswith("yyy.tif") and len(long[1]) == PATH_BYTES
    assert list(notes.read()) == []
    notes.close()
