"""One file's entry in a kickstart record, line by line (kickstart's statinfo.c)."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
from collections.abc import Iterator

from .text import iso_time, literal_block, quoted


def owner_lines(status: os.stat_result) -> Iterator[str]:
    """uid, user, gid, group; a name only where the system knows one."""
    yield f"uid: {status.st_uid}"
    try:
        yield f"user: {pwd.getpwuid(status.st_uid).pw_name}"
    except KeyError:
        pass
    yield f"gid: {status.st_gid}"
    try:
        yield f"group: {grp.getgrgid(status.st_gid).gr_name}"
    except KeyError:
        pass


def stat_lines(status: os.stat_result) -> Iterator[str]:
    """The fields of stat(2) in kickstart's order."""
    yield f"mode: 0o{status.st_mode:o}"
    yield f"size: {status.st_size}"
    yield f"inode: {status.st_ino}"
    yield f"nlink: {status.st_nlink}"
    yield f"blksize: {status.st_blksize}"
    yield f"blocks: {status.st_blocks}"
    for name, seconds in (("mtime", status.st_mtime), ("atime", status.st_atime), ("ctime", status.st_ctime)):
        yield f"{name}: {iso_time(seconds // 1)}"
    yield from owner_lines(status)


def named_file_lines(path: str, lfn: str | None = None) -> Iterator[str]:
    """A file known by its path; one that is not there has `error: 2` and no stat."""
    try:
        status, error = os.stat(path), 0
    except OSError as reason:
        status, error = None, reason.errno or 0
    if error:
        yield f"error: {error}"
    if lfn is not None:
        yield f"lfn: {quoted(lfn)}"
    yield f"file_name: {os.path.realpath(path) if status else path}"
    if status:
        yield from stat_lines(status)


def output_file_lines(path: str, lfn: str) -> Iterator[str]:
    """An output named by -s lfn=pfn: the file, and its checksum if it is there."""
    yield from named_file_lines(path, lfn)
    if os.path.exists(path):
        yield "output: True"
        yield f"sha256: {sha256_of(path)}"
        yield "checksum_timing: 0.00"


def temporary_file_lines(path: str, descriptor: int, with_data: bool = True) -> Iterator[str]:
    """A captured stream (stdout, stderr, metadata) and what the job wrote there."""
    status = os.fstat(descriptor)
    yield f"temporary_name: {path}"
    yield f"descriptor: {descriptor}"
    yield from stat_lines(status)
    if with_data and status.st_size:
        os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False) as stream:
            truncated, block = literal_block(stream.read(), 8)
        yield f"data_truncated: {'true' if truncated else 'false'}"
        yield "data: |\n" + block.removesuffix("\n")


def sha256_of(path: str) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
