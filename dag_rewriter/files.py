"""The only file I/O of dag_rewriter: read with clear errors, replace atomically, remove."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dag_rewriter.errors import FileError

_PIECE = 1 << 20
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


def read(path: Path, most: int | None = None) -> bytes:
    """All bytes of a file, or the first `most` of them; FileError when it cannot be read."""
    try:
        return path.read_bytes() if most is None else b"".join(_first(path, most))
    except OSError as error:
        raise file_error(path, "read it", error) from error


def read_regular(path: Path) -> bytes:
    """All bytes of a regular file: a pipe without a writer, or a device, has no end. FileError."""
    try:
        # What opens a pipe without O_NONBLOCK waits for its writer; a terminal must not become this process's.
        stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb")
        with stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise FileError(
                    str(path), "it is no regular file", "name a file; pipes and devices have no end"
                )
            return stream.read()
    except OSError as error:
        raise file_error(path, "read it", error) from error


def _first(path: Path, most: int) -> Iterator[bytes]:
    # In pieces: to ask for more than there is takes the memory for it.
    with path.open("rb") as stream:
        while most and (piece := stream.read(min(most, _PIECE))):
            yield piece
            most -= len(piece)


def read_if_there(path: Path) -> bytes | None:
    """All bytes of a file, None when it does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise file_error(path, "read it", error) from error


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
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory_fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise file_error(directory / name, "read it", error) from error
    try:
        data = os.read(fd, _CHUNK)
        if len(data) == _CHUNK:
            while more := os.read(fd, 1 << 20):
                data += more
    except OSError as error:
        raise file_error(directory / name, "read it", error) from error
    finally:
        os.close(fd)
    return data


def replace(path: Path, data: bytes, new_mode: int | None = None) -> bool:
    """Makes `data` the content of a file, all at once and lasting; False when it already was (nothing is
    touched).

    The mode of an existing file is kept, a new one gets `new_mode` or what the umask leaves. A crash leaves the old
    or the new content, and perhaps a `.tmp` file.
    """
    try:
        mode: int | None = stat.S_IMODE(path.stat().st_mode)
        if _holds(path, data):
            return False
    except FileNotFoundError:
        mode = new_mode
    except OSError as error:
        raise file_error(path, "read it", error) from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(temporary, data, mode)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise file_error(path, "write it", error) from error
    return True


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
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    with os.fdopen(fd, "wb") as file:
        if mode is not None:
            os.fchmod(fd, mode)
        file.write(data)
        file.flush()
        os.fsync(fd)


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


def _is_listed(found: os.stat_result) -> bool:
    """Whether the kernel has a lock on that file, without taking one (proc_locks(5)): in another user's directory."""
    name = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return name in Path("/proc/locks").read_text().split()
