"""The uuid that a workflow is kept under: one of a DAG that nobody planned stands in a file beside it, and a
sub-workflow has that of its place in the run above, in whose database it is.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from getpass import getuser
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from dag_rewriter import files
from dag_rewriter.directory.braindump import parse_braindump
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.rescue.workflow_above import Above, nodes_above, planned_root

_DEEPEST = 16
"""Directories that name each other as a part have no top."""


def in_its_run(submit_dir: SubmitDir, depth: int = 0) -> SubmitDir:
    """The same with its uuid, and with the run that it is a sub-workflow of, if it is one. Raises as `identified`."""
    root = planned_root(submit_dir)
    if root is not None and depth < _DEEPEST:
        return replace(submit_dir, top=in_its_run(root, depth + 1).run)
    chain = nodes_above(submit_dir)
    if not chain or depth >= _DEEPEST:
        return identified(submit_dir)
    root = in_its_run(chain[0].submit_dir, depth + 1)
    try:
        below = _opened_below(root, chain)
    except RewriterError:
        return identified(submit_dir)  # whoever follows the run above cannot read it either
    named = {"wf_uuid": below.wf_uuid, "root_wf_uuid": below.root_wf_uuid}
    return replace(
        submit_dir, braindump={"dax_label": submit_dir.base, **submit_dir.braindump, **named}, top=root.run
    )


def _opened_below(root: SubmitDir, chain: Sequence[Above]) -> SubmitDir:
    """The last workflow of the chain, named as who follows the run names it."""
    from monitord_job.recording.subworkflows import SubWorkflow, open_sub_directory  # few need them

    current = root
    for above in chain:
        place = os.path.relpath(above.dag_file.parent, current.path)
        current = open_sub_directory(current, SubWorkflow(above.node, 0, place, above.dag_file.name))
    return current


def identified(submit_dir: SubmitDir) -> SubmitDir:
    """The same with a wf_uuid. For a DAG without Pegasus one is made the first time, and a copy of the directory keeps
    it. Raises FileError if it cannot be written.
    """
    if submit_dir.is_planned or submit_dir.wf_uuid is not None:
        return submit_dir
    if other_owner(submit_dir.path) is not None:
        # Nothing is written there; the same directory has the same name at the next look.
        return replace(
            submit_dir, braindump=_made_up(submit_dir, uuid5(NAMESPACE_URL, str(submit_dir.dag_file)))
        )
    path = submit_dir.own_braindump
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in _made_up(submit_dir, uuid4()).items())
    # Two that begin at the same time: the first one's is there, whole, and both read it.
    files.create(path, text.encode())
    return replace(submit_dir, braindump=parse_braindump(files.read(path, files.SMALL).decode()))


def _made_up(submit_dir: SubmitDir, made: UUID) -> Mapping[str, str]:
    wf_uuid = str(made)
    return {
        "wf_uuid": wf_uuid,
        "root_wf_uuid": wf_uuid,
        "dax_label": submit_dir.base,
        "submit_dir": os.fspath(submit_dir.path),
        "submit_hostname": socket.gethostname(),
        "user": getuser(),
        "timestamp": datetime.now(UTC).strftime("%Y%m%dT%H%M%S%z"),
    }
