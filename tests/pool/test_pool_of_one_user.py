"""A personal pool belongs to one user: whatever another one tries, with all he can know of it, is refused.

The strangers are real: processes with other uids, of users that exist, against pools of root and of a user. They
have HTCondor's programs, the addresses of all daemons, and may say about themselves what they like.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from planner_ext.pool.pool import Pool
from planner_ext.pool.release import Release
from tests.support.intruder import ATTACKS
from tests.support.places import CHECKOUT, WORK
from tests.support.users import Done, User, pool_user_of_root, user_named

pytestmark = pytest.mark.second_user

OWNERS = ("root", "bin")
STRANGERS = ("nobody", pool_user_of_root())
METHODS = ("FS", "FS_REMOTE", "IDTOKENS", "PASSWORD", "CLAIMTOBE", "ANONYMOUS", "SSL", "MUNGE")
ALL_METHODS = ",".join(METHODS)
INTRUDER = str(CHECKOUT / "tests" / "support" / "intruder.py")

HELD_JOB = "universe = local\nexecutable = /bin/sleep\narguments = 600\nhold = true\nqueue\n"
FAKE_STARTD = 'MyType = "Machine"\nName = "slot1@intruder"\nMachine = "intruder"\nState = "Unclaimed"\n'

# {schedd} and so on are addresses. Each with the exit code 0 for the owner.
READING = (
    "condor_q -allusers",
    "condor_status -any",
    "condor_status -schedd",
    "condor_userprio -allusers",
    "condor_config_val -addr {master} SEC_PASSWORD_FILE",
)
CHANGING = (
    "condor_submit job.sub",
    "condor_hold -addr {schedd} -all",
    "condor_release -addr {schedd} -all",
    "condor_hold -addr {schedd} -all",
    "condor_qedit -constraint true Foo 1",
    "condor_prio -p 7 -a",
    "condor_advertise UPDATE_STARTD_AD fake",
    "condor_advertise INVALIDATE_STARTD_ADS fake",
    "condor_userprio -setfactor somebody@pool.local 77",
    "condor_config_val -addr {master} -rset INTRUDER=1",
    "condor_config_val -addr {schedd} -rset INTRUDER=1",
    "condor_reconfig -addr {master}",
    "condor_reconfig -addr {schedd}",
    "condor_rm -addr {schedd} -all",
    "condor_off -fast -addr {startd}",
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A running pool, seen from above: root reads its addresses and tells them to those who attack it."""

    owner: User
    directory: Path
    release: Release

    def bridle(self, *arguments: str, umask: int = -1) -> Done:
        return self.owner.python(
            "-m", "planner_ext", "pool", *arguments, "--pool", str(self.directory), umask=umask
        )

    def start(self, umask: int = -1) -> None:
        done = self.bridle("start", "--slots", "2", "--release", str(self.release.root), umask=umask)
        assert done.returncode == 0, done.stderr

    def tool(self, *command: str) -> Done:
        """As the owner: what he gets by `eval "$(bridle pool env)"`."""
        exports = self.bridle("env").stdout
        return self.owner.run("sh", "-c", f'{exports}\n"$@"', "-", *command)

    def addresses(self) -> dict[str, str]:
        """Name of a daemon -> its address, those of the ports for its superuser too."""
        files = [*self.directory.glob("log/.*_address*"), *self.directory.glob("spool/.schedd_address*")]
        addresses = {
            path.name.strip(".").replace("_address", ""): path.read_text().split("\n")[0]
            for path in files
            if path.suffix != ".new"
        }
        assert addresses.keys() >= {"master", "schedd"}
        return addresses

    def jobs(self) -> str:
        told = self.tool("condor_q", "-allusers", "-af", "ClusterId", "JobStatus", "JobPrio", "Cmd", "Foo")
        assert told.returncode == 0, told.stderr
        return told.stdout


@pytest.fixture(scope="module", params=OWNERS)
def guarded(request: pytest.FixtureRequest, release: Release) -> Iterator[Guarded]:
    """A pool with a job in it, of root and of a user; made under a umask that forbids nothing."""
    with pool_of(request.param, release) as pool:
        pool.start(umask=0)
        (pool.owner.home / "job.sub").write_text(HELD_JOB)
        done = pool.tool("condor_submit", "job.sub")
        assert done.returncode == 0, done.stderr
        yield pool


