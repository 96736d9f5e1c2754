"""Runs in the environment of Pegasus's own tools: `create URL`, `ensemble URL UUID`, `catalogs write|read FOLDER`."""

import datetime as dt
import json
import sys
from pathlib import Path

from Pegasus import replica_catalog, site_catalog, transformation_catalog
from Pegasus.api import (
    OS,
    Arch,
    Container,
    Directory,
    FileServer,
    Operation,
    ReplicaCatalog,
    Site,
    SiteCatalog,
    Transformation,
    TransformationCatalog,
    TransformationSite,
)
from Pegasus.db import connection
from Pegasus.db.ensembles import Ensembles, EnsembleWorkflow
from Pegasus.service.ensembles.manager import WorkflowProcessor


def create(url: str) -> None:
    """All tables, as pegasus-db-admin makes them."""
    connection.connect(url, create=True, verbose=False, print_version=False)


def ensemble(url: str, uuid: str) -> None:
    """What the ensemble manager takes a workflow of that database for."""
    session = connection.connect(url, schema_check=True, print_version=False)
    dao = Ensembles(session)
    workflow = EnsembleWorkflow(dao.create_ensemble("me", "e", 1, 1).id, "w", "/", "/bin/true")
    workflow.wf_uuid, workflow.state = uuid, "RUNNING"
    workflow.updated = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - the manager's own are naive
    found = WorkflowProcessor(dao, workflow)
    told = {"pending": found.pending(), "running": found.running()}
    print(json.dumps(told if told["running"] else told | {"successful": found.running_successful()}))


def write(folder: Path) -> None:
    """Catalogs by Pegasus's own API."""
    keg = Transformation("keg", namespace="ns", version="1.0").add_env(LANG="C").add_metadata(size=3)
    container = Container("c", Container.DOCKER, "docker:///c", mounts=["/a:/b"])
    place = TransformationSite(
        "local", "/bin/keg", True, arch=Arch.X86_64, os_type=OS.LINUX, container=container
    )
    keg.add_sites(place.add_condor_profile(universe="vanilla"), TransformationSite("far", "/keg"))
    catalog = TransformationCatalog().add_transformations(keg).add_containers(container)
    catalog.write(str(folder / "transformations.yml"))
    replicas = ReplicaCatalog()
    replicas.add_replica(
        "local", "f a", "/data/f a", checksum={"sha256": "ab"}, metadata={"size": 3, "é": "1.0"}
    )
    replicas.add_replica("far", "f a", "http://x/f?a=b").add_regex_replica("local", r"x-(\d+)\.*", "/all/[1]")
    replicas.write(str(folder / "replicas.yml"))
    scratch = Directory(Directory.SHARED_SCRATCH, "/s").add_file_servers(
        FileServer("file:///s", Operation.ALL)
    )
    site = Site("local", arch=Arch.X86_64, os_type=OS.LINUX).add_directories(scratch).add_env(A="b")
    SiteCatalog().add_sites(site).write(str(folder / "sites.yml"))


def read(folder: Path) -> None:
    """What Pegasus's own API makes of catalogs, as JSON."""
    kinds = {
        "transformations": transformation_catalog,
        "replicas": replica_catalog,
        "sites": site_catalog,
    }
    found: dict[str, dict[str, object]] = {}
    for name, module in kinds.items():
        document = json.loads(
            module.dumps(module.loads((folder / f"{name}.yml").read_text()), _format="json")
        )
        for one in document.get("replicas", ()):
            one["pfns"].sort(key=lambda place: place["pfn"])
        found[name] = {key: value for key, value in document.items() if key not in ("x-pegasus", "pegasus")}
    print(json.dumps(found))


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "catalogs":
        folder = Path(words[1])
        write(folder) if words[0] == "write" else read(folder)
    elif what == "create":
        create(*words)
    else:
        ensemble(*words)
