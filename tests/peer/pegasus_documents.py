"""Runs in the environment of Pegasus's own tools, not in ours: `write FILE`, `resave FILE OTHER`, `rules FILE UUID`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from Pegasus import workflow as pegasus_workflow
from Pegasus.api import (
    EventType,
    File,
    Job,
    ReplicaCatalog,
    SubWorkflow,
    Transformation,
    TransformationCatalog,
    Workflow,
)
from Pegasus.monitoring.notifications import Notifications


def write(path):
    """A workflow with hooks at all levels, by Pegasus's own API."""
    workflow = Workflow("diamond", infer_dependencies=True)
    for event in EventType:
        workflow.add_shell_hook(event, f"/bin/tell wf {event.value}")
    workflow.add_metadata(day=1, who="me: myself")
    keg = Transformation(
        "keg", namespace="ns", version="1.0", site="condorpool", pfn="/bin/keg", is_stageable=False
    )
    keg.add_shell_hook(EventType.ERROR, "/bin/tell 'a keg' \"é\"").add_env(LANG="C")
    workflow.add_transformation_catalog(TransformationCatalog().add_transformations(keg))
    replicas = (
        ReplicaCatalog()
        .add_replica("local", "f.a", "file:///in/f.a")
        .add_replica("web", "f.a", "http://x/f.a")
    )
    workflow.add_replica_catalog(replicas)
    job = Job(keg, _id="j.1", node_label="the first")
    job.add_args("-n", 1, 0.50, "-i", File("f.a"), "-o", File("f.b")).add_inputs("f.a")
    job.add_outputs(File("f.b", size=10), stage_out=False, register_replica=False).set_stdout("f.out")
    job.add_pegasus_profile(label="grp", runtime=10).add_metadata(m=1.5)
    job.add_shell_hook(EventType.END, "/bin/tell job | cat; echo $PEGASUS_STATUS")
    inner = SubWorkflow("inner.yml", _id="0000008").add_args("--sites", "condorpool").add_inputs("f.b")
    inner.add_shell_hook(EventType.ALL, "/bin/tell inner")
    hand = SubWorkflow("hand.dag", is_planned=True, _id="hand").add_shell_hook(
        EventType.START, "/bin/tell hand"
    )
    workflow.add_jobs(job, inner, hand)
    workflow.add_dependency(hand, parents=[inner])
    workflow.write(path)


def resave(path, other):
    """Reads a workflow as Pegasus does, and writes what it understood."""
    with Path(path).open() as source, Path(other).open("w") as target:
        pegasus_workflow.dump(pegasus_workflow.load(source), target)


def rules(path, uuid):
    """What pegasus-monitord makes of a .notify file."""
    reader = Notifications(str(Path(path).parent))
    count = reader.read_notification_file(path, uuid)
    print(json.dumps({"count": count, "rules": reader._notifications[uuid]}))


COMMANDS: dict[str, Callable[..., None]] = {"write": write, "resave": resave, "rules": rules}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
