"""The files of a folder of statistics: which there are at which level, and how they are written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dag_rewriter import files
from monitord_job.statistics.model.calendar import Per
from monitord_job.statistics.model.figures import Level, Statistics
from monitord_job.statistics.views import csv_files, legends, text_files
from monitord_job.statistics.views.against import Compared, against_table
from monitord_job.statistics.views.text_files import Attempts
from monitord_job.statistics.views.use_tables import path_table, use_tables


class Form(Enum):
    """How the tables are written."""

    TEXT = "text"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into the files."""

    statistics: Statistics
    attempts: Attempts
    per: Per
    several: bool
    """whether it is several runs"""
    against: tuple[Compared, ...] = ()
    """the same figures of another run"""


@dataclass(frozen=True, slots=True)
class _File:
    title: str
    name: str
    pieces: Iterable[str]


def write_files(
    folder: Path, form: Form, levels: Collection[Level], contents: Contents
) -> list[tuple[str, Path]]:
    """Write the files of the levels into a folder, which is made if need be: (what is in it, path) of each.

    Each file is replaced as a whole. Raises FileError.
    """
    try:
        files.make_folder(folder)
    except OSError as error:
        raise files.file_error(folder, "make the folder", error) from error
    make = _text if form is Form.TEXT else _csv
    written = []
    for level in Level:
        for file in make(level, contents) if level in levels else ():
            path = folder / file.name
            files.replace_by(path, (piece.encode("utf-8", "surrogateescape") for piece in file.pieces))
            written.append((file.title, path))
    if contents.against:
        table = [against_table(contents.against)]
        path = folder / f"against.{'txt' if form is Form.TEXT else 'csv'}"
        made = text_files.tables(table, "") if form is Form.TEXT else csv_files.tables(table, "")
        files.replace_by(path, (piece.encode("utf-8", "surrogateescape") for piece in made))
        written.append(("Against the other run", path))
    return written


_TITLES = {
    Level.SUMMARY: ("Summary", "summary"),
    Level.WORKFLOWS: ("Workflow execution statistics", "workflow"),
    Level.JOBS: ("Job instance statistics", "jobs"),
    Level.BREAKDOWN: ("Transformation statistics", "breakdown"),
    Level.TIME: ("Time statistics", "time"),
    Level.INTEGRITY: ("Integrity statistics", "integrity"),
    Level.USE: ("Use of resources", "use"),
    Level.PATH: ("Critical path", "path"),
}


def _text(level: Level, of: Contents) -> Iterator[_File]:
    made = {
        Level.SUMMARY: lambda: text_files.summary(of.statistics, several=of.several),
        Level.WORKFLOWS: lambda: text_files.workflows(of.statistics),
        Level.JOBS: lambda: text_files.jobs(of.statistics, of.attempts),
        Level.BREAKDOWN: lambda: text_files.breakdown(of.statistics),
        Level.TIME: lambda: text_files.times(of.statistics, of.per),
        Level.INTEGRITY: lambda: text_files.integrity(of.statistics),
        Level.USE: lambda: text_files.tables(use_tables(of.statistics), legends.USE),
        Level.PATH: lambda: text_files.tables([path_table(of.statistics.path)], legends.PATH),
    }
    title, name = _TITLES[level]
    yield _File(title, f"{name}.txt", made[level]())


def _csv(level: Level, of: Contents) -> Iterator[_File]:
    made = {
        Level.SUMMARY: lambda: csv_files.summary(of.statistics),
        Level.WORKFLOWS: lambda: csv_files.workflows(of.statistics),
        Level.JOBS: lambda: csv_files.jobs(of.statistics, of.attempts),
        Level.BREAKDOWN: lambda: csv_files.breakdown(of.statistics),
        Level.TIME: lambda: csv_files.times(of.statistics, of.per),
        Level.INTEGRITY: lambda: csv_files.integrity(of.statistics),
        Level.USE: lambda: csv_files.tables(use_tables(of.statistics), legends.USE),
        Level.PATH: lambda: csv_files.tables([path_table(of.statistics.path)], legends.PATH),
    }
    title, name = _TITLES[level]
    yield _File(title, f"{name}.csv", made[level]())
    if level is Level.SUMMARY:
        yield _File(
            "Summary Time", "summary-time.csv", csv_files.summary_times(of.statistics, several=of.several)
        )
    if level is Level.TIME:
        yield _File(
            "Time statistics (per host)", "time-per-host.csv", csv_files.times_per_host(of.statistics, of.per)
        )
