"""Events on their way out: into the outbox with the rows they tell of, and from there, after the commit, to the outlet.

`bridle_event_feed.sent` is the last block of the outbox that is known to be written out; it moves with the next
commit. After a kill, what came later is written once more: at least once, and never missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from monitord_job.database import bridle_tables
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.event_stream.netlogger import BpEvent, EventStream, pack, unpack
from monitord_job.stampede.rows import Row

_BLOCK_EVENTS = 500
_BLOCK_BYTES = 1 << 20
_FLUSH_BLOCKS = 20
_BLOCKS_AT_ONCE = 20


class Outlet(Protocol):
    """Where events go."""

    def write(self, events: list[BpEvent]) -> None:
        """Return when all of them are written."""


class EventFeed:
    """The events of the hierarchy whose top is `wf_uuid`.

    Once a monitor with an outlet has been at work, whoever stores rows fills the outbox, with an outlet or without,
    until a rebuild without one.
    """

    def __init__(self, wf_uuid: str, outlet: Outlet | None) -> None:
        self._wf_uuid = wf_uuid
        self._outlet = outlet
        self._sent = 0
        self._is_asked_for: bool | None = None

    @property
    def has_outlet(self) -> bool:
        """Whether events can be written out."""
        return self._outlet is not None

    def forget(self) -> None:
        """The database may be another one: ask it again."""
        self._is_asked_for = None

    def tapped(self, bulk: Bulk, wf_uuid: str, rows: Iterable[Row], now: int) -> Iterable[Row]:
        """The same rows of the workflow `wf_uuid`; while they pass, their events go into the outbox."""
        if self._outlet is None and self._is_asked_for is False:
            return rows
        sent = bulk.select("SELECT sent FROM bridle_event_feed WHERE wf_uuid = ?", self._wf_uuid)
        self._is_asked_for = bool(sent) or self._outlet is not None
        if not self._is_asked_for:
            return rows
        self._sent = max(self._sent, sent[0][0]) if sent else 0
        self._tidy(bulk)
        return self._tap(bulk, rows, EventStream(wf_uuid, now))

    def send(self, bulk: Bulk) -> bool:
        """Write out some blocks that wait; False if none did."""
        if self._outlet is None:
            return False
        waiting = bulk.select(
            "SELECT number, text FROM bridle_event WHERE wf_uuid = ? AND number > ? ORDER BY number LIMIT ?",
            self._wf_uuid,
            self._sent,
            _BLOCKS_AT_ONCE,
        )
        if waiting:
            self._outlet.write([unpack(line) for _, text in waiting for line in text.splitlines()])
            self._sent = waiting[-1][0]
        return bool(waiting)

    def note_sent(self, bulk: Bulk) -> None:
        """Note what is written out."""
        if self._outlet is not None:
            self._tidy(bulk)

    def cancel(self, bulk: Bulk) -> None:
        """Without an outlet: no events are wanted any more."""
        if self._outlet is None:
            for table in ("bridle_event", "bridle_event_feed"):
                bulk.run(f"DELETE FROM {table} WHERE wf_uuid = ?", [(self._wf_uuid,)])

    def _tidy(self, bulk: Bulk) -> None:
        bulk.insert(
            bridle_tables.BRIDLE_EVENT_FEED, "wf_uuid sent", [(self._wf_uuid, self._sent)], Clash.REPLACE
        )
        bulk.run("DELETE FROM bridle_event WHERE wf_uuid = ? AND number <= ?", [(self._wf_uuid, self._sent)])

    def _tap(self, bulk: Bulk, rows: Iterable[Row], stream: EventStream) -> Iterator[Row]:
        outbox = _Outbox(bulk, self._wf_uuid, self._sent)
        for row in rows:
            outbox.put(stream.take(row))
            yield row
        outbox.put(stream.end())
        outbox.flush()


class _Outbox:
    """Gathers events into blocks and inserts them; a block's number is never used again."""

    def __init__(self, bulk: Bulk, wf_uuid: str, sent: int) -> None:
        self._bulk = bulk
        self._wf_uuid = wf_uuid
        rows = bulk.select("SELECT max(number) FROM bridle_event WHERE wf_uuid = ?", wf_uuid)
        self._number = max(rows[0][0] or 0, sent)
        self._lines: list[str] = []
        self._bytes = 0
        self._blocks: list[tuple[str, int, str]] = []

    def put(self, events: Iterable[BpEvent]) -> None:
        for event in events:
            line = pack(event)
            self._lines.append(line)
            self._bytes += len(line)
            if len(self._lines) >= _BLOCK_EVENTS or self._bytes > _BLOCK_BYTES:
                self._close_block()

    def flush(self) -> None:
        self._close_block()
        self._insert()

    def _close_block(self) -> None:
        if self._lines:
            self._number += 1
            self._blocks.append((self._wf_uuid, self._number, "\n".join(self._lines)))
            self._lines, self._bytes = [], 0
            if len(self._blocks) >= _FLUSH_BLOCKS:
                self._insert()

    def _insert(self) -> None:
        self._bulk.insert(bridle_tables.BRIDLE_EVENT, "wf_uuid number text", self._blocks)
        self._blocks = []
