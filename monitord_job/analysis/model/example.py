"""One failure in full: what ran where, its files, and what logs say that no table has. Values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Log:
    """A file that tells more, by its name in the submit directory, and its lines that tell most."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """An attempt at a job; an empty word is not known."""

    site: str = ""
    directory: str = ""
    """in which it ran"""
    submit_file: str = ""
    stdout_file: str = ""
    stderr_file: str = ""
    command: str = ""
    """of the task that failed, else of the first"""
    pre: str = ""
    post: str = ""
    subwf_id: int | None = None
    log: Log | None = None
    """of a sub-workflow's planner, or of a DAGMan that refused its DAG"""
    parent: str = ""
    """a job that it waits for, and that succeeded"""