@contextlib.contextmanager
def pool_of(owner: str, release: Release) -> Iterator[Guarded]:
    """A directory of that user in the workplace, for a pool; gone at the end, with all that ran there."""
    (WORK / "tests").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"of-{owner}-", dir=WORK / "tests"))
    folder.chmod(0o755)
    user = user_named(owner, folder)
    (user.home / "fake").write_text(FAKE_STARTD)
    pool = Guarded(user, user.home / "pool", release)
    try:
        yield pool
    finally:
        stopped = pool.bridle("stop", "--limit", "1")
        assert stopped.returncode == 0, stopped.stderr
        shutil.rmtree(folder)


def stranger_of(pool: Guarded, name: str, methods: str, folder: Path) -> User:
    """Another user with HTCondor's programs, the addresses of the pool, and a token that he signed himself."""
    home = folder / f"home-of-{name}"
    env = {
        "CONDOR_CONFIG": str(home / "condor_config"),
        "PATH": f"{pool.release.bin}:{pool.release.sbin}:{os.environ['PATH']}",
    }
    user = user_named(name, folder, env)
    port = json.loads((pool.directory / "pool.json").read_text())["port"]
    (home / "condor_config").write_text(
        f"""\
{pool.release.config_lines()}
LOCAL_DIR = {home}
LOG = {home}/log
SPOOL = {home}/spool
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:{port}
NETWORK_INTERFACE = 127.0.0.1
ENABLE_IPV6 = False
UID_DOMAIN = pool.local
SEC_DEFAULT_NEGOTIATION = PREFERRED
SEC_DEFAULT_AUTHENTICATION = PREFERRED
SEC_DEFAULT_ENCRYPTION = OPTIONAL
SEC_DEFAULT_INTEGRITY = OPTIONAL
SEC_DEFAULT_AUTHENTICATION_METHODS = {methods}
SEC_CLIENT_AUTHENTICATION_METHODS = {methods}
SEC_FS_ENFORCE_CHANNEL_BINDING = False
SEC_CLAIMTOBE_USER = {pool.owner.name}
FS_REMOTE_DIR = {home}
SEC_TOKEN_DIRECTORY = {home}
SEC_PASSWORD_DIRECTORY = {home}
SEC_PASSWORD_FILE = {home}/POOL
"""
    )
    for name_, address in pool.addresses().items():
        place = (
            home
            / ("spool" if name_.startswith("schedd") else "log")
            / f".{name_.replace('.', '_address.', 1)}"
        )
        place = place if "." in name_ else place.with_name(f".{name_}_address")
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{address}\n")
    (home / "POOL").write_text("guessed")
    (home / "POOL").chmod(0o600)
    (home / "job.sub").write_text(HELD_JOB)
    (home / "fake").write_text(FAKE_STARTD)
    for path in home.rglob("*"):
        os.chown(path, user.uid, user.gid)
    owner = pool_user_of_root() if pool.owner.name == "root" else pool.owner.name
    signed = user.run(
        "condor_token_create", "-identity", f"{owner}@pool.local", "-file", str(home / "forged")
    )
    assert signed.returncode == 0, signed.stderr
    return user


@pytest.fixture(params=STRANGERS)
def stranger(request: pytest.FixtureRequest, guarded: Guarded, work_dir: Path) -> User:
    """Another user, who lets HTCondor authenticate him in every way there is."""
    return stranger_of(guarded, request.param, ALL_METHODS, work_dir)


@pytest.mark.parametrize("method", METHODS)
def test_no_way_to_authenticate_gives_a_stranger_any_level(
    guarded: Guarded, work_dir: Path, method: str
) -> None:
    for name in STRANGERS:
        stranger = stranger_of(guarded, name, method, work_dir)
        for daemon, address in guarded.addresses().items():
            told = stranger.run("condor_ping", "-address", address, "-type", "schedd", "-table", "ALL").stdout
            levels = [
                line.split() for line in told.splitlines() if line.split()[0] not in ("Instruction", "ALLOW")
            ]
            assert len(levels) >= 10, told
            # The level ALLOW is of those commands that do nothing but agree on how to go on.
            assert {words[4] for words in levels} <= {"FAIL", "DENY"}, f"{name} at {daemon}: {told}"


def test_the_owner_has_every_level(guarded: Guarded) -> None:
    for daemon, address in guarded.addresses().items():
        told = guarded.tool("condor_ping", "-address", address, "-type", "schedd", "-table", "ALL").stdout
        decisions = [line.split()[4] for line in told.splitlines()[1:]]
        assert len(decisions) >= 11, told
        assert set(decisions) == {"ALLOW"}, f"{daemon}: {told}"


