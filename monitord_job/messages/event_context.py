"""What a message is about: the environment that a notification's script gets (docs/notifications.md), as a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from monitord_job.notifications.rule import CONDITIONS, On, Severity
from monitord_job.text.display import one_line

_EVENT = re.compile(r"([a-z_]+)(?:=([0-9]+[%smhd]))?(?:/[a-z]+)?")


@dataclass(frozen=True, slots=True)
class EventContext:
    """An event of a workflow, or of one of its jobs (`job`), or of a task of one (`task`).

    `status` is an exit code, or minus the signal, None where nothing has ended. `amount` is what a condition was given:
    50% of progress, 30m of silence. `time` as Pegasus writes it. Everything that is text is one printable line.
    """

    event: str
    amount: str = ""
    wf_uuid: str = ""
    workflow: str = ""
    """label and index, as PEGASUS_WFID"""
    directory: str = ""
    run: str = ""
    """the run as commands take it: of a sub-workflow, the one at the top"""
    job: str | None = None
    task: int | None = None
    attempt: int | None = None
    status: int | None = None
    reason: str = ""
    time: str = ""
    stdout: str = ""
    stderr: str = ""
    key: str = ""

    @property
    def said(self) -> str:
        """What happened, in words that follow the name of whom it happened to.

        >>> EventContext("stalled", "30m").said, EventContext("at_end", status=0).said
        ('has been silent for 30m', 'succeeded')
        """
        on = self.on
        if on is None:
            return self.event.replace("_", " ") or "report"
        if on.meaning.outcome and self.status is not None:
            return "failed" if self.status else "succeeded"
        return on.meaning.phrase.format(self.amount)

    @property
    def on(self) -> On | None:
        """The condition that was met; None if the event is none of ours."""
        return CONDITIONS.get(self.event)

    @property
    def severity(self) -> Severity:
        """What kind of news it is."""
        given = self.on.meaning.severity if self.on else Severity.INFO
        if given is not Severity.WARNING and self.status:
            return Severity.FAILURE
        return Severity.SUCCESS if given is Severity.INFO and self.status == 0 else given

    @property
    def failed(self) -> bool:
        """Whether it is bad news."""
        return self.severity in (Severity.WARNING, Severity.FAILURE)


def event_context(environment: Mapping[str, str]) -> EventContext:
    """What the variables say; those that are missing or damaged say nothing.

    >>> event_context({"PEGASUS_EVENT": "error/final", "PEGASUS_JOBID": "a", "PEGASUS_STATUS": "-9"}).status
    -9
    """
    said = {name: one_line(value) for name, value in environment.items() if name.startswith(_OURS)}
    match = _EVENT.fullmatch(said.get("PEGASUS_EVENT", ""))
    name = said.get("PEGASUS_JOBID", "")
    # pegasus-monitord gives a workflow's uuid in place of a job, and no other.
    uuid = said.get("BRIDLE_WORKFLOW", "") or (name if _UUID.fullmatch(name) else "")
    return EventContext(
        event=match[1] if match else said.get("PEGASUS_EVENT", ""),
        amount=(match[2] or "") if match else "",
        wf_uuid=uuid,
        workflow=said.get("PEGASUS_WFID", ""),
        directory=said.get("PEGASUS_SUBMIT_DIR", ""),
        run=said.get("BRIDLE_RUN", "") or said.get("PEGASUS_SUBMIT_DIR", ""),
        job=name if name not in ("", uuid) else None,
        task=_number(said.get("PEGASUS_INVID")),
        attempt=_number(said.get("BRIDLE_ATTEMPT")),
        status=_number(said.get("PEGASUS_STATUS")),
        reason=said.get("BRIDLE_REASON", ""),
        time=said.get("PEGASUS_EVENT_TIMESTAMP_ISO", ""),
        stdout=said.get("PEGASUS_STDOUT", ""),
        stderr=said.get("PEGASUS_STDERR", ""),
        key=said.get("BRIDLE_NOTIFICATION_KEY", ""),
    )


_OURS = ("PEGASUS_", "BRIDLE_")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER = re.compile(r"-?[0-9]{1,9}")


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None
