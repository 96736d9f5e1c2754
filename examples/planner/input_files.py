"""JOB.in: what a job reads from its stdin: lists of transfers (JSON), of tasks, of replicas."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .concrete import Job, Kind
from .options import Place
from .submit_files import kickstart_arguments


def input_text(job: Job, place: Place) -> str | None:
    """The text of JOB.in, None for a job without one."""
    if job.clustered:
        return "".join(_task_list(job, place))
    writer = {
        Kind.STAGE_IN: _stage_in_list,
        Kind.STAGE_OUT: _stage_out_list,
        Kind.REGISTER: _registration_list,
        Kind.CREATE_DIR: _directory_list,
        Kind.CLEANUP: _remove_list,
        Kind.REMOVE_DIR: _directory_list,
    }.get(job.kind)
    return writer(job, place) if writer else None


def _task_list(job: Job, place: Place) -> Iterator[str]:
    for number, task in enumerate(job.tasks, start=1):
        yield f"#@ {number} {task.transformation} {task.id} \n"
        arguments = kickstart_arguments(task, place, first=number == 1)
        yield f"{place.options.bindir}/pegasus-kickstart {arguments}\n"


def _in_scratch(place: Place, lfn: str) -> str:
    return f"file://{place.scratch_dir}/./{lfn}"


def output_url(place: Place, lfn: str) -> str:
    """Where a kept output ends up."""
    return f"file://{place.options.outputs}/{lfn}"


def _stage_in_list(job: Job, place: Place) -> str:
    entries = (
        f' {{ "type": "transfer",\n   "linkage": "input",\n   "lfn": {_json(use.lfn)},\n   "id": {number},\n'
        f'   "generate_checksum": true,\n   "src_urls": [\n'
        f'     {{ "site_label": "local", "url": {_json(place.options.replicas[use.lfn])}, "priority": 10 }}\n'
        f"   ],\n"
        f'   "dest_urls": [\n     {{ "site_label": {_json(place.options.site)}, '
        f'"url": {_json(_in_scratch(place, use.lfn))} }}\n   ] }}\n'
        for number, use in enumerate(job.files, start=1)
    )
    return "[\n" + " ,\n".join(entries) + "]\n"


def _stage_out_list(job: Job, place: Place) -> str:
    entries = (
        f' {{ "type": "transfer",\n   "linkage": "output",\n   "lfn": {_json(use.lfn)},\n   "id": {number},\n'
        f'   "src_urls": [\n     {{ "site_label": {_json(place.options.site)}, '
        f'"url": {_json(_in_scratch(place, use.lfn))} }}\n   ],\n   "dest_urls": [\n'
        f'     {{ "site_label": "local", "url": {_json(output_url(place, use.lfn))} }}\n   ] }}\n'
        for number, use in enumerate(job.files, start=1)
    )
    return "[\n" + " ,\n".join(entries) + "]\n"


def _registration_list(job: Job, place: Place) -> str:
    return "".join(
        f'{quote(use.lfn)} {quote(output_url(place, use.lfn))} site="local"\n' for use in job.files
    )


def _directory_list(job: Job, place: Place) -> str:
    target = f'"site_label": {_json(place.options.site)}, "url": {_json("file://" + place.scratch_dir)}'
    if job.kind is Kind.CREATE_DIR:
        return f'[\n  {{\n    "id": 1,\n    "type": "mkdir",\n    "target": {{ {target} }} }}\n]\n'
    target += ', "recursive": "True"'
    return f'[\n  {{\n    "id": 1,\n    "type": "remove",\n    "target": {{ {target} }} }}\n]\n'


def _remove_list(job: Job, place: Place) -> str:
    entries = (
        f'  {{\n    "id": {number},\n    "type": "remove",\n'
        f'    "target": {{ "site_label": {_json(place.options.site)}, '
        f'"url": {_json(_in_scratch(place, use.lfn))}, "recursive": "False" }} }}\n'
        for number, use in enumerate(job.files, start=1)
    )
    return "[\n" + "  ,\n".join(entries) + "]\n"


def quote(word: str) -> str:
    """A word of a replica line, in quotes if it has a blank.

    >>> quote("f.a"), quote("a b")
    ('f.a', '"a b"')
    """
    return f'"{word}"' if " " in word else word


def _json(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)