def test_every_command_of_a_stranger_is_refused(guarded: Guarded, stranger: User) -> None:
    before = guarded.jobs()
    told = {command: _tried(stranger, guarded, command) for command in (*READING, *CHANGING)}
    assert {command: done.stdout for command, done in told.items() if done.returncode == 0} == {}
    # This one says that it was done even so.
    done = _tried(stranger, guarded, "condor_set_shutdown -addr {master} -exec /bin/true")
    assert re.match(r"ERROR\n(AUTHENTICATE|SECMAN):", done.stderr)
    _is_unharmed(guarded, before)


def _tried(user: User, pool: Guarded, command: str) -> Done:
    addresses = pool.addresses()
    return user.run(*(word.format_map(addresses) for word in command.split()))


def test_no_token_is_handed_out(guarded: Guarded, stranger: User) -> None:
    for command in (
        ["condor_token_fetch"],
        ["timeout", "10", "condor_token_request", "-identity", "a@pool.local"],
    ):
        done = stranger.run(*command)
        assert done.returncode == 1, f"{command}: {done.stdout}{done.stderr}"
        assert done.stdout == ""


def test_the_python_bindings_are_refused(guarded: Guarded, stranger: User) -> None:
    before = guarded.jobs()
    told = {
        name: stranger.python(INTRUDER, name, guarded.addresses()[daemon])
        for name, (daemon, _) in ATTACKS.items()
    }
    assert {name: done.returncode for name, done in told.items()} == dict.fromkeys(ATTACKS, 1)
    assert {
        name for name, done in told.items() if "Error" not in done.stderr and "xception" not in done.stderr
    } == set()
    _is_unharmed(guarded, before)


def _is_unharmed(pool: Guarded, before: str) -> None:
    assert pool.jobs() == before
    assert "intruder" not in pool.tool("condor_status", "-any").stdout
    assert pool.bridle("status").returncode == 0


def test_what_does_not_negotiate_is_hung_up_on(guarded: Guarded) -> None:
    """Commands as HTCondor 6 sent them, without a word about security, to every port and socket of the pool."""
    ports = _listening(guarded)
    assert len(ports) >= 5
    for address in ports:
        for number in (5, 10, 0, 60004, 60005, 60011, 1111, 1112):  # queries, update, reconfig, off, queue
            kind = socket.AF_UNIX if isinstance(address, bytes) else socket.AF_INET
            with socket.socket(kind) as line:
                line.settimeout(30)
                line.connect(address)
                line.sendall(struct.pack(">BIq", 1, 8, number))
                line.shutdown(socket.SHUT_WR)
                assert _rest(line) == b"", f"{address!r} answers {number}"
    assert guarded.bridle("status").returncode == 0


def _rest(line: socket.socket) -> bytes:
    try:
        return line.recv(100)
    except ConnectionError:
        return b""


def _listening(pool: Guarded) -> list[tuple[str, int] | bytes]:
    """The TCP ports and abstract sockets on which processes of the pool listen."""
    inodes = set()
    for pid in Pool(pool.directory).processes.all():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if link.is_symlink() and str(target := link.readlink()).startswith("socket:"):
                inodes.add(str(target)[8:-1])
    tcp, unix = (
        [line.split() for line in Path("/proc/net", table).read_text().splitlines()[1:]]
        for table in ("tcp", "unix")
    )
    return [
        *(
            ("127.0.0.1", int(words[1].split(":")[1], 16))
            for words in tcp
            if words[3] == "0A" and words[9] in inodes
        ),
        *(
            words[7].replace("@", "\0", 1).encode()
            for words in unix
            if words[3] == "00010000" and words[6] in inodes
        ),
    ]


def test_nothing_on_the_disk_can_be_opened_listed_or_written(guarded: Guarded, stranger: User) -> None:
    everything = [str(guarded.directory), *map(str, guarded.directory.rglob("*"))]
    assert len(everything) > 30
    program = (
        "import os, sys\n"
        "for path in sys.stdin.read().split('\\0'):\n"
        "    for way in (os.listdir, lambda p: os.open(p, os.O_RDONLY | os.O_NONBLOCK), "
        "lambda p: os.open(p, os.O_WRONLY | os.O_NONBLOCK), lambda p: os.mkdir(p + '/x'), os.unlink):\n"
        "        try:\n            way(path)\n"
        "        except (PermissionError, FileNotFoundError, IsADirectoryError):\n            continue\n"
        "        except OSError as error:\n            print(path, error)\n            continue\n"
        "        print(path, way)\n"
    )
    done = stranger.run("/usr/bin/env", "python3", "-c", program, stdin="\0".join(everything))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert guarded.directory.stat().st_mode & 0o077 == 0
    loose = {
        path.name for path in guarded.directory.iterdir() if path.is_dir() and path.stat().st_mode & 0o077
    }
    # The startd of 23 gives it 0755 itself.
    assert loose <= {"execute"}


