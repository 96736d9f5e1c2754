"""The only door for writing of all packages, and the file I/O of dag_rewriter: read with clear errors, replace
atomically, append, remove. What is written is never written through a link, and has its mode whatever the umask.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NamedTuple

from dag_rewriter.errors import FileError

_PIECE = 1 << 20
_READ = 1 << 30
_STEP = 1 << 16


class Limit(NamedTuple):
    """How much of a file is read whole, in bytes: all of it, and its longest line."""

    size: int
    line: int = 16 << 20
    """a PARENT line of a million nodes has less; DAGMan itself has no limit"""


MOST = Limit(2 << 30)
"""DAGs and logs of a million nodes have less."""
SMALL = Limit(4 << 20)
"""... settings: a braindump, a policy, properties, metrics, the configuration of a DAGMan."""
MANY = Limit(64 << 20)
"""... a submit file, a file with rules."""
OUR_OWN = Limit(1 << 30, 1 << 30)
"""... what nobody but we have written, on one line."""
NULL_DEVICE = os.makedev(1, 3)
"""It has an end, and a plain DAG's jobs are often told to write there."""
_KIND = "it is no regular file"
_NEW_FILE, _NEW_FOLDER = 0o644, 0o755
"""Whatever the umask allows beyond: with 000, others could write what says what is run."""
_CHUNK = 1 << 14  # most submit files fit; a larger buffer costs more than a second read

_HINTS = {
    errno.EACCES: "give yourself the permission, or ask its owner",
    errno.EPERM: "give yourself the permission, or ask its owner",
    errno.ENOSPC: "make room on that disk; nothing was changed",
    errno.EDQUOT: "make room in your quota; nothing was changed",
    errno.EROFS: "the file system is read-only; copy the directory to a place where you may write",
    errno.ENOENT: "check the path",
    errno.EISDIR: "a file is expected there, and it is a directory",
    errno.ENOTDIR: "check the path: a part of it is no directory",
    errno.ESPIPE: "put a file there; pipes, devices and what the kernel makes have no end",
    errno.EFBIG: "see what is in it; nobody writes so much there in earnest",
}


def file_error(path: Path, doing: str, error: OSError) -> FileError:
    """An OSError in our three parts."""
    hint = _HINTS.get(error.errno or 0, "see to the file system and try again")
    return FileError(str(path), f"cannot {doing}: {error.strerror or error}", hint)


