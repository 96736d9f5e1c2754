"""Hears from the kernel (inotify) that a quiet log has changed, so that nobody need look at it.

Only on file systems of this machine: what another host writes to a network file system is heard by nobody.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import Generic, TypeVar

_T = TypeVar("_T")
_INIT = os.O_NONBLOCK | os.O_CLOEXEC
_MODIFY, _ATTRIB, _DELETE_SELF, _MOVE_SELF, _ONESHOT = 0x2, 0x4, 0x400, 0x800, 1 << 31
_ONCE_CHANGED = _MODIFY | _ATTRIB | _DELETE_SELF | _MOVE_SELF | _ONESHOT
_OVERFLOW = 0x4000
_EVENT = struct.Struct("iIII")
_AT_ONCE = 1 << 16
_LOCAL = {0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x794C7630, 0x2FC12FC1, 0xF2F52010}
"""ext, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS: what statfs(2) calls them."""
_STATFS_BYTES = 256


class LogWatch(Generic[_T]):
    """Items, each with its log; an item whose log has changed is one no more. Raises OSError where nothing is heard."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._libc, "inotify_init1"):
            raise OSError("this system has no inotify")
        self._queue = self._libc.inotify_init1(_INIT)
        if self._queue < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._items: dict[int, _T] = {}
        self._numbers: dict[_T, int] = {}

    def __contains__(self, item: _T) -> bool:
        return item in self._numbers

    def items(self) -> list[_T]:
        """All of them."""
        return list(self._numbers)

    def add(self, item: _T, log: Path) -> bool:
        """Whether the item will be told of by `changed`. What was written before that may have been overlooked."""
        name = os.fsencode(log)
        if not self._is_local(name):
            return False
        number = self._libc.inotify_add_watch(self._queue, name, ctypes.c_uint32(_ONCE_CHANGED))
        if number < 0 or number in self._items:  # the system's limit; another name of the same file
            return False
        self._items[number], self._numbers[item] = item, number
        return True

    def _is_local(self, name: bytes) -> bool:
        status = ctypes.create_string_buffer(_STATFS_BYTES)
        known = self._libc.statfs(name, status) == 0
        return known and ctypes.c_long.from_buffer(status).value in _LOCAL

    def drop(self, item: _T) -> None:
        """Hear no more of it, if it was to be heard of."""
        number = self._numbers.pop(item, None)
        if number is not None:
            del self._items[number]
            self._libc.inotify_rm_watch(self._queue, number)

    def changed(self) -> list[_T]:
        """The items whose logs have changed since the last call; they are none any more."""
        found: list[_T] = []
        while events := self._read():
            for number, mask, _, _ in _EVENT.iter_unpack(events):
                if mask & _OVERFLOW:
                    found += self.items()
                    self._forget()
                elif number in self._items:  # its watch is gone with its first event
                    item = self._items.pop(number)
                    del self._numbers[item]
                    found.append(item)
        return found

    def _read(self) -> bytes:
        try:
            return os.read(self._queue, _AT_ONCE)
        except BlockingIOError:
            return b""

    def _forget(self) -> None:
        for item in self.items():
            self.drop(item)

    def clear(self) -> None:
        """Hear of nothing any more."""
        self._forget()
        self._read()

    def close(self) -> None:
        """Give up the queue."""
        os.close(self._queue)
