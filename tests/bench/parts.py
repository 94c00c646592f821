"""Unavoidable parts, each timed alone: what any program must spend to do the same work."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CHUNK = 64 * 1024
TAG = 16


def now() -> float:
    """Return a monotonic moment in seconds."""
    return time.perf_counter()


def wall(work: Callable[[], object]) -> float:
    """Return wall seconds of `work`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu(work: Callable[[], object], times: int) -> float:
    """Return CPU seconds of this process per run of `work`, all threads counted."""
    work()
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def sha256_file(path: Path) -> str:
    """Hash a file in one thread, as fast as the library goes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def chacha_chunks(size: int) -> None:
    """Encrypt `size` bytes in 64 KiB chunks with one key, into one buffer."""
    cipher = ChaCha20Poly1305(os.urandom(32))
    plain, out = bytes(CHUNK), bytearray(CHUNK + TAG)
    for number in range(size // CHUNK):
        cipher.encrypt_into((number << 8).to_bytes(12, "big"), plain, None, out)


def fsync_file(directory: Path, content: bytes) -> None:
    """Write a new file durably: write, fsync, rename, fsync of the directory."""
    target = directory / os.urandom(8).hex()
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
