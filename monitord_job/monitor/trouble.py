"""Which row of the table of conditions an error is, and the one loop that waits until an action succeeds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from condor_templates.errors import BridleError
from condor_templates.monitor_conditions import Condition, Remedy
from monitord_job.errors import (
    AnotherDatabaseError,
    BrokenDatabaseError,
    DatabaseVersionError,
    InTheWayError,
    LockedError,
    TryAgainError,
)
from monitord_job.monitor.limits import DATABASE_WAIT, Limits
from monitord_job.waiting import Wait

LOG = logging.getLogger("bridle.monitor")
_T = TypeVar("_T")
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
_BRIEF = 10.0
"""Who waits no longer than this hears of it at the end: a reader, which shows what there is."""
_DEFECTS_UNTIL_HEALED = 3
_CONDITIONS: tuple[tuple[type[Exception], Condition], ...] = (
    (InTheWayError, Condition.IN_THE_WAY),
    (LockedError, Condition.ANOTHER_MONITOR),
    (AnotherDatabaseError, Condition.ANOTHER_DATABASE),
    (BrokenDatabaseError, Condition.BROKEN),
    (DatabaseVersionError, Condition.OTHER_VERSION),
    (BridleError, Condition.AWAY),
    (OSError, Condition.AWAY),
    (Exception, Condition.DEFECT),
)
"""The first one that an error is an instance of."""


def condition_of(error: Exception) -> Condition:
    """The row of the table.

    >>> condition_of(KeyError("x")), condition_of(PermissionError())
    (<Condition.DEFECT: ...>, <Condition.AWAY: ...>)
    """
    return next(condition for kind, condition in _CONDITIONS if isinstance(error, kind))


def as_monitor_error(error: Exception) -> Exception:
    """The error that a monitor at work leaves with: that of its condition's exit code."""
    condition = condition_of(error)
    if condition is Condition.DEFECT or getattr(error, "exit_code", None) == condition.value.code:
        return error
    if isinstance(error, BridleError):
        return TryAgainError(error.where, error.what, error.hint)
    where = getattr(error, "filename", None) or "the monitor"
    return TryAgainError(str(where), str(error), "HTCondor starts the monitor again")


def patiently(
    action: Callable[[], _T],
    limits: Limits,
    before_again: Callable[[], object],
    heal: Callable[[], None] | None = None,
) -> _T:
    """Do it, and again with longer and longer waits, as long as what stands in the way may go.

    With `limits.stays`, that is all but another monitor and a DAG that waits for this one; `heal` then makes a broken
    database anew, once.
    """
    limit = DATABASE_WAIT if limits.database is None else limits.database
    wait: Wait | None = None
    times, told = 0, ""
    while True:
        try:
            if wait is not None:
                before_again()
            result = action()
        # A monitor at work leaves for no error that may pass, and a defect of ours may be one of what is stored.
        except Exception as error:
            if not _may_pass(error, limits):
                raise
            wait = wait or Wait(limit, _FIRST_WAIT, _LONGEST_WAIT)
            times += 1
            if heal is not None and _is_to_be_healed(error, times) and _was_healed(heal, error):
                heal = None
                continue
            if wait.is_over:
                raise
            said = in_words(error)
            is_news = said != told and limit > _BRIEF
            LOG.log(logging.WARNING if is_news else logging.INFO, "%s (again in %.1f s)", said, wait.pause)
            told = said
            wait.go_on()
            continue
        if wait is not None:
            LOG.info("the database can be used again, after %.1f s", wait.seconds)
        return result


def _may_pass(error: Exception, limits: Limits) -> bool:
    if limits.stays:
        return condition_of(error).value.remedy is not Remedy.LEAVE
    return isinstance(error, TryAgainError) and not isinstance(error, LockedError)


def _is_to_be_healed(error: Exception, times: int) -> bool:
    condition = condition_of(error)
    return condition is Condition.BROKEN or (condition is Condition.DEFECT and times >= _DEFECTS_UNTIL_HEALED)


def _was_healed(heal: Callable[[], None], error: Exception) -> bool:
    LOG.warning("%s; it is made anew from the logs", in_words(error))
    try:
        heal()
    except LockedError:
        raise
    except Exception as failure:  # noqa: BLE001 - whatever it is: the database stands as it stood
        LOG.warning("it cannot be made anew now: %s", in_words(failure))
        return False
    return True


def in_words(error: Exception) -> str:
    """What an error says; of a defect of ours, which may say next to nothing, also what and where it is."""
    if condition_of(error) is not Condition.DEFECT:
        return str(error)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "?"
    return f"internal error at {where}: {type(error).__name__}: {error}"
