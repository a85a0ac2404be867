"""Watch from outside what processes do to files, and stop them before any step: nothing in them knows of it.

A step is a call of the system that changes a file or a folder, or brings one to the disk, whoever makes it: Python, the
storage engine, a database, a worker process. The kernel stops the caller before each (seccomp and ptrace, Linux on
x86-64 or ARM), and whoever watches lets it go on, pauses it, or kills it with all of its group.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

X86_64 = {
    "write": 1, "open": 2, "pwrite64": 18, "writev": 20, "sendfile": 40, "fsync": 74, "fdatasync": 75, "truncate": 76,
    "ftruncate": 77, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88,
    "openat": 257, "mkdirat": 258, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266, "utimensat": 280,
    "fallocate": 285, "pwritev": 296, "renameat2": 316, "copy_file_range": 326, "pwritev2": 328,
}  # fmt: skip
AARCH64 = {
    "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38, "truncate": 45, "ftruncate": 46,
    "fallocate": 47, "openat": 56, "write": 64, "writev": 66, "pwrite64": 68, "pwritev": 70, "sendfile": 71, "fsync": 82,
    "fdatasync": 83, "utimensat": 88, "renameat2": 276, "copy_file_range": 285, "pwritev2": 287,
}  # fmt: skip
CALLS = {"x86_64": X86_64, "aarch64": AARCH64}.get(os.uname().machine, {})
NAMES = {number: name for name, number in CALLS.items()}
WORKS = sys.platform == "linux" and bool(CALLS)

BY_HANDLE = {
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
}
BY_HANDLE |= {"sendfile"}
PATHS_AT = {  # which arguments are paths; where a path may be relative to a handle, the handle stands before it
    "open": [0], "creat": [0], "truncate": [0], "mkdir": [0], "rmdir": [0], "unlink": [0], "rename": [0, 1],
    "link": [0, 1], "symlink": [1], "openat": [1], "mkdirat": [1], "unlinkat": [1], "utimensat": [1],
    "renameat": [1, 3], "renameat2": [1, 3], "linkat": [1, 3], "symlinkat": [2],
}  # fmt: skip
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

TRACEME, CONT, SETOPTIONS, GET_SYSCALL_INFO = 0, 7, 0x4200, 0x420E
OPTIONS = (
    1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 20
)  # fork, vfork, clone, exec, seccomp, exit with the watcher
SECCOMP_EVENT = 7
WALL = 0x40000000  # threads and processes alike
LONGEST_PATH = 4096

libc = ctypes.CDLL(None, use_errno=True)


class _CallInfo(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("arch", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("data", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Step:
    """One call: its name, and the files that it is about; the last is the one that it makes or changes.

    `new` says that the last was not there before.
    """

    call: str
    paths: tuple[str, ...]
    new: bool

    def __str__(self) -> str:
        return f"{self.call} {' -> '.join(self.paths)}"


@dataclass
class Watched:
    """What became of a process: its steps, whether it was killed at the last, the status it ended with."""

    steps: list[Step] = field(default_factory=list)
    killed: bool = False
    status: int = 0


def watch(
    work: Callable[[], None],
    folder: Path,
    kill_at: int = 0,
    pauses: dict[int, Callable[[], None]] | None = None,
) -> Watched:
    """Run `work` in a process of its own and count its steps below `folder`, from 1.

    Before the step `kill_at` it is killed, with all that it has started; before those of `pauses` it waits until the
    given function is done.
    """
    seen = Watched()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        _be_watched()
        work()
        os._exit(0)
    os.waitpid(pid, WALL)
    _ptrace(SETOPTIONS, pid, OPTIONS)
    _ptrace(CONT, pid, 0)
    known = {pid}
    while known:
        try:
            at, status = os.waitpid(-1, WALL)
        except ChildProcessError:
            break
        if not os.WIFSTOPPED(status):
            known.discard(at)
            if at == pid:
                seen.status = os.waitstatus_to_exitcode(status)
            continue
        sent = 0
        if status >> 16 == SECCOMP_EVENT:
            step = _step(at, str(folder))
            if step is not None and not seen.killed:
                seen.steps.append(step)
                if len(seen.steps) == kill_at:
                    seen.killed = True
                    os.killpg(pid, signal.SIGKILL)
                elif pauses and len(seen.steps) in pauses:
                    pauses[len(seen.steps)]()
        elif status >> 16 == 0 and not (os.WSTOPSIG(status) == signal.SIGSTOP and at not in known):
            sent = os.WSTOPSIG(status)
        known.add(at)
        _ptrace(CONT, at, sent)
    return seen


def _be_watched() -> None:
    """Ask to be stopped before every call of CALLS, in this process and all that it starts."""
    _ptrace(TRACEME, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    numbers = sorted(CALLS.values())
    program = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the call's number
    program += [struct.pack("HBBI", 0x15, len(numbers) - i, 0, n) for i, n in enumerate(numbers)]
    program += [struct.pack("HBBI", 0x06, 0, 0, told) for told in (0x7FFF0000, 0x7FF00000)]  # allow; stop
    code = ctypes.create_string_buffer(b"".join(program))
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    for option, value, more in ((38, 1, None), (22, 2, whole)):  # no new privileges; the filter
        if libc.prctl(option, value, more, 0, 0):
            os._exit(99)


def _ptrace(request: int, pid: int, data: int) -> None:
    if libc.ptrace(request, pid, None, ctypes.c_void_p(data)) and request != CONT:  # it may be gone meanwhile
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


def _step(pid: int, folder: str) -> Step | None:
    """The call that `pid` is about to make, if it changes something below `folder`."""
    info = _CallInfo()
    size = ctypes.c_void_p(ctypes.sizeof(info))
    if libc.ptrace(GET_SYSCALL_INFO, pid, size, ctypes.byref(info)) < 0:
        return None
    name, given = NAMES[info.number], info.arguments
    if (name == "open" and not given[1] & CHANGES) or (name == "openat" and not given[2] & CHANGES):
        return None
    try:
        if name in BY_HANDLE or name == "copy_file_range":
            handle = given[2] if name == "copy_file_range" else given[0]
            paths = [str(Path(f"/proc/{pid}/fd/{handle}").readlink())]
        else:
            paths = [_text(pid, given[at]) for at in PATHS_AT[name]]
            paths = [
                path if path.startswith("/") else f"{_handle(pid, given[at - 1] if at else -100)}/{path}"
                for at, path in zip(PATHS_AT[name], paths, strict=True)
            ]
    except OSError:
        return None
    if not paths[-1].startswith(folder + "/") and paths[-1] != folder:
        return None
    return Step(name, tuple(paths), not os.path.lexists(paths[-1]))


def _handle(pid: int, number: int) -> str:
    """The folder that a relative path starts from; the working folder, where no other is given."""
    number = ctypes.c_int32(number & 0xFFFFFFFF).value
    return str(Path(f"/proc/{pid}/cwd" if number == -100 else f"/proc/{pid}/fd/{number}").readlink())


def _text(pid: int, address: int) -> str:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        found = b""
        while b"\0" not in found and len(found) < LONGEST_PATH:
            page = 4096 - (address + len(found)) % 4096  # what follows the page may not be there
            found += memory.read(min(page, 256))
    return os.fsdecode(found.partition(b"\0")[0])
