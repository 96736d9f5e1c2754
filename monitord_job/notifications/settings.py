"""How the notifications of a run are delivered, from the properties that the planner left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.properties import NOTIFICATIONS, properties_of
from monitord_job.errors import CannotWorkError
from monitord_job.notifications.outbox_values import A_DAY, Patience

RUN_VARIABLE = "BRIDLE_RUN"
"""The run as commands take it (a submit directory or a DAG), also for what is below it."""
URL_VARIABLE = "BRIDLE_DATABASE_URL"
"""Its database, if somebody said with --url which that is."""
_FALSE = frozenset({"false", "no", "off", "0"})
_DIGITS = 9
_FOREVER = 10 * 365 * 86400.0


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How scripts are run."""

    most: int = 10
    """at once"""
    limit: float = 300.0
    """seconds that one may take"""
    patience: Patience = field(default_factory=Patience)
    environment: Mapping[str, str] = field(default_factory=dict)
    """of all scripts, beside the monitor's own"""


def settings_of(submit_dir: SubmitDir) -> DeliverySettings | None:
    """How notifications are delivered, None if not at all. Raises CannotWorkError for a property that says nothing."""
    where, properties = properties_of(submit_dir)
    if (properties.get(NOTIFICATIONS) or "true").strip().lower() in _FALSE:
        return None
    default = DeliverySettings()
    most = _number(where, properties, "max")
    limit = _number(where, properties, "timeout")
    patience = _number(where, properties, "patience")
    if most == 0:
        return None
    return DeliverySettings(
        most=default.most if most is None else most,
        # As for pegasus-monitord: 0 is no limit. But that has to be said.
        limit=default.limit if limit is None else float(limit) or _FOREVER,
        patience=Patience(
            retries=_number(where, properties, "retries") or 0,
            seconds=A_DAY if patience is None else float(patience),
        ),
        environment={RUN_VARIABLE: str(submit_dir.path if submit_dir.is_planned else submit_dir.dag_file)},
    )


def _number(where: str, properties: Mapping[str, str], name: str) -> int | None:
    text = (properties.get(f"{NOTIFICATIONS}.{name}") or "").strip()
    if not text or text.startswith("-"):
        return None
    if not text.isdecimal() or len(text) > _DIGITS:
        what = f"{NOTIFICATIONS}.{name} is {text[:80]!r}, which is not a whole number"
        raise CannotWorkError(where, what, f"for example: {NOTIFICATIONS}.{name} = 10")
    return int(text)
