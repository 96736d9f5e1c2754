"""What monitord-notifications.log says of a script that has ended: the format of pegasus-monitord."""

from __future__ import annotations

import shlex

from monitord_job.notifications.matching import isodate
from monitord_job.notifications.outbox import Ended, Task

_ENTRY = """\
{rule}
Notification time  : {time}
Notification event : {entity} - {event}
Notification action: {action}
Notification status: {status}

Notification environment
{environment}

stdout:
{stdout}
stderr:
{stderr}

"""


def log_entry(task: Task, done: Ended, now: float) -> str:
    """One entry; `now` is in seconds since the epoch."""
    environment = task.full_environment
    return _ENTRY.format(
        rule="-" * 80,
        time=isodate(now),
        entity=environment.get("PEGASUS_JOBID", ""),
        event=environment.get("PEGASUS_EVENT", ""),
        action=shlex.join(task.argv),
        status=f"{done.code} ({done.cause})" if done.cause else done.code,
        environment="\n".join(f"{name} : {value}" for name, value in environment.items()),
        stdout=_lines(done.stdout),
        stderr=_lines(done.stderr),
    )


def _lines(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
