"""What the page's script reads: columns instead of rows, each text once, as JSON that may stand in HTML. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus
from monitord_job.outcome.phases import Phase
from monitord_job.report.run_data import Attempt, Host, OverTime, RunData
from monitord_job.text.display import one_line

MOST_OUTPUT = 1_500_000
"""Characters of what attempts wrote, all together."""
_LEFT_OUT = -2
_LOOKS = {NodeStatus.FAILED: "failed", NodeStatus.HELD: "held", NodeStatus.SUCCEEDED: "done"}
_PHASES = {phase: at for at, phase in enumerate(Phase)}
_STATUSES = {status: at for at, status in enumerate(NodeStatus)}
_ESCAPES = str.maketrans({one: f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"})


class Texts:
    """Each text once; what stands in a column is its place. None and empty ones are -1.

    >>> texts = Texts()
    >>> [texts.place(one) for one in ("a", "b", "a", None)], texts.in_order
    ([0, 1, 0, -1], ['a', 'b'])
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str | None) -> int:
        return self._places.setdefault(text, len(self._places)) if text else -1

    def __contains__(self, text: str) -> bool:
        return text in self._places

    @property
    def in_order(self) -> list[str]:
        return list(self._places)


def document(data: RunData) -> str:
    r"""As JSON in ASCII, without any character that HTML looks at.

    >>> json.dumps("</script>").translate(_ESCAPES)
    '"\\u003c/script\\u003e"'
    """
    columns = _Columns(data.begin)
    for attempt in data.attempts:
        columns.add(attempt)
    tables = {
        "begin": _brief(data.begin),
        "end": _brief(data.end),
        "phases": [phase.value for phase in Phase],
        "states": [
            {"value": status.value, "word": NODE_WORDS[status].value, "look": _LOOKS.get(status, "other")}
            for status in NodeStatus
        ],
        "texts": columns.dictionaries(one.workflow.label for one in data.statistics.figures),
        "attempts": columns.attempts,
        "segments": columns.segments,
        "over": _over(data.over_time),
        "hosts": [_host(one) for one in data.hosts],
    }
    return json.dumps(tables, separators=(",", ":")).translate(_ESCAPES)


_DICTIONARIES = ("job", "kind", "transformation", "host", "cause", "output", "file")
_COLUMNS = (
    *("job", "workflow", "kind", "transformation", "number", "state", "newest", "code", "host", "critical"),
    *("cause", "output", "file", "cpu", "memory", "begun", "ran", "segments"),
)


class _Columns:
    """Times are seconds after the run's first event."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._texts = {name: Texts() for name in _DICTIONARIES}
        self._written = 0
        self.attempts: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self.segments: dict[str, list[Any]] = {"phase": [], "begin": [], "seconds": []}

    def dictionaries(self, workflows: Iterable[str]) -> dict[str, list[str]]:
        dictionaries = {name: texts.in_order for name, texts in self._texts.items()}
        return {**dictionaries, "workflow": [one_line(label, 200) for label in workflows]}

    def add(self, one: Attempt) -> None:
        cause, lines, file = one.output or ("", (), "")
        kickstart = one.kickstart
        values = (
            self._place("job", one.job),
            one.workflow,
            self._place("kind", one.kind),
            self._place("transformation", one.transformation),
            one.number,
            _STATUSES[one.status],
            int(one.is_newest),
            one.code,
            self._place("host", one.host),
            int(one.is_critical),
            self._place("cause", cause, 500),
            self._output(lines),
            self._place("file", file),
            _brief(one.cpu),
            one.memory,
            None if kickstart is None else _brief(kickstart[0] - self._begin),
            None if kickstart is None else _brief(kickstart[1]),
            len(one.segments),
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            self.attempts[name].append(value)
        for segment in one.segments:
            self.segments["phase"].append(_PHASES[segment.phase])
            self.segments["begin"].append(_brief(segment.begin - self._begin))
            self.segments["seconds"].append(_brief(segment.seconds))

    def _place(self, name: str, text: str | None, most: int = 300) -> int:
        return self._texts[name].place(one_line(text, most) if text else text)

    def _output(self, lines: Sequence[str]) -> int:
        text = "\n".join(lines)
        if self._written + len(text) > MOST_OUTPUT:
            return _LEFT_OUT
        texts = self._texts["output"]
        self._written += 0 if text in texts else len(text)
        return texts.place(text)


def _brief(number: float | None) -> float | None:
    """With a tenth of a second, and no point where it is whole.

    >>> _brief(12.0), _brief(3.14), _brief(None)
    (12, 3.1, None)
    """
    if number is None:
        return None
    rounded = round(number, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def _over(over: OverTime) -> dict[str, Any]:
    return {
        "begin": 0,
        "width": over.width,
        "phases": {_PHASES[phase]: list(map(_brief, values)) for phase, values in over.phases.items()},
        "done": over.done,
        "failed": over.failed,
    }


def _host(one: Host) -> dict[str, Any]:
    return {
        "name": one_line(one.name, 300),
        "attempts": one.attempts,
        "failed": one.failed,
        "seconds": _brief(one.seconds),
        "busy": list(map(_brief, one.busy)),
    }
