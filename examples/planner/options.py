"""What a planning run is given, and the names and paths that follow from it."""

from __future__ import annotations

import getpass
import os
import sys
import uuid as uuid_module
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .abstract import PlanError

VERSION = "5.1.2"
BUILD = "20261123045636Z"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Options:
    """Where and how to plan. With user, time and uuid given, the directory is the same each time.

    directory    submit directories go to directory/user/pegasus/label/runNNNN
    home         the stand-ins' bin/, default directory/home;  scratch, outputs: likewise below directory
    cluster      "label" clusters tasks by their pegasus profile `label`, "" does not cluster
    universe     of the compute jobs that do not ask for another: vanilla, local or scheduler
    shards       job files in a subdirectory of the submit directory before the next is begun
    """

    directory: Path
    home: Path | None = None
    scratch: Path | None = None
    outputs: Path | None = None
    transformations: dict[str, str] = field(default_factory=dict)  # full name -> absolute path
    replicas: dict[str, str] = field(default_factory=dict)  # lfn -> absolute path
    cluster: str = ""
    universe: str = "vanilla"
    retry: int = 1
    cleanup: bool = True
    site: str = "condorpool"
    user: str = field(default_factory=getpass.getuser)
    hostname: str = "localhost"
    uuid: str = field(default_factory=lambda: str(uuid_module.uuid4()))
    time: datetime = field(default_factory=_now)
    python: str = field(default_factory=lambda: sys.executable)
    condor_dagman: str = "/usr/bin/condor_dagman"
    workflow_file: Path | None = None
    shards: int = 51

    def __post_init__(self) -> None:
        for name in ("directory", "home", "scratch", "outputs"):
            path = getattr(self, name) or self.directory / name
            path = Path(os.path.abspath(path))
            if any(character.isspace() for character in str(path)):
                raise PlanError(f"{name} {path}: Pegasus plans no path with a blank in it")
            object.__setattr__(self, name, path)

    @property
    def bindir(self) -> str:
        """Where pegasus-kickstart and the others are."""
        return f"{self.home}/bin"

    @property
    def stamp(self) -> str:
        """The time as kickstart's -T has it."""
        return self.time.strftime("%Y-%m-%dT%H:%M:%S+00:00")

    @property
    def timestamp(self) -> str:
        """The time as braindump and +pegasus_wf_time have it."""
        return self.time.strftime("%Y%m%dT%H%M%S+0000")


@dataclass(frozen=True)
class Place:
    """The one run that is planned: its number and directories."""

    options: Options
    label: str
    run: str

    @property
    def relative(self) -> str:
        """Below the submit base and below the scratch folder alike."""
        return f"{self.options.user}/pegasus/{self.label}/{self.run}"

    @property
    def submit_dir(self) -> Path:
        """The submit directory."""
        return self.options.directory / self.relative

    @property
    def scratch_dir(self) -> str:
        """The directory on the execution site in which the tasks run."""
        return f"{self.options.scratch}/{self.relative}"

    @property
    def base(self) -> str:
        """The name before .dag, .log, .static.bp, ..."""
        return f"{self.label}-0"

    @property
    def properties_name(self) -> str:
        """pegasus.<number>.properties; the number comes from the uuid."""
        return f"pegasus.{uuid_module.UUID(self.options.uuid).int % 10**20}.properties"


def next_place(options: Options, label: str) -> Place:
    """The first run number that is free below the directory."""
    if any(character.isspace() or character == "/" for character in label):
        raise PlanError(
            f"name {label!r}: a workflow's name is part of paths, it can have no blank and no slash"
        )
    number = 1
    while (place := Place(options, label, f"run{number:04d}")).submit_dir.exists():
        number += 1
    return place
