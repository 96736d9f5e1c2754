"""The workflow that a soak runs: a root and nine sub-workflows in two levels, whose jobs record what they do.

Every worker waits until it is told to go, so that the whole lasts as long as the faults do.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from tests.soak.surroundings import ADDRESS
from tests.support.rules import write_rules

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
from planner import Options, fan, plan

SUBS = 8
LEAST = 100
"""Fewer nodes are no hierarchy."""
_OTHERS = 5
"""Nodes of a planned fan beside its workers: create_dir, split, merge, stage_out, register."""
_AT_ONCE = {"root": 5, "sub": 4}

_JOB = """\
#!/bin/sh
echo "{uuid} {name} start $CONDOR_JOBID" >>{trace}
{wait}
{executable} "$@"
code=$?
echo "{uuid} {name} end $CONDOR_JOBID $code" >>{trace}
exit $code
"""
_WAIT = "until test -e {go}/{label}.{name} || test -e {go}/all; do sleep 0.5; done"
_HOOK = """\
#!/bin/sh
printf '%s %s %s %s %s\\n' "$BRIDLE_NOTIFICATION_KEY" "$BRIDLE_WORKFLOW" "$PEGASUS_JOBID" "$PEGASUS_EVENT" \\
    "$BRIDLE_ATTEMPT" >>'{log}'
"""
RULES = ("JOB * start", "JOB * success", "JOB * error", "WORKFLOW * start", "WORKFLOW * end")
MAILED = ("JOB * error", "WORKFLOW * end")


@dataclass(frozen=True)
class Member:
    """One workflow of the hierarchy."""

    directory: SubmitDir
    workers: tuple[str, ...]

    @property
    def uuid(self) -> str:
        return self.directory.wf_uuid or ""

    @property
    def has_log(self) -> bool:
        """Whether its DAGMan writes a JOBSTATE_LOG; of the others there is dagman.out."""
        return b"\nJOBSTATE_LOG " in self.directory.dag_file.read_bytes()


@dataclass(frozen=True)
class Hierarchy:
    """The root first. `trace` is what all jobs write, `told` what the hooks do."""

    members: tuple[Member, ...]
    go: Path
    trace: Path
    told: Path

    @property
    def root(self) -> SubmitDir:
        return self.members[0].directory

    @property
    def all_nodes(self) -> int:
        return sum(len(member.workers) + _OTHERS for member in self.members) + len(self.members) - 1

    def started(self) -> Iterator[tuple[str, str]]:
        """Label and name of the workers that wait, or have waited, in the order of their first start."""
        labels = {member.uuid: member.directory.braindump["dax_label"] or "" for member in self.members}
        seen: dict[tuple[str, str], None] = {}
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        for uuid, name, *_ in map(str.split, lines):
            if name.startswith("work_"):
                seen[labels[uuid], name] = None
        yield from seen

    def let_go(self, label: str, name: str) -> None:
        (self.go / f"{label}.{name}").touch()

    def let_all_go(self) -> None:
        (self.go / "all").touch()


def make_hierarchy(work: Path, seed: int, nodes: int) -> Hierarchy:
    """Plan it below `work`; of about so many nodes. The same seed gives the same one."""
    chance = random.Random(seed)
    labels = ["root", *(f"sub{number}" for number in range(SUBS)), "deep"]
    workers = (nodes - len(labels) * (_OTHERS + 1) + 1) // len(labels)
    (work / "go").mkdir(parents=True)
    made = [_planned(work, label, workers, chance) for label in labels]
    for number, member in enumerate(made):
        _trace(work, member)
        if number % 3 != 2:  # the others are read from dagman.out
            _append(member, f"JOBSTATE_LOG {member.directory.jobstate_log.name}\n")
    for member in made[1:-1]:
        _attach(made[0], member, made[0])
    _attach(made[1], made[-1], made[0])
    hierarchy = Hierarchy(tuple(made), work / "go", work / "trace", work / "told")
    _give_hooks(hierarchy)
    return hierarchy


def _planned(work: Path, label: str, workers: int, chance: random.Random) -> Member:
    flaky = dict.fromkeys(chance.sample(range(workers), workers // 8), 1)
    pre = chance.sample(range(workers), workers // 6)
    uuid = str(UUID(int=chance.getrandbits(128), version=4))
    options = Options(work / label, universe="local", retry=3, cleanup=False, uuid=uuid)
    path = plan(fan(workers, name=label, flaky=flaky, pre_scripts=pre), options)
    member = Member(open_submit_dir(Path(path)), tuple(f"work_w{number:05d}" for number in range(workers)))
    kind = "root" if label == "root" else "sub"
    lines = [f"CATEGORY {name} worker\n" for name in member.workers]
    _append(member, "".join([*lines, f"MAXJOBS worker {_AT_ONCE[kind]}\n"]))
    member.directory.condor_sub.unlink(missing_ok=True)  # pegasus-dagman's; DAGMan makes its own
    return member


def _append(member: Member, text: str) -> None:
    with member.directory.dag_file.open("a") as dag:
        dag.write(text)


def _trace(work: Path, member: Member) -> None:
    """Let every job record its start and end; a worker waits in between."""
    label = member.directory.braindump["dax_label"]
    for file in member.directory.path.glob("00/*/*.sub"):
        text = file.read_text()
        found = re.search(r"^executable = (\S+)$", text, re.MULTILINE)
        assert found is not None, file
        wait = _WAIT.format(go=work / "go", label=label, name=file.stem)
        script = file.with_suffix(".traced")
        script.write_text(
            _JOB.format(
                uuid=member.uuid,
                name=file.stem,
                trace=work / "trace",
                wait=wait if file.name.startswith("work_") else "",
                executable=found[1],
            )
        )
        script.chmod(0o755)
        file.write_text(text.replace(found[0], f"executable = {script}"))


def _attach(parent: Member, child: Member, root: Member) -> None:
    """Make one a node of the other, as the planner does with `SUBDAG EXTERNAL`."""
    below = child.directory
    name = f"dagman_{below.braindump['dax_label']}"
    _append(
        parent,
        f"SUBDAG EXTERNAL {name} {below.dag_file} DIR {below.path}\nRETRY {name} 1\nCATEGORY {name} subs\n"
        f"MAXJOBS subs 3\nPARENT split_split CHILD {name}\nPARENT {name} CHILD merge_merge\n",
    )
    event = "ts=1970-01-01T00:29:21.495867Z event=job.{} xwf.id={} {} \n"
    info = f'job.id="{name}" submit_file="00/00/{name}.sub" type="11" type_desc="dag" clustered="0" max_retries="1" '
    info += 'executable="/usr/bin/condor_dagman" task_count="0"'
    with parent.directory.static_bp.open("a") as static:
        static.write(event.format("info", parent.uuid, info))
        for above, under in (("split_split", name), (name, "merge_merge")):
            edge = f'parent.job.id="{above}" child.job.id="{under}"'
            static.write(event.format("edge", parent.uuid, edge))
    braindump = below.path / "braindump.yml"
    ours = f'root_wf_uuid: "{child.uuid}"'
    braindump.write_text(braindump.read_text().replace(ours, f'root_wf_uuid: "{root.uuid}"'))


def _give_hooks(hierarchy: Hierarchy) -> None:
    hook = hierarchy.told.with_name("hook.sh")
    hook.write_text(_HOOK.format(log=hierarchy.told))
    hook.chmod(0o755)
    rules = [f"{rule} {hook}\n" for rule in RULES] + [f"{rule} to: {ADDRESS}\n" for rule in MAILED]
    write_rules(hierarchy.root.bridle_notify, "".join(rules))
