"""A worker does not take the memory of its arrays from the system again and again."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = """
import resource, sys
import numpy as np
from datapkg.engine.memory import keep_memory
if sys.argv[1] == "kept":
    keep_memory()

def work():
    return [np.ones(1 << 20, np.uint8) for _ in range(16)]

for _ in range(8):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(32):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

STORES = """
import ctypes, sys
from pathlib import Path
from threading import Barrier, Thread
from datapkg.engine.memory import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
c = ctypes.CDLL(None)
c.malloc.restype = c.fopen.restype = ctypes.c_void_p
all_there = Barrier(6)

def work():
    c.malloc(ctypes.c_size_t(1000))
    all_there.wait()

threads = [Thread(target=work) for _ in range(6)]
for one in threads: one.start()
for one in threads: one.join()
told = ctypes.c_void_p(c.fopen(sys.argv[2].encode(), b"w"))
c.malloc_info(0, told)
c.fclose(told)
print(Path(sys.argv[2]).read_text().count("<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other habits")
def test_memory_that_was_used_is_used_again() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("kept", "given back")
    }
    assert faults["kept"] < 1000 < faults["given back"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other habits")
def test_threads_of_a_worker_share_two_stores_of_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORES]
    stores = {
        how: int(
            subprocess.run([*command, how, str(tmp_path / "told")], capture_output=True, check=True).stdout
        )
        for how in ("kept", "given back")
    }
    assert stores["kept"] <= 2 < stores["given back"]
