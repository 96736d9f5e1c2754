"""Wheel and sdist as they would be released, and the wheel in an environment with nothing but what it asks for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.places import CHECKOUT, WORK

PLACE = WORK / "release"


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    """What a command prints; the test fails with all it said if it does."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def build(source: Path, into: Path, *kinds: str) -> Path:
    """Build what is released from a tree; hatchling is the one of the lock file."""
    run(sys.executable, "-m", "hatchling", "build", *kinds, "-d", into, cwd=source)
    return into


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel in it; `root` is an empty folder of its own to work in."""

    folder: Path
    root: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the checkout and nothing of the user's, but what is known of HTCondor."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "XDG_"))}
        path = f"{self.folder}/bin{os.pathsep}{kept['PATH']}"
        return {**kept, "PATH": path, "HOME": str(self.root), "VIRTUAL_ENV": str(self.folder)}

    def __call__(self, *words: str | Path) -> str:
        """What a program of the environment prints."""
        return run(self.folder / "bin" / words[0], *words[1:], cwd=self.root, environment=self.environment)

    def refused(self, *words: str | Path) -> tuple[int, str]:
        """Exit code and stderr."""
        command = [str(self.folder / "bin" / words[0]), *map(str, words[1:])]
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    def pip(self, *words: str | Path) -> str:
        """pip works on the environment from outside: it is not in there."""
        return run(sys.executable, "-m", "pip", "--python", self.python, *words, cwd=self.root)


@pytest.fixture(scope="session")
def place() -> Path:
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    return PLACE


@pytest.fixture(scope="session")
def dist(place: Path) -> Path:
    """The folder with the wheel and the sdist of the checkout."""
    return build(CHECKOUT, place / "dist")


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def sdist(dist: Path, place: Path) -> Path:
    """The sdist, unpacked."""
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(place / "sdist")
    (found,) = (place / "sdist").iterdir()
    return found


@pytest.fixture(scope="session")
def constraints(place: Path) -> Path:
    """The versions of requirements.lock, for pip to choose when it goes by the wheel's own metadata."""
    locked = re.findall(r"^[\w.-]+==[^\\\n]+", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE)
    path = place / "constraints.txt"
    path.write_text("\n".join(locked) + "\n")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, constraints: Path, place: Path) -> Installed:
    """The wheel and what it depends on, without extras."""
    folder, root = place / "venv", place / "home"
    venv.create(folder, symlinks=True)
    root.mkdir()
    environment = Installed(folder, root)
    environment.pip("install", "-qq", "--no-cache-dir", "--only-binary", ":all:", "-c", constraints, wheel)
    return environment
