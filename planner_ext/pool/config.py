"""A personal pool's settings (pool.json) and the HTCondor configuration that follows from them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from planner_ext.errors import PoolError
from planner_ext.pool.release import Release

FOLDERS = ("etc", "etc/config.d", "log", "spool", "execute", "lock", "run", "tokens.d", "passwords.d", "cred")

_LEVELS = (
    "READ",
    "WRITE",
    "NEGOTIATOR",
    "DAEMON",
    "ADMINISTRATOR",
    "CONFIG",
    "ADVERTISE_MASTER",
    "ADVERTISE_STARTD",
    "ADVERTISE_SCHEDD",
)
"""All of HTCondor's levels of authorization but CLIENT, which is about the servers that a client accepts."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What was chosen at the start; kept beside the pool, so that stop, status and env need no options."""

    root: str
    sbin: str
    port: int
    slots: int

    @property
    def release(self) -> Release:
        return Release(Path(self.root), Path(self.sbin))


def dump_settings(settings: PoolSettings) -> str:
    """The text of pool.json.

    >>> dump_settings(PoolSettings("/usr", "/usr/sbin", 20000, 4))
    '{"root": "/usr", "sbin": "/usr/sbin", "port": 20000, "slots": 4}\\n'
    """
    return json.dumps(asdict(settings)) + "\n"


def load_settings(text: str, source: str) -> PoolSettings:
    """The settings in the text of pool.json; raises PoolError if it is not one.

    >>> load_settings('{"root": "/usr", "sbin": "/usr/sbin", "port": 20000, "slots": 4}', "pool.json").port
    20000
    """
    try:
        return PoolSettings(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise PoolError(
            source, f"not the settings of a pool ({error})", "remove it and start the pool again"
        ) from error


def condor_config(settings: PoolSettings, directory: Path, owner: str) -> str:
    """The configuration file for a pool, whole: all on loopback, all in `directory`, all for `owner` alone.

    `owner`: as HTCondor names him, "ada@pool.local".
    """
    return _CONFIG.substitute(
        release=settings.release.config_lines(),
        directory=directory,
        port=settings.port,
        slots=settings.slots,
        allowed="\n".join(f"ALLOW_{level} = {owner}" for level in _LEVELS),
    )


def admits_others(config: str) -> bool:
    """Whether it is a configuration of an older bridle, whose pools every user of the machine could command."""
    return _TOKENS_ONLY not in config


_TOKENS_ONLY = "SEC_DEFAULT_AUTHENTICATION_METHODS = IDTOKENS\n"


_CONFIG = Template("""\
# A personal pool of `bridle pool start`, which writes this file anew at each start.
# Your own lines belong into a file of $directory/etc/config.d.
$release
LOCAL_DIR = $directory
ETC = $$(LOCAL_DIR)/etc
LOG = $$(LOCAL_DIR)/log
SPOOL = $$(LOCAL_DIR)/spool
EXECUTE = $$(LOCAL_DIR)/execute
LOCK = $$(LOCAL_DIR)/lock
RUN = $$(LOCAL_DIR)/run
LOCAL_CONFIG_FILE =
LOCAL_CONFIG_DIR = $$(LOCAL_DIR)/etc/config.d
REQUIRE_LOCAL_CONFIG_FILE = False

# --- network: one shared port on loopback. COLLECTOR_HOST must not name the collector's socket, or the master
#     starts the shared port on another, random port and nobody finds the collector.
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
CONDOR_HOST = 127.0.0.1
USE_SHARED_PORT = True
SHARED_PORT_PORT = $port
COLLECTOR_HOST = $$(CONDOR_HOST):$port
COLLECTOR_NAME = personal
DAEMON_SOCKET_DIR = auto
DAEMON_LIST = MASTER SHARED_PORT COLLECTOR NEGOTIATOR SCHEDD STARTD
UID_DOMAIN = pool.local
FILESYSTEM_DOMAIN = pool.local
FULL_HOSTNAME = localhost
HOSTNAME = localhost
NO_DNS = True
DEFAULT_DOMAIN_NAME = pool.local

# --- security: who wants anything, even to ask, proves a token that only the owner can read; daemons do so
#     among themselves, but for the sessions that their master hands down. There is no other way in.
SEC_DEFAULT_NEGOTIATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = IDTOKENS
SEC_CLIENT_AUTHENTICATION_METHODS = IDTOKENS
SEC_DEFAULT_ENCRYPTION = OPTIONAL
SEC_DEFAULT_INTEGRITY = REQUIRED
SEC_ENABLE_TOKEN_REQUEST = False
SEC_ENABLE_TOKEN_FETCH = False
SEC_TOKEN_DIRECTORY = $$(LOCAL_DIR)/tokens.d
SEC_TOKEN_SYSTEM_DIRECTORY = $$(LOCAL_DIR)/tokens.d
SEC_PASSWORD_DIRECTORY = $$(LOCAL_DIR)/passwords.d
SEC_PASSWORD_FILE = $$(LOCAL_DIR)/passwords.d/POOL
SEC_SYSTEM_KNOWN_HOSTS = $$(LOCAL_DIR)/etc/known_hosts
SEC_KNOWN_HOSTS = $$(LOCAL_DIR)/etc/known_hosts
SEC_CREDENTIAL_DIRECTORY = $$(LOCAL_DIR)/cred
$allowed

# --- quick: a personal pool has nobody to wait for
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 1
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
UPDATE_INTERVAL = 5
STARTER_UPDATE_INTERVAL = 5
SHADOW_QUEUE_UPDATE_INTERVAL = 5
COLLECTOR_UPDATE_INTERVAL = 300
MASTER_BACKOFF_CONSTANT = 1
MASTER_UPDATE_INTERVAL = 60
# A newly installed HTCondor is for the next start: the jobs of this one would be thrown out.
MASTER_NEW_BINARY_RESTART = NEVER
SCHEDD_RESTART_DELAY = 1
JOB_START_COUNT = 50
JOB_START_DELAY = 0
START_LOCAL_UNIVERSE = True
START_SCHEDULER_UNIVERSE = True
CLAIM_WORKLIFE = 1200
RUNBENCHMARKS = 0
DAGMAN_USER_LOG_SCAN_INTERVAL = 1
DAGMAN_MAX_SUBMITS_PER_INTERVAL = 100
DAGMAN_SUBMIT_DELAY = 0

# --- slots: one that is cut up as jobs ask for it, and is always willing
NUM_CPUS = $slots
MEMORY = $$(DETECTED_MEMORY)
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1 = 100%
SLOT_TYPE_1_PARTITIONABLE = True
START = True
SUSPEND = False
PREEMPT = False
KILL = False
WANT_SUSPEND = False
WANT_VACATE = False
JOB_DEFAULT_REQUESTMEMORY = 64
JOB_DEFAULT_REQUESTDISK = 1024
JOB_RENICE_INCREMENT = 0
STARTD_CRON_JOBLIST =
SCHEDD_CRON_JOBLIST =
SCHEDD_AUDIT_LOG =
MAX_DEFAULT_LOG = 100 Mb

# --- no root, no cgroup. The procd stays on: without it condor_schedd 25 crashes when a
#     scheduler-universe job leaves.
CGROUP_MEMORY_LIMIT_POLICY = none
CREATE_CGROUP_WITHOUT_ROOT = False
BASE_CGROUP =
MOUNT_UNDER_SCRATCH =
DISCARD_SESSION_KEYRING_ON_STARTUP = False
""")
