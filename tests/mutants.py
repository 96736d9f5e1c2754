"""mutants.py [NAME...]: does a mistake in the product fail without the corpus? (`make mutants`)

Each mutant is one change of one line, in a copy of the checkout; the tests that are to catch it run there, with the
fixtures of the project alone. Leaves with 1 if one is missed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.support.places import BUILD, CHECKOUT

COPIED = [
    "condor_templates",
    "dag_rewriter",
    "monitord_job",
    "planner_ext",
    "examples",
    "tests",
    "tools",
    "pyproject.toml",
]
RUNS = "tests/golden/recording/test_recorded_runs.py"
OWN = "tests/golden/recording/test_own_runs.py"


@dataclass(frozen=True)
class Mutant:
    """`before`, which stands in `file` once, becomes `after`."""

    file: str
    before: str
    after: str
    tests: str

    @property
    def name(self) -> str:
        return self.file.removesuffix(".py").replace("/", ".")


MUTANTS = (
    Mutant(
        "condor_templates/monitor_job.py",
        '"priority": job.priority',
        '"priority": job.max_starts',
        "tests/unit/condor_templates",
    ),
    Mutant(
        "dag_rewriter/language/dag_fields.py",
        'return action == b"SET", rest',
        'return action != b"SET", rest',
        "tests/unit/dag_rewriter",
    ),
    Mutant(
        "dag_rewriter/model/block.py",
        "if start == 0 and data.startswith(prefix)",
        "if start == 0 and not data.startswith(prefix)",
        "tests/unit/dag_rewriter tests/golden/rewriting",
    ),
    Mutant(
        "dag_rewriter/directory/submit_file.py",
        'self.number("+pegasus_job_class")',
        'self.number("+pegasus_cores")',
        "tests/golden/rewriting",
    ),
    Mutant(
        "dag_rewriter/categories/categories.py",
        "wanted is None and PLANNER_LIMITS.get(category) == stands",
        "wanted is None and PLANNER_LIMITS.get(category) != stands",
        "tests/golden/rewriting tests/unit/dag_rewriter",
    ),
    Mutant(
        "dag_rewriter/metrics/planner_format.py",
        "total = classes.total() + clustered",
        "total = classes.total()",
        "tests/golden/rewriting/test_metrics_corpus.py",
    ),
    Mutant(
        "dag_rewriter/rescue/rescue_dag.py",
        'f"# Nodes premarked DONE: {len(rescue.done)}"',
        'f"# Nodes premarked DONE: {len(rescue.failed)}"',
        "tests/golden/rewriting/test_rescue_corpus.py",
    ),
    Mutant(
        "dag_rewriter/rewriting/passes.py",
        "NodeKind.SERVICE, name, context.monitor_submit",
        "NodeKind.JOB, name, context.monitor_submit",
        "tests/unit/dag_rewriter tests/golden/rewriting",
    ),
    Mutant(
        "dag_rewriter/check/pass_two_nodes.py",
        "node.lower() == name.lower()",
        "node.lower() != name.lower()",
        "tests/unit/dag_rewriter/test_check.py",
    ),
    Mutant(
        "dag_rewriter/logs/jobstate_log.py",
        "(int(time), node, state, info, int(attempt), None)",
        "(int(time), node, state, info, int(attempt) + 1, None)",
        "dag_rewriter/logs tests/unit/dag_rewriter",
    ),
    Mutant(
        "monitord_job/logs/dagman_out.py",
        '"JOB_SUCCESS" if code == "0" else "JOB_FAILURE"',
        '"JOB_FAILURE" if code == "0" else "JOB_SUCCESS"',
        RUNS,
    ),
    Mutant(
        "monitord_job/logs/nodes_log.py",
        "len(lines) > 1 else None",
        "len(lines) > 9 else None",
        f"{RUNS} {OWN}",
    ),
    Mutant(
        "monitord_job/text/unprintable.py",
        "text if text.isascii() else text.translate(_UNMASK)",
        "text",
        "tests/unit/monitord_job",
    ),
    Mutant(
        "monitord_job/kickstart/clustered_tasks.py",
        "isinstance(record, ClusterLine) and not record.is_summary",
        "isinstance(record, ClusterLine)",
        RUNS,
    ),
    Mutant("monitord_job/stampede/wait_status.py", "return code << 8", "return code", RUNS),
    Mutant(
        "monitord_job/stampede/transitions.py",
        "retry if plan.post else None",
        "None if plan.post else retry",
        RUNS,
    ),
    Mutant(
        "monitord_job/database/writing/row_writer.py",
        "self._workflow_id(root) or wf_id",
        "wf_id",
        "tests/golden/recording/test_hierarchy.py",
    ),
    Mutant(
        "monitord_job/notifications/matching.py",
        'event = "start" if On.START in trigger.on',
        'event = "start" if On.START not in trigger.on',
        OWN,
    ),
    Mutant(
        "monitord_job/event_stream/netlogger.py",
        'if row.state == "WORKFLOW_STARTED"',
        'if row.state != "WORKFLOW_STARTED"',
        "tests/golden/recording/test_events.py tests/unit/monitord_job",
    ),
    Mutant(
        "monitord_job/diagnosis/diagnose.py",
        "if queued.status == JobStatus.HELD",
        "if queued.status != JobStatus.HELD",
        "tests/unit/monitord_job",
    ),
    Mutant(
        "monitord_job/recording/job_files.py",
        "number is None else (f",
        "number is None or number else (f",
        RUNS,
    ),
    Mutant(
        "monitord_job/outcome/ending.py",
        "if code or failed else",
        "if code and failed else",
        "tests/golden/recording tests/unit/monitord_job monitord_job/outcome",
    ),
    Mutant(
        "monitord_job/outcome/node_status.py",
        "return 100 * done // total if total else 100",
        "return 100 - 100 * done // total if total else 100",
        "tests/unit/monitord_job tests/golden/notifications",
    ),
    Mutant(
        "planner_ext/abstract/dax_xml.py",
        "if task.id in seen",
        "if task.id not in seen",
        "tests/unit/planner_ext",
    ),
    Mutant(
        "planner_ext/notify/hook_rules.py",
        "lambda rule: _ORDER[rule.condition.on]",
        "lambda rule: -_ORDER[rule.condition.on]",
        "tests/golden/notifications/test_notify_generate.py",
    ),
    Mutant(
        "planner_ext/shims/call_arguments.py",
        'letters.rfind("g") > letters.rfind("n")',
        'letters.rfind("g") < letters.rfind("n")',
        "tests/unit/planner_ext planner_ext/shims",
    ),
    Mutant("planner_ext/pool/environment.py", "1000 <= uid < 60000", "60000 <= uid", "planner_ext/pool"),
)


def is_caught(mutant: Mutant, place: Path) -> bool:
    """Whether a test fails; those pass without the mutant that run in `make test`."""
    file = place / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.before) != 1:
        raise SystemExit(f"{mutant.file}: {mutant.before!r} stands there {text.count(mutant.before)} times")
    file.write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "xdist", "-n", "2", *mutant.tests.split()]
    environment = os.environ | {"BRIDLE_CORPUS": "", "PYTHONPATH": str(place)}
    try:
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
    finally:
        file.write_text(text, encoding="utf-8")
    caught = re.search(r"\b\d+ (failed|error)", done.stdout) is not None
    if caught != (done.returncode != 0):  # xdist ends with 2 where -x stops it
        said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise SystemExit(f"{mutant.name}: pytest ended with {done.returncode}\n{said}")
    return caught


def main(names: list[str]) -> int:
    place = BUILD / "mutants"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    (place / "build").mkdir()
    missed = 0
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    for mutant in chosen:
        caught = is_caught(mutant, place)
        missed += not caught
        print(
            f"{'caught' if caught else 'MISSED'}  {mutant.name}: {mutant.before} -> {mutant.after}",
            flush=True,
        )
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    shutil.rmtree(place)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
