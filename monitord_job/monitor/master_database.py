"""The user's master database, kept up to date beside the run: never waited for, and its trouble is nobody else's.

What it lacks is written by a thread of its own, for a home on another machine may not answer.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

from condor_templates.dagman_config import HOME
from condor_templates.errors import BridleError
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.dialect import dialect_of, sqlite_url
from monitord_job.database.properties import MASTER_PROPERTIES, properties_of
from monitord_job.database.url import Database, parse_url
from monitord_job.database.writing import master
from monitord_job.monitor.trouble import in_words
from monitord_job.recording.store import Store
from monitord_job.stampede.state import WorkflowState

LOG = logging.getLogger("bridle.monitor")
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


def find_master(submit_dir: SubmitDir) -> Database | None:
    """The master database of whom the run is: of the properties, else `~/.pegasus/workflow.db`, if it is there.

    The planner makes that one; None without it, and for a DAG that nobody planned. Raises DatabaseUrlError.
    """
    if not submit_dir.is_planned:
        return None
    path, properties = properties_of(submit_dir)
    for name in MASTER_PROPERTIES:
        value = (properties.get(name) or "").strip()
        if value:
            return Database(parse_url(f"{path}: {name}", value, submit_dir.path))
    file = Path(os.environ.get(HOME) or Path.home()) / ".pegasus" / "workflow.db"
    return Database(sqlite_url(file)) if file.is_file() else None


class MasterDatabase:
    """Writes how a run stands whenever that has changed. `pauses`: seconds before the second try, and at most."""

    def __init__(
        self,
        database: Database,
        store: Store,
        wf_uuid: str,
        pauses: tuple[float, float] = (_FIRST_PAUSE, _LONGEST_PAUSE),
    ) -> None:
        self._url = database.url
        self._store = store
        self._wf_uuid = wf_uuid
        self._pauses = pauses
        self._pause = pauses[0]
        self._next = 0.0
        self._seen: tuple[object, ...] = ()
        self._wanted: master.Standing | None = None
        self._writer: threading.Thread | None = None
        self._told = ""

    @property
    def name(self) -> str:
        """As it may be shown: without a password."""
        return dialect_of(self._url).shown(self._url)

    def look(self, workflow: WorkflowState) -> None:
        """See whether the run stands otherwise than it did; if so, or if it could not be written, begin to write."""
        now = (workflow.dagman_id, workflow.running, workflow.restart_count, workflow.status)
        if now != self._seen and self._read():
            self._seen = now
            self._next = 0.0
        if self._wanted is None or self._is_writing() or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, self._pauses[1])
        self._writer = threading.Thread(
            target=self._write, args=(self._wanted,), name="master database", daemon=True
        )
        self._writer.start()

    def finish(self, workflow: WorkflowState, seconds: float) -> None:
        """The same at the end of a run, for so long; what cannot be written then is told."""
        deadline = time.monotonic() + seconds
        self.look(workflow)
        while self._wanted is not None and time.monotonic() < deadline:
            if self._writer is not None:
                self._writer.join(max(0.0, min(0.2, deadline - time.monotonic())))
            self.look(workflow)
        if self._wanted is not None:
            LOG.warning(
                "%s does not say how the run ended; `bridle monitord --catch-up` writes it there", self.name
            )

    def _read(self) -> bool:
        """What the run's own database says now; False if that cannot be had."""
        try:
            with self._store.writing() as bulk:
                standing = master.standing(bulk.connection, self._wf_uuid, self._store.name)
        except BridleError as error:
            LOG.info("%s", error)
            return False
        self._wanted = standing
        return standing is not None

    def _is_writing(self) -> bool:
        return self._writer is not None and self._writer.is_alive()

    def _write(self, wanted: master.Standing) -> None:
        try:
            master.write(self._url, wanted)
        except Exception as error:  # noqa: BLE001 - the thread's outermost line; it costs the run nothing
            told = in_words(error)
            LOG.log(logging.INFO if told == self._told else logging.WARNING, "%s", told)
            self._told = told
            return
        if self._wanted is wanted:
            self._wanted = None
            self._pause = self._pauses[0]


def master_of(submit_dir: SubmitDir, store: Store) -> MasterDatabase | None:
    """The master database of a run that is its own root, if there is one. A wrong URL is told, and no more."""
    if not submit_dir.wf_uuid or submit_dir.root_wf_uuid not in (None, submit_dir.wf_uuid):
        return None
    try:
        url = find_master(submit_dir)
    except BridleError as error:
        LOG.warning("%s", error)
        return None
    return None if url is None else MasterDatabase(url, store, submit_dir.wf_uuid)
