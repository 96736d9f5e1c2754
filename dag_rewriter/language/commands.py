"""One frozen value per DAGMan command, in HTCondor's own words. Text is UTF-8 with surrogateescape: no byte
is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class NodeKind(Enum):
    """What a node is to DAGMan; the value is its command."""

    JOB = "JOB"
    FINAL = "FINAL"
    SERVICE = "SERVICE"
    PROVISIONER = "PROVISIONER"
    SUBDAG = "SUBDAG EXTERNAL"


class ScriptType(Enum):
    """When a script runs."""

    PRE = "PRE"
    POST = "POST"
    HOLD = "HOLD"


@dataclass(frozen=True, slots=True)
class NodeCommand:
    """JOB, FINAL, SERVICE, PROVISIONER or SUBDAG EXTERNAL; `inline` is the text of a submit description in
    the DAG.
    """

    kind: NodeKind
    name: str
    submit_file: str
    directory: str | None = None
    noop: bool = False
    done: bool = False
    inline: str | None = None


@dataclass(frozen=True, slots=True)
class ParentChild:
    """PARENT a b CHILD c d; every parent to every child."""

    parents: tuple[str, ...]
    children: tuple[str, ...]
    weak: bool = False


@dataclass(frozen=True, slots=True)
class ScriptCommand:
    """SCRIPT PRE|POST|HOLD; `arguments` is the raw rest of the line."""

    type: ScriptType
    node: str
    executable: str
    arguments: str = ""
    defer: tuple[int, int] | None = None
    """(exit status that asks for another try later, seconds until then)"""
    debug: tuple[str, str] | None = None
    """(file, STDOUT|STDERR|ALL)"""


@dataclass(frozen=True, slots=True)
class Retry:
    """RETRY node n [UNLESS-EXIT code]."""

    node: str
    max_retries: int
    unless_exit: int | None = None


@dataclass(frozen=True, slots=True)
class Priority:
    """PRIORITY node value."""

    node: str
    value: int


@dataclass(frozen=True, slots=True)
class Category:
    """CATEGORY node name."""

    node: str
    category: str


@dataclass(frozen=True, slots=True)
class MaxJobs:
    """MAXJOBS category limit."""

    category: str
    limit: int


@dataclass(frozen=True, slots=True)
class Vars:
    """VARS node [PREPEND|APPEND] key="value"...; `assignments` is the raw rest, see lexer-level `pairs`."""

    node: str
    assignments: str


@dataclass(frozen=True, slots=True)
class AbortDagOn:
    """ABORT-DAG-ON node status [RETURN code]."""

    node: str
    status: int
    return_code: int | None = None


@dataclass(frozen=True, slots=True)
class PreSkip:
    """PRE_SKIP node exit-code."""

    node: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Config:
    """CONFIG file; DAGMan accepts one per run."""

    file: str


@dataclass(frozen=True, slots=True)
class JobstateLog:
    """JOBSTATE_LOG file; the first one of a DAG counts."""

    file: str


@dataclass(frozen=True, slots=True)
class Done:
    """DONE node (rescue DAGs)."""

    node: str


@dataclass(frozen=True, slots=True)
class Splice:
    """SPLICE name dag-file [DIR directory]; `check` and `graph` look into it."""

    name: str
    dag_file: str
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """INCLUDE file; `check` and `graph` look into it."""

    file: str


@dataclass(frozen=True, slots=True)
class SubmitDescription:
    """SUBMIT-DESCRIPTION name { ... }: a submit description that nodes may name instead of a file."""

    name: str
    body: str


@dataclass(frozen=True, slots=True)
class Tolerance:
    """TOLERANCE node n[%] [FAIL-FAST|WAIT] (25.14): so many failed jobs of a node's cluster are borne."""

    node: str
    value: int
    percent: bool = False
    mode: str | None = None
    """FAIL_FAST, WAIT, or None: as DAGMan is configured"""


@dataclass(frozen=True, slots=True)
class SavePointFile:
    """SAVE_POINT_FILE node [file]; without a file it is save_files/NODE-X.dag.save."""

    node: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT a b: the pins of two splices, by number."""

    parent: str
    child: str


@dataclass(frozen=True, slots=True)
class Pin:
    """PIN_IN node n, PIN_OUT node n."""

    out: bool
    node: str
    number: int


@dataclass(frozen=True, slots=True)
class Dot:
    """DOT file [UPDATE] [OVERWRITE] [INCLUDE header]."""

    file: str
    update: bool = False
    overwrite: bool = False
    include: str | None = None


@dataclass(frozen=True, slots=True)
class NodeStatusFile:
    """NODE_STATUS_FILE file [seconds] [ALWAYS-UPDATE]."""

    file: str
    seconds: int | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """ENV SET a=b;c=d, ENV GET a b; `variables` is the raw rest. condor_submit_dag reads it."""

    set: bool
    variables: str


@dataclass(frozen=True, slots=True)
class SetJobAttr:
    """SET_JOB_ATTR name = value: an attribute of the DAGMan job. condor_submit_dag reads it."""

    assignment: str


@dataclass(frozen=True, slots=True)
class Reject:
    """REJECT: DAGMan shall not run this file."""


@dataclass(frozen=True, slots=True)
class Other:
    """Any other line, known to DAGMan or not: kept as it stands."""

    text: str


Command: TypeAlias = (
    NodeCommand | ParentChild | ScriptCommand | Retry | Priority | Category | MaxJobs | Vars | AbortDagOn
    | PreSkip | Config | JobstateLog | Done | Splice | Include | SubmitDescription | Tolerance | SavePointFile
    | Connect | Pin | Dot | NodeStatusFile | Environment | SetJobAttr | Reject | Other
)  # fmt: skip