def mode_of(path: Path) -> int | None:
    """The mode (kind and permissions) of what is there, None for nothing; FileError when it cannot be known."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise file_error(path, "look at it", error) from error


def open_regular(path: str | Path, directory: int | None = None) -> int:
    """A regular file or /dev/null, open for reading. Raises OSError, also for what has no end: a pipe, a device."""
    # What opens a pipe without O_NONBLOCK waits for its writer; a terminal must not become this process's.
    stream = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=directory)
    try:
        refuse_without_end(stream, path)
    except OSError:
        os.close(stream)
        raise
    return stream


@contextmanager
def reading_only_of(uid: int) -> Iterator[None]:
    """Within the block, this process reads no file of anybody else's: in another user's directory, links and names of
    files may lead to what that user could not read.
    """
    token = _ONLY_OF.set(uid)
    try:
        yield
    finally:
        _ONLY_OF.reset(token)


_ONLY_OF: ContextVar[int | None] = ContextVar("_ONLY_OF", default=None)


def refuse_without_end(stream: int, path: str | Path) -> None:
    """Raises OSError for what is open and is neither a regular file nor /dev/null, or not of whom alone it may be."""
    status = os.fstat(stream)
    if _ONLY_OF.get() not in (None, status.st_uid) and status.st_rdev != NULL_DEVICE:
        raise PermissionError(errno.EACCES, "it is not of whom the directory belongs to", os.fspath(path))
    if not stat.S_ISREG(status.st_mode) and status.st_rdev != NULL_DEVICE:
        number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.ESPIPE
        raise OSError(number, _KIND if number == errno.ESPIPE else os.strerror(number), os.fspath(path))


def stream_of(path: Path) -> BinaryIO:
    """The same, to be read piece by piece. Raises OSError."""
    return os.fdopen(open_regular(path), "rb")


def read(path: Path, limit: Limit = MOST, check: Callable[[os.stat_result], None] | None = None) -> bytes:
    """All bytes that a file has now; FileError when it cannot be read, is no regular one or has more than the limit.

    `check` sees first whose it is: of the very file that is read.
    """
    try:
        stream = open_regular(path)
        try:
            if check is not None:
                check(os.fstat(stream))
            return _whole(stream, limit)
        finally:
            os.close(stream)
    except OSError as error:
        raise file_error(path, "read it", error) from error


def read_regular(path: Path) -> bytes:
    """The same, and /dev/null is refused, too: what a DAG splices in is a file. FileError."""
    mode = mode_of(path)
    if mode is not None and stat.S_ISCHR(mode):
        raise file_error(path, "read it", OSError(errno.ESPIPE, _KIND))
    return read(path)


def read_begin(path: Path, most: int) -> bytes:
    """The first bytes of a file, `most` of them; FileError when it cannot be read."""
    try:
        with stream_of(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if not size:
                _refuse_what_the_kernel_makes(stream.fileno())
            return stream.read(min(most, size))
    except OSError as error:
        raise file_error(path, "read it", error) from error


def read_if_there(
    path: Path, limit: Limit = MOST, check: Callable[[os.stat_result], None] | None = None
) -> bytes | None:
    """All bytes that a file has now, None when it does not exist. FileError as `read`."""
    try:
        return read(path, limit, check)
    except FileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def _whole(stream: int, limit: Limit) -> bytes:
    """Up to where the file ends now: one that grows, or that the kernel makes as it is read, has no other end."""
    left = os.fstat(stream).st_size
    if left > limit.size:
        raise OSError(errno.EFBIG, f"it has {left} bytes, and {limit.size} are the most that is read")
    if left > limit.line:
        _refuse_long_line(stream, left, limit.line)
    if not left:
        _refuse_what_the_kernel_makes(stream)
    pieces = []
    while left and (piece := os.read(stream, min(left, _READ))):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _refuse_long_line(stream: int, size: int, most: int) -> None:
    """Raises OSError for a line of more bytes than that, before all of it is in memory. Skips from line to line, near
    the most that each may have: a few looks at a file of any size.
    """
    begin = 0
    while size - begin > most:
        end = _last_line_end(stream, begin, begin + most + 1)
        if end < 0:
            what = f"its line at byte {begin} has more than {most} bytes, the most that is read"
            raise OSError(errno.EFBIG, what)
        begin = end + 1


def _last_line_end(stream: int, first: int, stop: int) -> int:
    """Where the last newline of these bytes of a file is; -1 if there is none."""
    while stop > first:
        start = max(first, stop - _STEP)
        at = os.pread(stream, stop - start, start).rfind(b"\n")
        if at >= 0:
            return start + at
        stop = start
    return -1


def _refuse_what_the_kernel_makes(stream: int) -> None:
    """Raises OSError for a file below /proc, say: regular by its mode, empty by its size, and full of data."""
    status = os.fstat(stream)
    if stat.S_ISREG(status.st_mode) and os.pread(stream, 1, 0) and not os.fstat(stream).st_size:
        raise OSError(
            errno.ESPIPE, "the kernel makes it while it is read (proc(5)), and its size is not known"
        )


def read_process(pid: int, name: str) -> bytes:
    """What the kernel says of a process (proc(5)), nothing if it is no more, or another user's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def written_at(path: Path) -> int:
    """When what it holds was last written, in nanoseconds since the epoch. Who wrote it can say another time."""
    return _times(path).st_mtime_ns


def changed_at(path: Path) -> int:
    """When it was last written, or came to this place: the kernel's own time, which nobody can say otherwise."""
    return _times(path).st_ctime_ns


