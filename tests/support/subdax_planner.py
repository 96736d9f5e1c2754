"""Stands for pegasus-plan in the PRE script of a node that plans a sub-workflow: subdax_planner.py TEMPLATE PLACE.

TEMPLATE is a planned directory, PLACE what the planned ones are called after. As the planner (5.1.3, seen), it plans
into PLACE.000, names that PLACE by a link, and does not plan again where a rescue DAG is; after the second of these it
does, as with `--force-replan`, into PLACE.001. That one finds no shim: as the planner of
a system's package, it has HTCondor's programs beside itself.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

RESCUES = 2


def main(template: Path, place: Path, root: str) -> None:
    """Plan, or leave it to the rescue DAG."""
    if place.exists() and len(list(place.glob("*.rescue*"))) < RESCUES:
        return
    number = len(list(place.parent.glob(f"{place.name}.0*")))
    target = place.with_name(f"{place.name}.{number:03d}")
    uuid = re.findall(r'^wf_uuid: "(.*)"', (template / "braindump.yml").read_text(), re.MULTILINE)[0]
    shutil.copytree(template, target)
    texts = {
        f'root_wf_uuid: "{uuid}"': f'root_wf_uuid: "{root}"',
        f'root_wf_uuid = "{uuid}"': f'root_wf_uuid = "{root}"',
    }
    texts |= {uuid: str(uuid4()), str(template): str(target)}
    for file in [path for path in target.rglob("*") if path.is_file()]:
        content = file.read_bytes()
        for old, new in texts.items():
            content = content.replace(old.encode(), new.encode())
        file.write_bytes(content)
    link = place.with_name(f"{place.name}.new")
    link.symlink_to(target.name)
    link.replace(place)
    (dag,) = target.glob("*.dag")
    words = ["-append", "executable=/opt/pegasus/bin/pegasus-dagman", "-no_submit", "-MaxPost", "20"]
    command = ["condor_submit_dag", *words, "-append", "+pegasus_job_class=11", dag.name]
    found = {} if number == 0 else {"BRIDLE_HOOK": "off"}
    subprocess.run(command, cwd=target, env=os.environ | found, check=True)


if __name__ == "__main__":
    top = Path("braindump.yml").read_text()  # a PRE script runs in the directory of the workflow above
    main(Path(sys.argv[1]), Path(sys.argv[2]), re.findall(r'^root_wf_uuid: "(.*)"', top, re.MULTILINE)[0])
