"""A name for a workflow that nobody planned: a uuid that its database is kept under, in a file beside its DAG."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from getpass import getuser
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from dag_rewriter import files
from dag_rewriter.directory.braindump import parse_braindump
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir


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
