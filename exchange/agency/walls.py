"""Walls around an intake worker: limits, network, file system and system calls of its process.

Linux only, by direct system calls, without privileges where the kernel allows it. A wall that
this kernel does not have is returned by name, so that start-up can say so; it is never silent.
Imports nothing of the exchange.
"""

import ctypes
import os
import resource
import stat
import struct
import sys
from collections.abc import Iterable, Sequence

# Numbers of <linux/prctl.h>, <signal.h>, <linux/sched.h>, <linux/landlock.h>,
# <linux/seccomp.h>; importing the standard library's signals costs a worker 0.7 ms.
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_SIGKILL = 9
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same everywhere
_CAPABILITY_VERSION_3 = 0x20080522

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_REG = 1 << 5, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
"""Rights that may be granted on something that is not a folder."""
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = _READ_FILE | _READ_DIR | _WRITE_FILE | _TRUNCATE | _MAKE_REG
_CHANGE = _WRITE | _REMOVE_FILE
"""Plain files come and go; folders, links, pipes and devices cannot be made."""

_CALLS = {
    # name: its number on x86_64 and on aarch64, where some old calls do not exist
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "bind": (49, 200),
    "listen": (50, 201),
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
    "personality": (135, 92),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
}
"""System calls that start processes and threads, reach others, or lift the limits."""
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of `_CALLS` and audit number of each known machine."""
_X32 = 0x40000000
"""First number of x86_64's second table of calls, refused as a whole."""

SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo")
"""Where shared libraries and time zones lie."""
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/dev/null", "/dev/zero")


def limit(*, memory: int, descriptors: int) -> None:
    """Set the limits that hold for the whole life of the process; the rest comes from outside.

    Args:
        memory: bytes of address space.
        descriptors: largest number of open files.
    """
    os.umask(0o077)
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, descriptors),
        (resource.RLIMIT_NPROC, 0),  # not enforced for root: there the filter of calls refuses
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (most, most))


def enclose(*, read: Iterable[str], write: Iterable[str]) -> tuple[str, ...]:
    """Put up every wall the kernel offers and return the names of those it does not.

    Args:
        read: folders that may be read, beside the interpreter and the system's libraries.
        write: folders in which plain files may also be made and removed.

    Returns:
        Any of `no-new-privileges`, `network`, `landlock`, `capabilities`, `calls`, in this order.
    """
    libc = ctypes.CDLL(None)
    # A gateway that is killed leaves nobody behind with a document.
    _prctl(libc, _PR_SET_PDEATHSIG, _SIGKILL)
    walls = {
        "no-new-privileges": _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1) == 0,
        "network": _leave_network(libc),
        "landlock": _restrict_files(libc, read, write),
        "capabilities": _drop_capabilities(libc),
        "calls": _prctl(libc, _PR_SET_DUMPABLE, 0) == 0 and _refuse_calls(libc),
    }
    return tuple(name for name, stands in walls.items() if not stands)


def _prctl(libc: ctypes.CDLL, option: int, value: int, more: bytes | None = None) -> int:
    """Call prctl(2) with whole registers: it compares the unused ones with zero."""
    none = ctypes.c_ulong(0)
    return int(libc.prctl(option, ctypes.c_ulong(value), more or none, none, none))


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Move into an empty network; without privileges inside a user namespace of our own."""
    return any(
        libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET)
    )


def _restrict_files(libc: ctypes.CDLL, read: Iterable[str], write: Iterable[str]) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    files, network, scoped = _handled(version)
    attributes = struct.pack("=QQQ", files, network, scoped)
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for path in (*_interpreter(), *SYSTEM, *SYSTEM_FILES, *read):
            _allow(libc, ruleset, path, _READ & files)
        _allow(libc, ruleset, "/dev/null", (_READ | _WRITE_FILE) & files)
        for path in write:
            _allow(libc, ruleset, path, _CHANGE & files)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _handled(version: int) -> tuple[int, int, int]:
    """Return what this version of Landlock can refuse (files, TCP, scopes): all of it then is."""
    files, network, scoped = (_REFER - 1 if version >= 1 else 0), 0, 0
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        files |= right if version >= since else 0
    for since, both in ((4, (0b11, 0)), (6, (0, 0b11))):  # bind, connect; abstract sockets, signals
        if version >= since:
            network, scoped = network | both[0], scoped | both[1]
    return files, network, scoped


def _interpreter() -> tuple[str, ...]:
    """Return the folders of the interpreter and of what is installed in it."""
    return tuple({sys.prefix, sys.base_prefix, sys.exec_prefix})


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system: nothing to allow
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, opened)
        libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0)
    finally:
        os.close(opened)


def _drop_capabilities(libc: ctypes.CDLL) -> bool:
    """Give up every capability: a root without any is an owner of files, and no more."""
    number = 0
    while _prctl(libc, _PR_CAPBSET_DROP, number) == 0:
        number += 1
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    return bool(libc.capset(header, bytes(24)) == 0)


def _refuse_calls(libc: ctypes.CDLL) -> bool:
    """Refuse the calls that start processes and threads, open sockets, signal or inspect others."""
    if os.uname().machine not in _MACHINES or sys.maxsize < _X32:
        return False
    column, audit = _MACHINES[os.uname().machine]
    numbers = [row[column] for row in _CALLS.values()]
    program = _program(audit, [number for number in numbers if number is not None])
    packed = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(packed))
    return _prctl(libc, _PR_SET_SECCOMP, 2, header) == 0


def _program(audit: int, refused: Sequence[int]) -> list[bytes]:
    """Return the filter (classic BPF): kill on a foreign machine's call, EPERM on a listed one."""
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, kill, eperm = 0x7FFF0000, 0x80000000, 0x00050001

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    program = [step(load, 4), step(equal, audit, 1, 0), step(give, kill), step(load, 0)]
    program.append(step(at_least, _X32, len(refused) + 1, 0))
    for index, number in enumerate(refused):
        program.append(step(equal, number, len(refused) - index, 0))
    return [*program, step(give, allow), step(give, eperm)]
