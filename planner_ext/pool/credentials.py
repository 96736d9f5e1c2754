"""Who owns a pool, and the token by which its daemons know him.

FS authentication does not do: it lets in every user of the machine under his name, and tells a client nothing
about the server, so that another user's process on the port of a stopped pool passes for its schedd. A token
is signed with a key that only the owner can read, and the handshake proves the key to both sides.
"""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from planner_ext.errors import PoolError
from planner_ext.pool.environment import pool_uid
from planner_ext.pool.private_files import write_private
from planner_ext.pool.release import Release

DOMAIN = "pool.local"
_TOOL_LIMIT = 20  # seconds


def owner_identity(euid: int) -> str:
    """The name under which the owner of a pool submits, e.g. "ada@pool.local"; for root, that of its namespace's user.

    Raises PoolError for a user without a name: HTCondor lets none submit.
    """
    uid = euid or pool_uid((entry.pw_name, entry.pw_uid) for entry in pwd.getpwall())
    try:
        return f"{pwd.getpwuid(uid).pw_name}@{DOMAIN}"
    except KeyError:
        raise PoolError(
            f"uid {uid}", "has no name on this machine, and HTCondor wants one", "add it to /etc/passwd"
        ) from None


def make_credentials(directory: Path, release: Release, environment: Mapping[str, str]) -> None:
    """A new key and the owner's token in the folders of the pool; those of its last start are worth nothing then.

    `environment`: one that uses the pool, whose configuration must be there. Raises PoolError.
    """
    # HTCondor reads the key XORed with 0xdeadbeef and ends it at a NUL: in hexadecimal there is none.
    write_private(directory / "passwords.d" / "POOL", secrets.token_hex(32))
    command = [str(release.bin / "condor_token_create"), "-identity", owner_identity(os.geteuid())]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TOOL_LIMIT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = " ".join(str(getattr(error, "stderr", "") or error).split())
        raise PoolError(
            command[0], f"makes no token ({said})", "name another HTCondor with --release, one that is whole"
        ) from error
    write_private(directory / "tokens.d" / "owner", done.stdout)
