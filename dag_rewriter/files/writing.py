"""The only door for writing of all packages: replace atomically, append, make, remove. What is written is never
written through a link, and has its mode whatever the umask.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile

from dag_rewriter.files.os_errors import file_error
from dag_rewriter.files.regular import NOT_REGULAR

_PIECE = 1 << 20
_NEW_FILE, _NEW_FOLDER = 0o644, 0o755
"""Whatever the umask allows beyond: with 000, others could write what says what is run."""
_TEMPORARY = "bridle-"
_MARK = ".in-use"
"""A file in a temporary folder that its process has locked for as long as it lives: a pid may be another's by then."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
        raise OSError(errno.ESPIPE, NOT_REGULAR, str(path))
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
    """A folder of nobody else's, which is gone when this process has ended. OSError.

    Those that killed processes of the same user left are removed.
    """
    place = Path(tempfile.gettempdir())
    _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=place))
    lock = _marked(folder)
    atexit.register(_forget, folder, lock)
    return folder


def _marked(folder: Path) -> int:
    """The lock on the folder's mark, which has its name only when it is locked: nobody takes the folder for left."""
    new = folder / f"{_MARK}.new"
    lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with suppress(OSError):  # where nothing can be locked, nothing is swept either
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        new.rename(folder / _MARK)
    return lock


def _forget(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _sweep(place: Path) -> None:
    """Remove the folders whose processes are gone. Where others may rename what is ours, nothing is touched."""
    with suppress(OSError):
        mode = place.stat().st_mode
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            return
        with os.scandir(place) as entries:
            left = [Path(entry.path) for entry in entries if entry.name.startswith(_TEMPORARY)]
        for folder in left:
            _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    """Remove it if it is a folder of ours, has a mark, and nobody holds the lock on that."""
    with suppress(OSError):
        opened = os.open(folder, _DIRECTORY)
        try:
            status = os.fstat(opened)
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
                return
            lock = os.open(_MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=opened)
            try:
                if stat.S_ISREG(os.fstat(lock).st_mode):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
        finally:
            os.close(opened)


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
