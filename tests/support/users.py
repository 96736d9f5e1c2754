"""Other users of the machine: processes of ours with another real uid, which only root can start."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from planner_ext.pool.environment import pool_uid
from tests.support.places import BUILD, CHECKOUT

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class User:
    """A user of this machine with a home of his own below `home`; `env` is all of his environment."""

    uid: int
    gid: int
    name: str
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def python(self, *arguments: str, umask: int = -1) -> Done:
        """Run a Python program with the packages of our tests as that user."""
        python = python_of_all()
        assert python is not None
        return self.run("env", f"PYTHONPATH={':'.join(PACKAGES)}", python, "-B", *arguments, umask=umask)

    def run(self, *command: str, stdin: str = "", umask: int = -1) -> Done:
        """Run it as that user, in his home."""
        return subprocess.run(
            command,
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            umask=umask,
            cwd=self.home,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], **self.env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def user_named(name: str, folder: Path, env: Mapping[str, str] | None = None) -> User:
    """That user, with a home that is made below `folder`."""
    entry = pwd.getpwnam(name)
    home = folder / f"home-of-{name}"
    home.mkdir(exist_ok=True, parents=True, mode=0o755)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return User(entry.pw_uid, entry.pw_gid, name, home, env or {})


def pool_user_of_root() -> str:
    """The user whose uid root's pool takes in its namespace: outside, he is a stranger as all others."""
    return pwd.getpwuid(pool_uid((entry.pw_name, entry.pw_uid) for entry in pwd.getpwall())).pw_name


@cache
def python_of_all() -> str | None:
    """A Python that every user of the machine may run, of our version so that our packages fit, or None.

    Our own may lie in a home that is closed to others.
    """
    ours = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = (sys.executable, *(f"{folder}/{ours}" for folder in ("/usr/bin", "/usr/local/bin")))
    return next(
        (
            python
            for python in found
            if _runs(python, "-c", f"import sys; sys.path += {PACKAGES}; import click")
        ),
        None,
    )


PACKAGES = [str(CHECKOUT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]


def _runs(*command: str) -> bool:
    nobody = pwd.getpwnam("nobody")
    with suppress(OSError):
        return (
            subprocess.run(
                command,
                user=nobody.pw_uid,
                group=nobody.pw_gid,
                extra_groups=[],
                capture_output=True,
                check=False,
            ).returncode
            == 0
        )
    return False


def can_be_another() -> bool:
    """Whether we may start processes of other users, and these can run HTCondor and our Python."""
    return (
        os.geteuid() == 0
        and _runs("/bin/sh", "-c", f"test -x {shlex.quote(str(BUILD))}")
        and python_of_all() is not None
    )