def _times(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise file_error(path, "look at it", error) from error


def names_in(directory: Path) -> list[str]:
    """The names of all that is in a directory; FileError when it cannot be read."""
    try:
        return [path.name for path in directory.iterdir()]
    except OSError as error:
        raise file_error(directory, "list it", error) from error


def read_many(directory: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """(name, bytes) of many small files below a directory, in the given order; None for one that is not
    there.
    """
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise file_error(directory, "open it", error) from error
    try:
        for name in names:
            yield name, _read_at(directory, name, fd)
    finally:
        os.close(fd)


def _read_at(directory: Path, name: str, directory_fd: int) -> bytes | None:
    try:
        fd = open_regular(name, directory_fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise file_error(directory / name, "read it", error) from error
    try:
        data = os.read(fd, _CHUNK)
        return data if len(data) < _CHUNK else data + _whole(fd, MANY)
    except OSError as error:
        raise file_error(directory / name, "read it", error) from error
    finally:
        os.close(fd)


def replace(path: Path, data: bytes, mode: int | None = None) -> bool:
    """Makes `data` the content of a file, all at once and lasting; False when it already was (nothing is
    touched).

    It gets `mode`; without one, an existing file keeps its own, and a new one may be read by all whom the umask lets,
    and written by its owner. A crash leaves the old or the new content, and perhaps a `.tmp` file.
    """
    wanted = mode
    try:
        has = stat.S_IMODE(path.stat().st_mode)
        if wanted in (None, has) and _holds(path, data):
            return False
        wanted = has if wanted is None else wanted
    except FileNotFoundError:
        pass
    except OSError as error:
        raise file_error(path, "read it", error) from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(temporary, data, wanted)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise file_error(path, "write it", error) from error
    return True


def replace_by(path: Path, pieces: Iterable[bytes], mode: int | None = None) -> None:
    """The same with a content of any size, which is made while it is written. FileError, and what making it raises."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write_pieces(temporary, pieces, mode)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise file_error(path, "write it", error) from error
    finally:
        temporary.unlink(missing_ok=True)


def scratch(in_memory: int) -> SpooledTemporaryFile[str]:
    """Text that is written once and read once: on disk, in a file without a name, when it has more bytes than that."""
    return SpooledTemporaryFile(in_memory, "w+", encoding="utf-8", errors="surrogateescape")


def create(path: Path, data: bytes) -> bool:
    """Makes a file with this content, all at once and lasting; False if there is one already, which is left alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(temporary, data, None)
        os.link(temporary, path)
        sync_directory(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise file_error(path, "write it", error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def link(source: Path, path: Path) -> bool:
    """Makes `path` another name of a file that will be replaced and not edited, which saves a copy, all at once and
    lasting; False where the file system or the kernel refuses it (nothing is touched), or the file is a symlink.
    """
    if source.is_symlink():  # what it points to is not replaced, and may be edited
        return False
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _link(source, temporary)
    except OSError:
        return False
    try:
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise file_error(path, "write it", error) from error
    return True


def _link(source: Path, path: Path) -> None:
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)  # whoever wrote it may not have: a copy would last, too
    finally:
        os.close(fd)
    os.link(source, path)


def _holds(path: Path, data: bytes) -> bool:
    """Whether a file has just this content; it is compared in pieces, because a DAG may have hundreds of MB."""
    if path.stat().st_size != len(data):
        return False
    with path.open("rb") as file:
        view = memoryview(data)
        return all(file.read(_PIECE) == view[at : at + _PIECE] for at in range(0, len(data), _PIECE))


def _write(path: Path, data: bytes, mode: int | None) -> None:
    _write_pieces(path, (data,), mode)


def _write_pieces(path: Path, pieces: Iterable[bytes], mode: int | None) -> None:
    path.unlink(missing_ok=True)  # a crash has left it
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, _NEW_FILE if mode is None else mode & 0o700)
    with os.fdopen(fd, "wb") as file:
        if mode is not None:
            os.fchmod(fd, mode)
        file.writelines(pieces)
        file.flush()
        os.fsync(fd)


def copy(source: Path, path: Path) -> None:
    """Makes a new file with the content and mode of another one. FileExistsError, OSError."""
    with source.open("rb") as content:
        status = os.fstat(content.fileno())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, stat.S_IMODE(status.st_mode) & 0o700), "wb") as file:
            while piece := content.read(_PIECE):
                file.write(piece)
            file.flush()
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            os.fsync(file.fileno())
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def open_own(path: Path, *, append: bool = False, truncate: bool = False, mode: int = _NEW_FILE) -> int:
    """A descriptor to read and write a regular file of our own, which is made if need be.

    OSError: ELOOP for a link, EPERM for somebody else's file, ESPIPE for what is no regular one.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    fd = os.open(path, flags | (os.O_APPEND if append else 0), mode)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise OSError(errno.ESPIPE, _KIND, str(path))
    if status.st_uid != os.geteuid():
        os.close(fd)
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if truncate:
        os.ftruncate(fd, 0)
    return fd


def open_named(path: Path) -> int:
    """A descriptor to append to what a user named, a pipe or a device too, by whatever links. OSError."""
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _NEW_FILE)


def make_folder(folder: Path, mode: int = _NEW_FOLDER) -> None:
    """Makes a folder, and those above it, unless they are there. OSError."""
    for place in (*reversed(folder.parents), folder):
        with suppress(FileExistsError):
            if not place.is_dir():
                place.mkdir(mode)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def make_private(folder: Path) -> None:
    """Makes a folder 0700, and those above it that are missing; one that exists becomes it. FileError."""
    try:
        make_folder(folder, 0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise file_error(folder, "make it", error) from error


def temporary_folder() -> Path:
    """A folder of nobody else's, which is gone when this process has ended. OSError."""
    folder = Path(tempfile.mkdtemp(prefix="bridle-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def make_link(path: Path, target: str) -> None:
    """Makes a symbolic link; FileExistsError if something is there, OSError."""
    path.symlink_to(target)


def remove(path: Path) -> bool:
    """Removes a file; False when there is none."""
    try:
        path.unlink()
        sync_directory(path.parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise file_error(path, "remove it", error) from error
    return True


def sync_directory(path: Path) -> None:
    """Makes the names in a directory last over a power failure."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_locked(path: Path) -> bool:
    """Whether some process holds a lock (flock or POSIX) on a file; False when there is no file."""
    try:
        if path.parent.stat().st_uid != os.geteuid():
            return _is_listed(path.lstat())
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _is_listed(status: os.stat_result) -> bool:
    """Whether the kernel has a lock on that file, without taking one (proc_locks(5)): in another user's directory."""
    name = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    return name in Path("/proc/locks").read_text().split()
