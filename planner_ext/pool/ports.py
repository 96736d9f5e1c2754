"""A port on loopback for a pool to keep."""

from __future__ import annotations

import random
import socket

from planner_ext.errors import PoolError

# Below those that the kernel gives to outgoing connections, so that none of these takes ours.
_PORTS = range(20000, 32000)


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
