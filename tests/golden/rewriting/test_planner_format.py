"""The planner of test data against Pegasus 5.1.2: the same workflow, planned again, gives the same files.

What may differ: the order in which Java's hash tables give things, paths of the planner's own machine, times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from planner import AbstractWorkflow, Options, parse
from planner.concrete import Concrete
from planner.dag_file import dag_submit_text, dag_text
from planner.input_files import input_text
from planner.options import Place
from planner.refine import refine
from planner.side_files import (
    braindump_text,
    cache_text,
    metadata_text,
    metrics_text,
    notify_text,
    properties_text,
)
from planner.static_bp import static_text
from planner.submit_files import submit_text

pytestmark = pytest.mark.corpus  # the planner of test data has made the fixtures


class Both(NamedTuple):
    """A real submit directory, and what our planner makes of the same workflow."""

    real: Path
    base: str
    workflow: AbstractWorkflow
    plan: Concrete
    place: Place

    def text(self, suffix: str) -> str:
        """The text of the real BASE<suffix>."""
        return (self.real / f"{self.base}{suffix}").read_text(encoding="utf-8")


def planned_again(root: Path, cluster: str) -> Both:
    """Plan the workflow of a corpus directory with the real planner's own parameters; nothing is written."""
    root = next(root.rglob("plan.sh")).parent
    braindump_path = next(root.rglob("braindump.yml"))
    dump = yaml.safe_load(braindump_path.read_text(encoding="utf-8"))
    home = Path(dump["basedir"]).parent
    transformations = yaml.safe_load((root / "transformations.yml").read_text())["transformations"]
    replicas = yaml.safe_load((root / "replicas.yml").read_text())["replicas"]
    options = Options(
        Path(dump["basedir"]),
        home=Path("/opt/pegasus"),
        scratch=home / "scratch-condorpool",
        outputs=home / "outputs",
        transformations={entry["name"]: entry["sites"][0]["pfn"] for entry in transformations},
        replicas={entry["lfn"]: entry["pfns"][0]["pfn"] for entry in replicas},
        cluster=cluster,
        user=dump["user"],
        uuid=dump["wf_uuid"],
        time=datetime.strptime(dump["timestamp"], "%Y%m%dT%H%M%S%z"),
        workflow_file=Path(dump["dax"]),
    )
    workflow = parse((root / "workflow.yml").read_text(encoding="utf-8"))
    return Both(
        braindump_path.parent,
        dump["pegasus_wf_name"],
        workflow,
        refine(workflow, options),
        Place(options, workflow.name, dump["rundir"]),
    )


@pytest.fixture(
    params=[("recorded/diamond-sharedfs", ""), ("recorded/lclust", "label")], ids=["diamond", "lclust"]
)
def both(request: pytest.FixtureRequest, corpus: Callable[[str], Path]) -> Both:
    """A workflow on a shared file system, without and with clustered jobs."""
    name, cluster = request.param
    return planned_again(corpus(name), cluster)


def unordered(text: str) -> list[str]:
    """Lines in a fixed order, and their words too; machine and moment taken out."""
    text = re.sub(r"pegasus\.\d+\.properties", "pegasus.N.properties", text)
    text = re.sub(r" (PATH|HOME|PYTHONPATH)=\S+", "", text)
    text = re.sub(r"-T \S+", "-T TIME", text)
    return sorted(" ".join(sorted(line.split(" "))) for line in text.splitlines())


def test_the_dag_is_the_same(both: Both) -> None:
    ours, real = dag_text(both.plan, both.place), both.text(".dag")
    assert sorted(ours.splitlines()) == sorted(real.splitlines())
    assert sorted(ours.split("\n\n")[1:-1]) == sorted(real.split("\n\n")[1:-1])
    assert ours.split("\n\n")[0] == real.split("\n\n")[0]
    assert ours.endswith(real[real.index("####", real.index("PARENT")) :])


def test_the_submit_files_are_the_same(both: Both) -> None:
    for job in both.plan.jobs.values():
        real = (both.real / job.folder / f"{job.name}.sub").read_text(encoding="utf-8")
        ours = submit_text(job, both.place)
        assert [_key(line) for line in ours.splitlines()] == [_key(line) for line in real.splitlines()]
        assert unordered(ours) == unordered(real)
    assert {path.stem for path in both.real.rglob("*.sub")} - {
        f"{both.base}.dag.condor"
    } == both.plan.jobs.keys()


