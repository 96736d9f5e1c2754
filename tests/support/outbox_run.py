"""A recorded run with rules for everything, for tests of the outbox."""

from __future__ import annotations

from typing import NamedTuple

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from tests.support.notified import Hook

RULES = """\
JOB * all {hook} each
WORKFLOW * start {hook} workflow
WORKFLOW * end {hook} workflow
WORKFLOW * progress=50% {hook} half
JOB flag_needflag retry {hook} retry
JOB * failed_permanently {hook} lost
"""


class Run(NamedTuple):
    """A recorded run with rules for everything, of which nothing is stored yet."""

    submit_dir: SubmitDir
    hook: Hook

    def fresh(self) -> None:
        for path in self.submit_dir.path.glob(f"{self.submit_dir.database.name}*"):
            path.unlink()
        self.hook.log.unlink(missing_ok=True)


def follow(run: Run, **limits: float) -> None:
    session.follow_run(run.submit_dir, Limits(**limits), 0.0, notify=True)