@pytest.mark.parametrize("owner", OWNERS)
def test_the_owner_can_do_everything_and_jobs_can_submit_jobs(owner: str, release: Release) -> None:
    """The same commands that are refused to others do work, under a umask that forbids much."""
    with pool_of(owner, release) as pool:
        pool.directory.mkdir()
        (pool.directory / "etc" / "config.d").mkdir(parents=True)
        # These only let the owner do more.
        (pool.directory / "etc" / "config.d" / "settable").write_text(
            "ENABLE_RUNTIME_CONFIG = True\nSETTABLE_ATTRS_CONFIG = *\n"
        )
        for path in (pool.directory, *pool.directory.rglob("*")):
            os.chown(path, pool.owner.uid, pool.owner.gid)
        pool.start(umask=0o077)
        (pool.owner.home / "job.sub").write_text(HELD_JOB)
        _runs_a_dag_whose_job_submits(pool)
        assert pool.tool("condor_submit", "job.sub").returncode == 0
        told = {command: _tried_by_owner(pool, command) for command in (*READING, *CHANGING)}
        assert {command: done.stderr for command, done in told.items() if done.returncode != 0} == {}


def _tried_by_owner(pool: Guarded, command: str) -> Done:
    return pool.tool(*(word.format_map(pool.addresses()) for word in command.split()))


def _runs_a_dag_whose_job_submits(pool: Guarded) -> None:
    home = pool.owner.home
    (home / "inner.sub").write_text("universe = local\nexecutable = /bin/true\nlog = inner.log\nqueue\n")
    for universe in ("local", "scheduler", "vanilla"):
        (home / f"{universe}.sub").write_text(
            f"universe = {universe}\nexecutable = /bin/sh\ngetenv = true\n"
            f"arguments = \"-c 'condor_submit inner.sub'\"\ninitialdir = {home}\nlog = {home}/outer.log\n"
            f"should_transfer_files = no\noutput = {universe}.out\nerror = {universe}.err\nqueue\n"
        )
    names = ("local", "scheduler", "vanilla")
    (home / "x.dag").write_text("".join(f"JOB {name} {name}.sub\n" for name in names))
    done = pool.tool("condor_submit_dag", "x.dag")
    assert done.returncode == 0, done.stderr
    ended = pool.tool("condor_wait", "-wait", "100", "x.dag.dagman.log")
    errors = [(home / f"{name}.err").read_text() for name in names if (home / f"{name}.err").exists()]
    assert ended.returncode == 0, ended.stdout + str(errors)
    assert "EXITING WITH STATUS 0" in (home / "x.dag.dagman.out").read_text(), errors
    assert pool.tool("condor_wait", "-wait", "30", "inner.log").returncode == 0


def test_another_users_daemons_on_the_port_of_a_stopped_pool_get_nothing(
    work_dir: Path, release: Release
) -> None:
    """With FS authentication they pass for the pool: nothing in it proves the server to the client."""
    with pool_of("root", release) as mine, pool_of("nobody", release) as theirs:
        mine.start()
        (mine.owner.home / "job.sub").write_text(HELD_JOB)
        assert mine.tool("condor_submit", "job.sub").returncode == 0
        settings = (mine.directory / "pool.json").read_text()
        assert mine.bridle("stop").returncode == 0
        theirs.directory.mkdir()
        (theirs.directory / "pool.json").write_text(settings)
        for path in (theirs.directory, theirs.directory / "pool.json"):
            os.chown(path, theirs.owner.uid, theirs.owner.gid)
        theirs.start()
        assert (
            json.loads((theirs.directory / "pool.json").read_text())["port"] == json.loads(settings)["port"]
        )
        shutil.copy(theirs.directory / "spool" / ".schedd_address", mine.directory / "spool")
        for command in ("condor_q -allusers", "condor_status -any", "condor_submit job.sub"):
            done = mine.tool(*command.split())
            assert done.returncode != 0, f"{command}: {done.stdout}"
        assert theirs.jobs() == ""
