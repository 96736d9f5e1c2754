"""As whom a pool runs, at which port, and what a process must have in its environment to use it."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from planner_ext.errors import PoolError
from planner_ext.pool.release import Release

# Below those that the kernel gives to outgoing connections, so that none of these takes ours.
_PORTS = range(20000, 32000)


def pool_uid(passwd: Iterable[tuple[str, int]]) -> int:
    """The uid that root's pool runs as: the first ordinary user's, else the first that is not root's.

    >>> pool_uid([("root", 0), ("daemon", 1), ("nobody", 65534), ("ada", 1000)])
    1000
    >>> pool_uid([("root", 0), ("daemon", 1)])
    1
    """
    uids = [uid for _, uid in passwd if uid != 0]
    return next((uid for uid in uids if 1000 <= uid < 60000), uids[0] if uids else 65534)


def as_pool_user(euid: int) -> list[str]:
    """The words before condor_master's command line: none for an ordinary user.

    HTCondor never lets root own a job (condor_schedd.V6/qmgmt.cpp). Root's pool therefore runs in a user
    namespace that shows root as an ordinary user; outside, its files and processes are still root's.
    """
    if euid != 0:
        return []
    unshare = shutil.which("unshare")
    if unshare is None:
        raise PoolError(
            "unshare", "not in PATH, and root needs it", "install util-linux, or start the pool as a user"
        )
    uid = pool_uid((entry.pw_name, entry.pw_uid) for entry in pwd.getpwall())
    command = [unshare, "--user", f"--map-user={uid}", f"--map-group={uid}", "--"]
    _require_namespace(command)
    return command


def _require_namespace(command: list[str]) -> None:
    """PoolError where the machine, or the container that this is, forbids user namespaces."""
    tried = subprocess.run([*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if tried.returncode == 0:
        return
    said = " ".join(tried.stderr.decode(errors="replace").split()) or f"exit code {tried.returncode}"
    raise PoolError(
        command[0],
        f"root's pool needs a user namespace, and none can be made here ({said})",
        "start the pool as an ordinary user, or allow them: sysctl user.max_user_namespaces and "
        "kernel.unprivileged_userns_clone, or the container's seccomp profile",
    )


def variables(directory: Path, config_file: Path, euid: int) -> dict[str, str]:
    """What makes the pool in `directory` the one to use, PATH apart."""
    chosen = {"CONDOR_CONFIG": str(config_file), "BRIDLE_POOL": str(directory)}
    if euid == 0:
        # Root's files are the pool user's inside the namespace; outside, the C++ tools of plain root must be
        # told not to look for a user "condor". The Python bindings do not ask.
        chosen["CONDOR_IDS"] = "0.0"
    return chosen


def path_entries(release: Release) -> list[str]:
    """The folders to put before PATH."""
    return list(dict.fromkeys((str(release.bin), str(release.sbin))))


def without_condor(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would turn HTCondor to another pool (`_CONDOR_X` overrides any X).

    >>> without_condor({"HOME": "/h", "CONDOR_CONFIG": "/other", "_CONDOR_PORT": "1"})
    {'HOME': '/h'}
    """
    return {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith(("CONDOR_", "_CONDOR_"))
    }


@contextlib.contextmanager
def in_environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Within the block, this process has that environment and HTCondor's bindings in it know so."""
    before = dict(os.environ)
    _replace_environment(environment)
    import htcondor2

    htcondor2.reload_config()
    try:
        yield
    finally:
        _replace_environment(before)


def _replace_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As HTCondor does: connections of the last pool that linger in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One at random, so that pools that start together do not meet; raises PoolError if all are taken."""
    for port in random.sample(_PORTS, len(_PORTS)):
        if is_free(port):
            return port
    raise PoolError(
        "127.0.0.1", f"no port of {_PORTS.start}..{_PORTS.stop - 1} is free", "stop a server there"
    )
