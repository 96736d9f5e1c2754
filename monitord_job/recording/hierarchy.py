"""A run and all sub-workflows below it, to any depth: one monitor follows them all, each by the same event pipeline."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter.directory.liveness import dagman_lives
from dag_rewriter.directory.submit_dir import SubmitDir, with_places
from dag_rewriter.errors import RewriterError
from monitord_job.errors import CannotWorkError
from monitord_job.logs.tail import read_tail
from monitord_job.recording.ingest import NOTHING_NEW, Ingest, Looks, Progress
from monitord_job.recording.store import Store
from monitord_job.recording.subworkflows import SubWorkflow, open_sub_directory
from monitord_job.stampede.rows import QuarantineRow, Row, SubWorkflowLink, SubWorkflowRow
from monitord_job.stampede.state import WorkflowState
from monitord_job.stampede.workflow_transitions import UNKNOWN_FAILURE

if TYPE_CHECKING:
    from monitord_job.notifications.active_rules import Told
    from monitord_job.recording.completion_watch import CompletionWatch
    from monitord_job.recording.log_watch import LogWatch

LOG = logging.getLogger("bridle.monitor")


_QUIET_LOOKS = 3
"""Looks in which a workflow had written nothing, after which it is left alone until the kernel says that it has."""
_RESCAN = 30.0
"""Seconds between two looks at those that are left alone, should the kernel not hear all."""


@dataclass(slots=True, eq=False)
class _Member:
    """One workflow at work; `origin` is the attempt of its parent's node that runs it, None at the root."""

    directory: SubmitDir
    ingest: Ingest
    origin: SubWorkflow | None = None
    parent: _Member | None = None
    below: dict[str, _Member] = field(default_factory=dict)
    """by wf_uuid: a workflow may have thousands of siblings"""
    read_as: Looks | None = None
    """how its logs looked when they were read to their end"""
    quiet: int = 0
    """looks since it wrote something"""

    def above(self) -> Iterator[SubmitDir]:
        """The directories of the workflows that it is a part of, the nearest first."""
        if self.parent is not None:
            yield self.parent.directory
            yield from self.parent.above()

    @property
    def is_over(self) -> bool:
        """Whether the node that runs it has left, or the whole workflow above: nothing is written any more."""
        if self.origin is None or self.parent is None:
            return False
        return self.parent.ingest.attempt_ended(self.origin) or self.parent.ingest.ended


