"""The parsers that a fuzz feeds, each with the errors that it documents and with what it is to begin from."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from condor_templates import monitor_policy, notification_policy, policy_file
from condor_templates.errors import PolicyError
from dag_rewriter.check.check_dag import check_dag
from dag_rewriter.directory import braindump, dagman_options, submit_file
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language import syntax
from dag_rewriter.logs import dagman_log, jobstate_log
from dag_rewriter.metrics import dag_metrics, metrics_files, planner_format
from dag_rewriter.model.dag import parse_dag
from dag_rewriter.model.splices import expand
from dag_rewriter.rescue import rescue_dag, run_history
from monitord_job import lock
from monitord_job.analysis.model.last_words import last_words
from monitord_job.database import url
from monitord_job.errors import DatabaseUrlError, NotifyError
from monitord_job.kickstart import clustered_tasks, job_output, monitoring_payload, xml_parser, yaml_parser
from monitord_job.logs import dagman_out, dagman_out_summary, nodes_log
from monitord_job.logs.dagman_out_state import DagmanOutState
from monitord_job.messages import targets
from monitord_job.notifications import delivery, rule_file
from monitord_job.notifications.rule import Dialect
from monitord_job.stampede import metrics_rows, static_rows
from planner_ext.abstract import dax_xml, workflow_yaml
from planner_ext.errors import WorkflowError
from planner_ext.notify import planned_jobs
from tests.fuzz.runs import run_with

TESTS = Path(__file__).resolve().parents[1]
SEEDS = Path(__file__).with_name("seeds")
_COSTS_OF_RUN = 5.0
_LONGEST_SEED = 6000
"""Bytes: what is longer of a real file says nothing new."""


@dataclass(frozen=True)
class Target:
    """A parser. `files` are real ones of tests/fixtures that it reads: (archive, pattern)."""

    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    costs: float = 0.0
    """seconds of CPU that it takes whatever it reads"""

    def seeds(self, name: str) -> list[bytes]:
        """What real files begin with, and what is kept of absurd ones."""
        kept = [path.read_bytes() for path in sorted(SEEDS.glob(f"{name}.*"))]
        return [b"", *kept, *(_beginning(*file) for file in self.files)]


@cache
def _beginning(archive: str, pattern: str) -> bytes:
    with tarfile.open(TESTS / "fixtures" / f"{archive}.tar.xz") as tar:
        members = (member for member in tar if member.isfile() and Path(member.name).match(pattern))
        found = min(members, key=lambda member: member.name)
        data = tar.extractfile(found)
        assert data is not None
        return data.read(_LONGEST_SEED)


def _dag(data: bytes) -> object:
    dag = parse_dag(data, "w.dag")
    return list(dag.nodes.values()), list(dag.edges), dag.splice_commands, dag.unknown


def _lines(data: bytes) -> object:
    lines = syntax.parse(data)
    assert b"".join(line.raw for line in lines) == data, "what nobody touched comes back as it stood"
    return lines


def _whole(data: bytes) -> object:
    whole = expand("w.dag", lambda path: data if path == "w.dag" else data[1:])
    return sum(1 for _ in whole.nodes()), sum(1 for _ in whole.edges())


def _checked(data: bytes) -> object:
    texts = {"w.dag": data, "w2.dag": data[1:]}
    files = SimpleNamespace(read=texts.get, exists=lambda _: True, identity=str)
    return check_dag("w.dag", files).findings


def _printed(data: bytes) -> object:
    half = len(data) // 2
    records = tuple(job_output.parse_windows([(0, data[:half]), (half, data[half:])]))
    text = data.decode("utf-8", "backslashreplace")
    return (
        records,
        clustered_tasks.task_runs(records),
        list(monitoring_payload.integrity_metrics(text)),
        monitoring_payload.without_payloads(text),
        last_words(1, text, text),
    )


def _record(data: bytes) -> object:
    text = data.decode("utf-8", "backslashreplace")
    return (
        yaml_parser.read_record(0, text),
        list(yaml_parser.read_multipart(0, text)),
        job_output.parse_output(data),
    )


def _list(data: bytes) -> object:
    return clustered_tasks.parse_list(data.decode("utf-8", "surrogateescape"))


def _dagman_out(data: bytes) -> object:
    state, events = dagman_out.parse_lines(DagmanOutState(), data.split(b"\n"))
    return state, events, dagman_out.finish(state)


def _end_of_dagman_out(data: bytes) -> object:
    said = dagman_out_summary
    return [
        look(data)
        for look in (
            said.last_word,
            said.node_counts,
            said.version_in,
            said.queue_update_interval,
            said.refusal_in,
        )
    ]


def _nodes_log(data: bytes) -> object:
    events = [nodes_log.parse(event) for event in data.split(b"...\n")]
    return events, list(nodes_log.leftover_events(data, {"7.0": "A", "22.0": "B"}, None))


def _dagman_log(data: bytes) -> object:
    return dagman_log.parse(data), dagman_log.queued(data), dagman_log.job_in(data, "7.0")


def _jobstate_log(data: bytes) -> object:
    lines = data.split(b"\n")
    events = [jobstate_log.parse(line) for line in lines]
    return events, jobstate_log.newest_run(lines), run_history.parse_history(data).nodes


def _static_bp(data: bytes) -> object:
    lines = data.split(b"\n")
    pieces = [piece for piece in (lines[:9], lines[9:]) if piece]
    rows = list(static_rows.static_rows(pieces, "w.static.bp", {}))
    return rows, planned_jobs.from_static_bp(data)


def _rules(dialect: Dialect) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        file = rule_file.parse(data, "w.notify", dialect)
        assert rule_file.render(file) == data, "a file comes back as it stood"
        return file

    return read


def _metrics(data: bytes) -> object:
    counted = planner_format.planner_metrics({}, {}, data, None)
    rows = [metrics_rows.metric_rows(source, "w.metrics", data) for source in metrics_rows.MetricSource]
    return rows, metrics_files.made_by_bridle(data), counted


def _policy(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    readers = (
        policy_file.parse_policy,
        monitor_policy.parse_monitor_policy,
        notification_policy.parse_notification_rules,
        notification_policy.parse_pegasus_email,
    )
    return [reader(text, "bridle-policy.toml") for reader in readers]


def _submit_file(data: bytes) -> object:
    found = submit_file.parse_submit_file(data)
    facts = submit_file.facts_of("n", data)
    priority = submit_file.class_and_priority(data)
    assert (found.job_class, found.priority) == priority, "the fast way says the same"
    return found, facts, priority, dagman_options.throttles(data), dagman_options.base_priority(data)


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


_RUN = "recorded/failing-condorio"
_PLAIN = "recorded/plain", "x.dag"
_PLANNED = "recorded/diamond-condorio", "braindump.yml"
_RUN_FILES = {
    "dag": (*_PLAIN, "x.dag"),
    "splice": (*_PLAIN, "inner.dag"),
    "submit-file": (*_PLAIN, "ok.sub"),
    "output": (*_PLAIN, "first.out"),
    "jobstate-log": (*_PLAIN, "x.bridle.jobstate.log"),
    "nodes-log": (*_PLAIN, "x.dag.nodes.log"),
    "dagman-log": (*_PLAIN, "x.dag.dagman.log"),
    "metrics": (*_PLAIN, "x.dag.metrics"),
    "static-bp": (*_PLANNED, "*.static.bp"),
    "record": (*_PLANNED, "analyze*.out.000"),
    "braindump": (*_PLANNED, "braindump.yml"),
    "properties": (*_PLANNED, "*.properties"),
    "planner-metrics": (*_PLANNED, "*-0.metrics"),
}
"""(archive, what of it is the run, the file that is damaged)"""


def _of_run(archive: str, run: str, pattern: str) -> Target:
    return Target(run_with(archive, pattern, run), (), ((archive, pattern),), costs=_COSTS_OF_RUN)


TARGETS: Mapping[str, Target] = {
    "dag": Target(_dag, (DagSyntaxError,), ((_RUN, "*.dag"), ("recorded/plain", "*.dag"))),
    "dag-lines": Target(_lines, (), ((_RUN, "*.dag"),)),
    "dag-whole": Target(_whole, (DagSyntaxError,), (("recorded/plain", "*.dag"),)),
    "dag-check": Target(_checked, (), ((_RUN, "*.dag"), ("recorded/plain", "*.dag"))),
    "rescue": Target(
        lambda data: rescue_dag.parse_rescue(data, "w"), (DagSyntaxError,), ((_RUN, "*.rescue001"),)
    ),
    "dagman-out": Target(_dagman_out, (), ((_RUN, "*.dagman.out"),)),
    "dagman-out-end": Target(_end_of_dagman_out, (), ((_RUN, "*.dagman.out"),)),
    "dagman-log": Target(_dagman_log, (), ((_RUN, "*.dagman.log"),)),
    "nodes-log": Target(_nodes_log, (), ((_RUN, "*-0.log"), (_RUN, "*.nodes.log"))),
    "jobstate-log": Target(_jobstate_log, (), ((_RUN, "*.bridle.jobstate.log"), (_RUN, "jobstate.log"))),
    "static-bp": Target(_static_bp, (), ((_RUN, "*.static.bp"),)),
    "output": Target(
        _printed,
        (),
        (("recorded/lclust", "merge_*.out.000"), ("recorded/diamond-condorio", "analyze*.out.000")),
    ),
    "record": Target(_record, (), (("recorded/diamond-condorio", "analyze*.out.000"),)),
    "record-xml": Target(lambda data: xml_parser.read_record(0, data)),
    "cluster-list": Target(_list, (), (("recorded/lclust", "merge_*.in"),)),
    "notify": Target(_rules(Dialect.PEGASUS), (), (("recorded/notify", "*.notify"),)),
    "bridle-notify": Target(_rules(Dialect.BRIDLE), (), (("recorded/notify", "*.notify"),)),
    "delivered": Target(lambda data: delivery.results_in(data.splitlines(keepends=True))),
    "dax": Target(lambda data: dax_xml.load(data, "w.dax"), (WorkflowError,)),
    "workflow": Target(
        lambda data: workflow_yaml.load(data, "w"), (WorkflowError,), ((_RUN, "workflow.yml"),)
    ),
    "catalog": Target(
        lambda data: workflow_yaml.load_hooks(data, "tc.yml"),
        (WorkflowError,),
        ((_RUN, "transformations.yml"),),
    ),
    "policy": Target(_policy, (PolicyError,)),
    "notify-toml": Target(
        _text(lambda text: targets.parse_config(text, "notify.toml")), (PolicyError, NotifyError)
    ),
    "properties": Target(
        _text(lambda text: policy_file.parse_properties(text, "p")), (PolicyError,), ((_RUN, "*.properties"),)
    ),
    "braindump": Target(
        _text(braindump.parse_braindump), (braindump.BraindumpError,), ((_RUN, "braindump.yml"),)
    ),
    "braindump-txt": Target(_text(braindump.parse_braindump_txt), (braindump.BraindumpError,)),
    "metrics": Target(_metrics, (), ((_RUN, "*-0.metrics"), (_RUN, "*.dag.metrics"), (_RUN, "*.static.bp"))),
    "bridle-metrics": Target(dag_metrics.parse_metrics, (dag_metrics.MetricsError,)),
    "submit-file": Target(_submit_file, (), ((_RUN, "analyze*.sub"), (_RUN, "*.dag.condor.sub"))),
    "url": Target(_text(lambda text: url.parse_url("--url", text, Path("/run"))), (DatabaseUrlError,)),
    "lock": Target(lock.parse_holder),
} | {f"run-{name}": _of_run(*file) for name, file in _RUN_FILES.items()}
