"""The lock of the engine worker: no new privileges, resource limits, and a seccomp allow-list of our own.

The filter is a short BPF program handed to the kernel; everything it does not list fails with EPERM. A
locked worker tries what must fail (`probe`) and refuses to serve when one of the attempts succeeds.
Source: contract-engine page section 2. Linux on x86-64 and aarch64; elsewhere the worker says "none".
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import socket
import struct
import sys

PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_TSYNC = 1
RET_ALLOW = 0x7FFF0000
RET_ERRNO_EPERM = 0x00050001
RET_KILL = 0x80000000
X32_BIT = 0x40000000

# name: (x86-64, aarch64); None where the architecture has no such call
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "close": (3, 57),
    "lseek": (8, 62), "fstat": (5, 80), "poll": (7, None), "ppoll": (271, 73),
    "mmap": (9, 222), "munmap": (11, 215), "mprotect": (10, 226), "mremap": (25, 216),
    "madvise": (28, 233), "brk": (12, 214), "futex": (202, 98), "membarrier": (324, 283),
    "rseq": (334, 293), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "clock_gettime": (228, 113), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "getrandom": (318, 278), "getpid": (39, 172), "gettid": (186, 178),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "tgkill": (234, 131), "restart_syscall": (219, 128),
    "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
# machine: (column above, audit architecture, number of the seccomp call)
_MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}


class SandboxError(Exception):
    """The lock could not be set, or a probe got through it."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def build_filter(machine: str) -> bytes:
    """BPF instructions: the right architecture, then the allow-list, then EPERM."""
    column, architecture, _ = _MACHINES[machine]
    numbers = sorted(n for calls in _CALLS.values() if (n := calls[column]) is not None)

    def code(op: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("=HBBI", op, yes, no, value)

    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    out = [code(load, 0, 0, 4), code(equal, 1, 0, architecture), code(answer, 0, 0, RET_KILL)]
    out += [code(load, 0, 0, 0), code(at_least, 0, 1, X32_BIT), code(answer, 0, 0, RET_KILL)]
    for number in numbers:
        out += [code(equal, 0, 1, number), code(answer, 0, 0, RET_ALLOW)]
    return b"".join([*out, code(answer, 0, 0, RET_ERRNO_EPERM)])


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def limit_resources() -> None:
    """No new files beyond 16, no processes, no file growth, no core file. Address space stays free:

    WebAssembly memories reserve it."""
    for what, value in (
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def lock() -> str:
    """Lock this process for good. Returns "seccomp", or "none" where the system has none."""
    limit_resources()
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in _MACHINES:
        return "none"
    libc = _libc()
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise SandboxError("no_new_privs could not be set")
    program = build_filter(machine)
    handed = _Program(len(program) // 8, program)
    number = _MACHINES[machine][2]
    # All threads at once: prctl would lock only the one that calls it.
    failed = libc.syscall(
        number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(handed)
    )
    return "none" if failed else "seccomp"


def probe() -> list[str]:
    """Names of forbidden things that succeeded; empty when the lock holds."""
    through = []
    attempts = (
        ("open", lambda: os.open("/etc/hostname", os.O_RDONLY)),
        ("socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
        ("unix-socket", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)),
        ("kill", lambda: os.kill(os.getppid() or 1, 0)),
        ("unlink", lambda: os.unlink("/nonexistent-citychain-probe")),
        ("mkdir", lambda: os.mkdir("/tmp/citychain-probe")),
        ("pipe", os.pipe),
    )
    for name, attempt in attempts:
        try:
            attempt()
        except PermissionError:
            continue
        except OSError as error:
            # Any other error means that the kernel looked: the filter let it through.
            through.append(f"{name}: {error.strerror}")
            continue
        through.append(name)
    through += _probe_processes()
    return through


def _probe_processes() -> list[str]:
    through = []
    try:
        if os.fork() == 0:
            os._exit(0)
        through.append("fork")
    except PermissionError:
        pass
    except OSError as error:
        through.append(f"fork: {error.strerror}")
    try:
        os.execv("/nonexistent-citychain-probe", ["probe"])
    except PermissionError:
        pass
    except OSError as error:
        through.append(f"exec: {error.strerror}")
    return through
