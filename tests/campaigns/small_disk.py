"""Run a program with a small disk of its own: ``python -m campaigns.small_disk FOLDER BYTES PROGRAM ...``.

The disk is a tmpfs in a mount namespace of the program: nobody else sees it, and it is gone when the program ends. Exit
status 77: this system does not allow it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

NOT_ALLOWED = 77
NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
PRIVATE_BELOW = 1 << 18 | 1 << 14


def mount(folder: str, size: int) -> None:
    """Give this process, which has one thread, a disk of some bytes at `folder`."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_MOUNTS):
        _check(libc.unshare(NEW_MOUNTS | NEW_USER))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _check(libc.mount(b"none", b"/", None, PRIVATE_BELOW, None))
    _check(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()))


def _check(failed: int) -> None:
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    try:
        mount(sys.argv[1], int(sys.argv[2]))
    except OSError as error:
        print(f"no small disk here: {error}", file=sys.stderr)
        sys.exit(NOT_ALLOWED)
    os.execv(sys.argv[3], sys.argv[3:])