def _key(line: str) -> str:
    return line.partition("=")[0]


def test_the_lists_of_transfers_and_tasks_are_the_same(both: Both) -> None:
    assert [*both.real.rglob("*.in")]
    for job in both.plan.jobs.values():
        path = both.real / job.folder / f"{job.name}.in"
        text = input_text(job, both.place)
        assert path.exists() == (text is not None)
        if text is not None:
            real = path.read_text(encoding="utf-8")
            if job.clustered:
                assert _tasks(text) == _tasks(real)
            else:
                assert _items(yaml.safe_load(text)) == _items(yaml.safe_load(real))
                assert len(text) == len(real)


def _tasks(text: str) -> list[str]:
    """Tasks whatever their order and so their number; only the first has no -H."""
    assert text.count(" -H ") == text.count("#@") - 1
    return sorted(re.sub(r"#@ \d+|-T \S+|-H ", "", line) for line in text.splitlines())


def _items(items: Any) -> list[str]:
    return sorted(repr({**item, "id": 0}) for item in items) if isinstance(items, list) else [items]


def test_the_static_events_are_the_same(both: Both) -> None:
    def events(text: str) -> list[str]:
        return unordered(re.sub(r"(?m)^ts=\S+ ", "", text))

    ours, real = static_text(both.workflow, both.plan, both.place), both.text(".static.bp")
    assert events(ours) == events(real)
    assert _kinds(ours) == _kinds(real)
    assert re.match(r"ts=1970-01-01T00:\d\d:\d\d\.\d{6}Z event=task\.info ", ours)


def _kinds(text: str) -> list[str]:
    """The kinds of events in the order of their first lines."""
    return list(dict.fromkeys(re.findall(r"(?m)^ts=\S+ event=(\S+) ", text)))


def test_the_braindump_is_the_same(both: Both) -> None:
    real = (both.real / "braindump.yml").read_text(encoding="utf-8").splitlines()
    ours = braindump_text(both.place).splitlines()
    own = ("planner_arguments", "properties")
    assert [line for line in ours if not line.startswith(own)] == [
        line for line in real if not line.startswith(own)
    ]
    assert list(map(_yaml_key, ours)) == list(map(_yaml_key, real))
    assert not braindump_text(both.place).endswith("\n")


def _yaml_key(line: str) -> str:
    return line.partition(":")[0]


def test_caches_metadata_metrics_and_properties_are_the_same(both: Both) -> None:
    assert unordered(cache_text(both.plan, both.place)) == unordered(both.text(".cache"))
    assert yaml.safe_load(metadata_text(both.workflow, both.plan, both.place)) == yaml.safe_load(
        both.text(".metadata")
    )
    times = r'(?m)^  "(?:start_time|end_time|duration|planner_args)":.*'
    metrics = metrics_text(both.workflow, both.plan, both.place)
    assert re.sub(times, "", metrics) == re.sub(times, "", both.text(".metrics"))
    assert re.search(r'"start_time": 1\.\d+E9,', metrics)
    real = next(both.real.glob("pegasus.*.properties")).read_text(encoding="utf-8").splitlines()
    assert {_key(line) for line in real} - {"env.HOME"} - set(real[:3]) == {
        _key(line) for line in properties_text(both.place).splitlines()[3:]
    }


def test_the_dagman_job_has_the_same_words(both: Both) -> None:
    ours, real = dag_submit_text(both.place).splitlines(), both.text(".dag.condor.sub").splitlines()
    assert [_key(line) for line in ours] == [_key(line) for line in real]
    different = {_key(a).strip() for a, b in zip(ours, real, strict=True) if a != b}
    assert different == {
        "arguments",
        "environment",
    }  # the version and the paths of the real machine's HTCondor


@pytest.mark.parametrize("name", ["recorded/notify", "planned/notify-clustered"])
def test_the_notification_rules_are_the_same(name: str, corpus: Callable[[str], Path]) -> None:
    both = planned_again(corpus(name), "label" if "clustered" in name else "")

    def rules(text: str) -> list[str]:
        return sorted(re.sub(r"(?m)^(INVOCATION \S+) \d+", r"\1 N", text).split("\n"))

    ours, real = notify_text(both.workflow, both.plan, both.place), both.text(".notify")
    assert rules(ours) == rules(real)
    if "clustered" not in name:
        assert sorted(ours.split("\n\n")) == sorted(real.split("\n\n"))