class Hierarchy:
    """Brings the database of a root workflow and of everything below it up to their logs."""

    def __init__(self, submit_dir: SubmitDir, store: Store) -> None:
        self._store = store
        self._root = _Member(submit_dir, Ingest(submit_dir, store))
        self._stored: dict[tuple[str, str, str], _Member] = {}
        self._told: Told = set()
        self._one_by_one = True
        self._awake: dict[_Member, None] = {}
        """all but those that are left alone, in the order in which they came"""
        self._watch: LogWatch[_Member] | None = None
        self._rescan = 0.0
        self._unheard: list[_Member] = []
        """whose logs have changed, of which nothing was heard"""

    @property
    def workflow(self) -> WorkflowState:
        """How far the root is, as committed."""
        return self._root.ingest.workflow

    @property
    def ended(self) -> bool:
        """Whether the root has ended and nothing of a sub-workflow is left to be stored."""
        return self._root.ingest.ended and not self._root.below

    @property
    def metrics_due(self) -> bool:
        """Whether the root's DAGMan is about to write its metrics."""
        return self.watch is None and self._root.ingest.metrics_due

    @property
    def root(self) -> Ingest:
        """The root workflow alone."""
        return self._root.ingest

    @property
    def watch(self) -> CompletionWatch | None:
        """Of the root: whether DAGMan waits for nothing but the monitor."""
        return self._root.ingest.watch

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within, workflows that are quiet are looked at only when the kernel says that their logs have changed."""
        from monitord_job.recording.log_watch import LogWatch  # who only catches up does without ctypes

        try:
            watch: LogWatch[_Member] = LogWatch()
        except OSError as error:
            LOG.info("quiet logs are looked at again and again: %s", error)
            yield
            return
        with closing(watch):
            self._watch = watch
            try:
                yield
            finally:
                self._wake_all()

    def open(self) -> None:
        """Take up where the database stands, also in sub-workflows that were at work then."""
        self._root.below.clear()
        self._stored.clear()
        self._awake = {self._root: None}
        self._unheard = []
        if self._watch is not None:
            self._watch.clear()
        self._root.read_as = None
        # Whatever has failed: a workflow that cannot be stored must not hold back those before it.
        self._one_by_one = True
        self._open(self._root)

    def step(self) -> Progress:
        """One step of every workflow at work."""
        if self._one_by_one or not self._root.below:
            progress = self._step_all()
        else:
            # A transaction of its own for each takes as long as the disk does, fifty times over.
            with self._store.sharing():
                progress = self._step_all()
        self._one_by_one = False
        return progress

    def _step_all(self) -> Progress:
        if self._watch is not None:
            self._wake_changed(self._watch)
        lines, at_end = 0, True
        for member in list(self._awake):
            # A DAGMan that was removed with the one above leaves after it, and has yet to say so. Asked before its log
            # is read: what it wrote before it left is then read, too.
            speaks = member.is_over and dagman_lives(member.directory)
            progress = self._step(member)
            for sub_workflow in progress.begun:
                self._begin(member, sub_workflow)
            lines += progress.lines
            at_end = at_end and progress.at_end and not progress.begun
            if progress.lines:
                self._wake_below(member)
            if progress.at_end and not progress.lines and not member.below and member.is_over and not speaks:
                self._leave(member)
            self._store.end_if_long()
        return Progress(lines, at_end)

    def _wake_changed(self, watch: LogWatch[_Member]) -> None:
        self._wake(watch.changed())
        if any(member in watch for member in self._unheard):
            LOG.info(
                "the system does not say that a log has changed: quiet ones are looked at again and again"
            )
            self._wake_all()
        self._unheard = []
        now = time.monotonic()
        if now >= self._rescan:
            self._rescan = now + _RESCAN
            # Of what is written this instant, the system speaks after it can be seen: by the next look it has.
            self._unheard = [member for member in watch.items() if member.ingest.looks() != member.read_as]

    def _wake_all(self) -> None:
        """Leave none alone any more."""
        if self._watch is not None:
            self._wake(self._watch.items())
            self._watch = None

    def _wake(self, members: Iterable[_Member]) -> None:
        for member in members:
            if self._watch is not None:
                self._watch.drop(member)
            member.quiet = 0
            self._awake[member] = None

    def _wake_below(self, member: _Member) -> None:
        """Its DAGMan has spoken, maybe of the end of one of them."""
        self._wake([child for child in member.below.values() if child not in self._awake and child.is_over])

    def _leave_alone(self, watch: LogWatch[_Member], member: _Member) -> None:
        """Look at it no more until its log has changed; its parent tells when it is over."""
        log = member.ingest.log_at_work
        # The root's own log has the last word on how a run has ended: that one is never left to others.
        if log is None or member is self._root or member.is_over or not watch.add(member, log):
            return
        if member.ingest.looks() == member.read_as:
            del self._awake[member]
        else:  # written to, before anybody listened
            watch.drop(member)

    def _step(self, member: _Member) -> Progress:
        """One step, unless the logs look as they did when they were read to their end: nothing is opened then."""
        looks = member.ingest.looks()
        if looks == member.read_as and not member.ingest.metrics_due:
            member.quiet += 1
            if self._watch is not None and member.quiet >= _QUIET_LOOKS:
                self._leave_alone(self._watch, member)
            return NOTHING_NEW
        member.quiet = 0
        progress = member.ingest.step()
        member.read_as = looks if progress.at_end else None
        return progress

    def end_run(self, time: int, code: int) -> None:
        """Store that the root has ended, for a DAGMan that left no last line of its own."""
        self._root.ingest.end_run(time, code)
        self._wake_below(self._root)

    def record_leftover_jobs(self) -> bool:
        """Store how jobs have left whose DAGMan was gone by then, here and below; whether some have not left yet."""
        return self._record_leftover_jobs(self._root)

    def _record_leftover_jobs(self, member: _Member) -> bool:
        waits = member.ingest.record_leftover_jobs()
        for child in (*member.below.values(), *self._stored_below(member)):
            waits = self._record_leftover_jobs(child) or waits
        return waits

    def _stored_below(self, member: _Member) -> list[_Member]:
        """The sub-workflows that did not succeed, and are stored but for that."""
        for sub_workflow in self._store.stored(member.ingest.wf_uuid).sub_workflows(stored=True):
            key = (member.ingest.wf_uuid, sub_workflow.directory, sub_workflow.dag)
            if key in self._stored or member.ingest.ended_well(sub_workflow):
                continue
            with suppress(RewriterError, CannotWorkError):  # it was named when it was to be followed
                directory = open_sub_directory(member.directory, sub_workflow)
                ingest = Ingest(directory, self._store, member.ingest.wf_uuid)
                child = _Member(directory, ingest, sub_workflow, member)
                self._open(child)
                self._stored[key] = child
        return [child for key, child in self._stored.items() if key[0] == member.ingest.wf_uuid]

    def _open(self, member: _Member) -> None:
        if self._store.notifications is not None:
            from monitord_job.notifications.active_rules import Rules, identity_of, rule_files

            identity = identity_of(member.directory, member.ingest.plans, member.ingest.describe)
            rules = Rules(rule_files(member.directory, member.above()), self._told)
            self._store.notifications.follow(identity, rules)
        member.ingest.open()
        for sub_workflow in self._store.stored(member.ingest.wf_uuid).sub_workflows():
            self._begin(member, sub_workflow)

    def _begin(self, parent: _Member, sub_workflow: SubWorkflow) -> None:
        """Follow a sub-workflow too; one that cannot be read is named and costs the others nothing."""
        try:
            directory = open_sub_directory(parent.directory, sub_workflow)
            if self._goes_on(parent, sub_workflow, directory):
                return
            child = _Member(
                directory, Ingest(directory, self._store, parent.ingest.wf_uuid), sub_workflow, parent
            )
        except (RewriterError, CannotWorkError) as error:
            LOG.warning("sub-workflow of %s: %s", sub_workflow.job, error)
            lost = QuarantineRow(
                f"{sub_workflow.directory}/{sub_workflow.dag}", 0, error.what[:255], error.hint
            )
            parent.ingest.store_rows([lost, SubWorkflowRow(*sub_workflow, settled=True)])
            return
        self._awake[child] = None
        self._open(child)
        parent.ingest.store_rows([SubWorkflowLink(sub_workflow.job, sub_workflow.seq, child.ingest.wf_uuid)])
        parent.below[child.ingest.wf_uuid] = child
        LOG.info("following sub-workflow %s of node %s", directory.path, sub_workflow.job)

    def _goes_on(self, parent: _Member, sub_workflow: SubWorkflow, directory: SubmitDir) -> bool:
        """Whether a new attempt goes on with a sub-workflow that is followed already (its rescue run)."""
        child = parent.below.get(directory.wf_uuid or "")
        if child is None or child.origin is None:
            return False
        if child.origin != sub_workflow:
            earlier = SubWorkflowRow(*child.origin, settled=True)
            link = SubWorkflowLink(sub_workflow.job, sub_workflow.seq, child.ingest.wf_uuid)
            parent.ingest.store_rows([earlier, link])
            child.origin = sub_workflow
        return True

    def _leave(self, member: _Member) -> None:
        """Leave a sub-workflow whose node has left and whose logs are read to their end."""
        from monitord_job.logs.dagman_out_summary import refusal_in  # most runs have no sub-workflows

        assert member.parent is not None
        assert member.origin is not None
        if member.ingest.workflow.running:
            ended = member.parent.ingest.ended_at(member.origin)
            member.ingest.end_run(ended, UNKNOWN_FAILURE)
        log = with_places(member.directory).dagman_out
        tail = _end_of(log)
        refusal = refusal_in(tail)
        if refusal:
            dagman_id, began = member.parent.ingest.ran_at(member.origin)
            member.ingest.refuse(dagman_id, began, member.parent.ingest.ended_at(member.origin), refusal)
        rows: list[Row] = [SubWorkflowRow(*member.origin, settled=True)]
        if member.ingest.workflow.restart_count < 0:
            file = os.path.relpath(log, member.parent.directory.path)
            rows.append(QuarantineRow(file, 0, _why_nothing_is_known(tail), ""))
        member.parent.ingest.store_rows(rows)
        del member.parent.below[member.ingest.wf_uuid]
        del self._awake[member]


def _end_of(log: Path) -> bytes:
    with suppress(OSError, RewriterError):
        return read_tail(log, _TAIL)
    return b""


_TAIL = 1 << 16


def _why_nothing_is_known(tail: bytes) -> str:
    """Of a sub-workflow without a JOBSTATE_LOG, from the end of its dagman.out."""
    from dag_rewriter.logs.dagman_settings import verbosity_in
    from monitord_job.logs.dagman_out_messages import EVENTS_SINCE

    if not tail:
        return "neither it nor a JOBSTATE_LOG is there: what happened in this sub-workflow cannot be known"
    what = "it says nothing of nodes, and no JOBSTATE_LOG is there: what they did cannot be known"
    verbosity = verbosity_in(tail)
    if verbosity is None or verbosity >= EVENTS_SINCE:
        return what
    return f"{what}; DAGMAN_VERBOSITY was {verbosity}, and it takes {EVENTS_SINCE} (the default)"
