"""What an answer's process may no longer do once `confine` has returned. Linux alone.

Three guards, which need no privilege and no program, and work as root and in a container too:

- limits: processor time, memory beyond what is loaded, open files, and no byte into any file;
- Landlock (Linux 6.2): files are read in the folders that Python needs, and written nowhere;
- seccomp (x86-64, AArch64): no new process or thread, no signal, no socket, nothing done to other
  processes, and no change of a file's owner, mode or times.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SECONDS_OF_PROCESSOR = 60
MEMORY = 2**30
"""Bytes beyond what is loaded already."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2

_FORBIDDEN = {  # system call -> its numbers on x86-64 and on AArch64, which lacks the older ones
    "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435),
    "execve": (59, 221), "execveat": (322, 281), "unshare": (272, 97), "setns": (308, 268),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "prlimit64": (302, 261), "setrlimit": (160, 164), "setpriority": (141, 140),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    "sched_setparam": (142, 118), "ioprio_set": (251, 30),
    "socket": (41, 198), "socketpair": (53, 199), "io_uring_setup": (425, 425),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "truncate": (76, 45), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "chown": (92, None), "lchown": (94, None), "fchown": (93, 55),
    "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
    "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282),
}  # fmt: skip
_IOCTL, _FCNTL = (16, 29), (72, 25)
_OWNERS = {"F_SETOWN": 8, "F_SETOWN_EX": 15, "FIOSETOWN": 0x8901, "SIOCSPGRP": 0x8902}
"""What these two may not be asked for: they name a process that the kernel then signals, with any
signal, when a pipe of the answer's own has something to read."""
_NEWER = 463
"""Calls from here on are newer than this table, or of another numbering, and all refused."""
_PROCESSORS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the table, and the kernel's name for the numbering."""


def confine(hidden: Path) -> list[str]:
    """Give up all that an answer does not need, for good.

    Args:
        hidden: a folder whose files must not be read, whatever it lies in.

    Returns:
        What this system lacks to guard with, in words; nothing where all is in force.
    """
    _last_to_be_spared()
    _limit()
    _no_privileges()
    lacking = [_landlock(hidden), _seccomp()]
    return [each for each in lacking if each]


def _last_to_be_spared() -> None:
    """Where memory runs out, the kernel ends this process first."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit() -> None:
    loaded = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for kind, most in (
        (resource.RLIMIT_CPU, SECONDS_OF_PROCESSOR),
        (resource.RLIMIT_AS, loaded + MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(kind, (most, most))


def _no_privileges() -> None:
    """Not even root's: a container's root may mount, trace and set the clock."""
    version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _done("capset", _LIBC.capset(version_3, (ctypes.c_uint32 * 6)()))
    _done("no_new_privs", _LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def _landlock(hidden: Path) -> str:
    """Restrict files; what is lacking, in words."""
    create, add, restrict = 444, 445, 446
    read_file, read_folder, write_file = 1 << 2, 1 << 3, 1 << 1
    version = _LIBC.syscall(create, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return "Landlock, so answers can read and remove what this user can"
    every_right = (1 << {1: 13, 2: 14}.get(version, 15)) - 1
    handled = ctypes.c_uint64(every_right)
    rules = _done("Landlock", _LIBC.syscall(create, ctypes.byref(handled), ctypes.c_size_t(8), 0))

    def allow(path: Path, rights: int) -> None:
        with suppress(FileNotFoundError):
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = rights.to_bytes(8, sys.byteorder) + opened.to_bytes(4, sys.byteorder)
            _done("Landlock", _LIBC.syscall(add, rules, 1, ctypes.c_char_p(rule), 0))
            os.close(opened)

    allow(Path("/dev/null"), read_file | write_file)
    for folder in _needed():
        allow(folder, read_folder)
        for part in _without(folder.resolve(), hidden.resolve()):
            allow(part, read_file | read_folder if part.is_dir() else read_file)
    _done("Landlock", _LIBC.syscall(restrict, rules, 0))
    os.close(rules)
    return "" if version >= 3 else "Linux 6.2, before which answers can empty files"


def _needed() -> Iterator[Path]:
    """Folders that hold Python, its packages, this library and the system's libraries."""
    yield from map(Path, (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64"))
    yield Path(__file__).parents[2]
    for each in map(Path, sys.path):
        if each.name in ("site-packages", "dist-packages") and each.is_dir():
            yield each


def _without(path: Path, hidden: Path) -> Iterator[Path]:
    """Paths that together hold all that `path` does, but for what is hidden."""
    if not hidden.is_relative_to(path):
        yield path
    elif path != hidden:
        for part in path.iterdir():
            yield from _without(part, hidden)


def _seccomp() -> str:
    """Restrict system calls; what is lacking, in words."""
    if platform.machine() not in _PROCESSORS or sys.maxsize < 2**32:
        return "a table of this processor's system calls, so answers can start processes"
    column, numbering = _PROCESSORS[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    permit, refuse = 0x7FFF0000, 0x00050001  # EPERM
    numbers = [n for each in _FORBIDDEN.values() if (n := each[column]) is not None]
    to_last = -1  # other jumps count the instructions between
    code = [
        (load, 0, 0, 4),
        (equal, 0, to_last, numbering),
        (load, 0, 0, 0),
        (at_least, to_last, 0, _NEWER),
        *((equal, to_last, 0, number) for number in numbers),
        (equal, 1, 0, _IOCTL[column]),
        (equal, 0, 1 + len(_OWNERS), _FCNTL[column]),
        (load, 0, 0, 24),  # the second argument
        *((equal, to_last, 0, command) for command in _OWNERS.values()),
        (give, 0, 0, permit),
        (give, 0, 0, refuse),
    ]
    packed = b"".join(
        op.to_bytes(2, sys.byteorder)
        + bytes(len(code) - 2 - i if jump == to_last else jump for jump in (yes, no))
        + value.to_bytes(4, sys.byteorder)
        for i, (op, yes, no, value) in enumerate(code)
    )

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    program = Program(len(code), packed)
    refused = _LIBC.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) < 0
    return "seccomp, so answers can start processes" if refused else ""


def _done(what: str, result: int) -> int:
    """The result of a call to the kernel.

    Raises:
        OSError: it says that it was not done.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
