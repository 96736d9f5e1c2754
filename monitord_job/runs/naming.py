"""Which run a person means: by a path, by where the person is, or by what `bridle list` shows of it."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter import files
from dag_rewriter.directory.known_runs import known_runs
from dag_rewriter.directory.locate import dags_in
from dag_rewriter.directory.submit_dir import was_planned
from dag_rewriter.errors import FileError
from monitord_job.errors import MonitorError
from monitord_job.runs.run_record import name_of

if TYPE_CHECKING:
    from monitord_job.runs.listing import ListedRun

_JOB = re.compile(r"(\d{1,10})(\.0)?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{4}[0-9a-f-]{0,32}", re.ASCII | re.IGNORECASE)
_OF_A_PLANNER = re.compile(r".*\.static\.bp|pegasus\..*\.properties")
_NUMBER = re.compile(r"-\d+\.dag$", re.ASCII)
"""After a workflow's label, in the name of a DAG that Pegasus planned."""
_SHOWN = 10


class AmbiguousRunError(MonitorError):
    """What was typed may be any of several runs."""


def resolved(typed: Path) -> Path:
    """The submit directory or DAG of the run that is meant; as it was typed where none is found, or it is one already.

    A directory that is no submit directory stands for the one DAG, or else for the one submit directory, in it. What is
    no path is looked for in `bridle list`: a name, a DAGMan job, the beginning of a wf_uuid. Raises AmbiguousRunError.
    """
    try:
        mode = files.mode_of(typed)
        if mode is None:
            return _by_name(typed)
        inside = _inside(typed) if stat.S_ISDIR(mode) and not was_planned(typed) else []
    except FileError:
        return typed  # whoever opens it says what is wrong with it
    if len(inside) > 1:
        raise _ambiguous(str(typed), "it holds", [str(path) for path in inside])
    return inside[0] if inside else typed


def known_names() -> list[str]:
    """The names of the runs in the user's registry, the newest first, without a look at queue or databases."""
    runs = sorted(known_runs(), key=lambda run: run.noted, reverse=True)
    labels = (_NUMBER.sub("", run.dag_file.name) for run in runs)
    names = (
        name_of(run.dag_file, label, is_planned=run.is_planned)
        for run, label in zip(runs, labels, strict=True)
    )
    return list(dict.fromkeys(names))


def _inside(place: Path) -> list[Path]:
    """The runs in a directory that is none itself; none in one that a planner has not finished."""
    names = sorted(files.names_in(place))
    if any(_OF_A_PLANNER.fullmatch(name) for name in names):
        return []
    return dags_in(place) or [place / name for name in names if was_planned(place / name)]


def _by_name(typed: Path) -> Path:
    text = str(typed)
    if typed.is_absolute() or text.startswith(".") or text.count("/") > 1 or text.endswith(".dag"):
        return typed  # a path that leads nowhere: no other run may be meant by it
    from monitord_job.runs.listing import Wanted, list_runs

    runs = list_runs(Wanted()).runs
    for meant in (_of_job(text, runs), _of_uuid(text, runs), _of_name(text, runs), _of_part(text, runs)):
        if len(meant) == 1:
            return Path(meant[0].record.directory)
        if meant:
            shown = [f"{run.record.directory} ({_said(run)})" for run in meant]
            raise _ambiguous(text, "it may be any of", shown)
    return typed


def _said(run: ListedRun) -> str:
    from monitord_job.runs.run_condition import word_of

    return word_of(run.condition)


def _of_job(text: str, runs: Sequence[ListedRun]) -> list[ListedRun]:
    match = _JOB.fullmatch(text)
    return [run for run in runs if run.job == f"{match[1]}.0"] if match is not None else []


def _of_uuid(text: str, runs: Sequence[ListedRun]) -> list[ListedRun]:
    if not _UUID.fullmatch(text):
        return []
    return [run for run in runs if (run.record.wf_uuid or "").startswith(text.lower())]


def _of_name(text: str, runs: Sequence[ListedRun]) -> list[ListedRun]:
    return [run for run in runs if run.record.name == text]


def _of_part(text: str, runs: Sequence[ListedRun]) -> list[ListedRun]:
    """By the label alone, or by the directory's name."""
    return [run for run in runs if text in (run.record.label, Path(run.record.directory).name)]


def _ambiguous(where: str, what: str, candidates: Sequence[str]) -> AmbiguousRunError:
    more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    return AmbiguousRunError(where, f"{what} {', '.join(candidates[:_SHOWN])}{more}", "name one of them")
