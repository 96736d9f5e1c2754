"""Where policy comes from: site, user, submit directory, Pegasus's properties. A later one wins. And what its
rules must know of submit files: read once more only where a job's class does not decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from condor_templates.errors import PolicyError
from condor_templates.monitor_policy import MonitorPolicy, monitor_policy, parse_monitor_policy
from condor_templates.notification_policy import parse_notification_rules, parse_pegasus_email
from condor_templates.policy import DEFAULT_CATEGORIES, CategoryPolicy, JobFacts, layered
from condor_templates.policy_file import parse_policy, parse_properties
from dag_rewriter import files
from dag_rewriter.categories.categories import CategoryRequest
from dag_rewriter.directory.policy_paths import SITE_VARIABLE, policy_files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import facts_of
from dag_rewriter.directory.submit_files import SubmitFiles
from dag_rewriter.directory.trusted_files import read_trusted_beside
from dag_rewriter.language.text import text_of
from dag_rewriter.model.dag import Dag


def read_policy(submit_dir: SubmitDir) -> CategoryPolicy:
    """What holds for this directory. Raises PolicyError, or FileError for a file that cannot be read."""
    return layered([DEFAULT_CATEGORIES, *_layers(submit_dir)])


def read_monitor_policy(submit_dir: SubmitDir) -> MonitorPolicy:
    """How HTCondor shall treat the monitor of this directory. Raises PolicyError, or FileError."""
    texts = ((path, _text(path)) for path in _policy_files(submit_dir))
    return monitor_policy(parse_monitor_policy(text, str(path)) for path, text in texts if text is not None)


def parse_policy_rules(path: Path, data: bytes) -> tuple[str, ...]:
    """The notification rules in one policy file that has this content, as text. Raises PolicyError."""
    return parse_notification_rules(_decoded(path, data), str(path))


def read_pegasus_email(path: Path) -> bool | None:
    """Whether one policy file wants bridle-notify for Pegasus's e-mail script. Raises PolicyError, or FileError."""
    return parse_pegasus_email(_text(path) or "", str(path))


def _policy_files(submit_dir: SubmitDir) -> tuple[Path, ...]:
    """The files that are asked. PolicyError if the one that the environment names is not there: it is mistyped."""
    site, *others = policy_files(submit_dir)
    if os.environ.get(SITE_VARIABLE) and files.mode_of(site) is None:
        raise PolicyError(
            str(site), f"{SITE_VARIABLE} names it, and it is not there", "mend the name, or unset it"
        )
    return site, *others


def _layers(submit_dir: SubmitDir) -> Iterator[CategoryPolicy]:
    for path in _policy_files(submit_dir):
        text = _text(path)
        if text is not None:
            yield parse_policy(text, str(path))
    name = submit_dir.braindump.get("properties")
    if name:
        # In this directory, wherever it was when it was planned.
        path = submit_dir.path / Path(name).name
        text = _text(path, "latin-1")  # Java's: other characters are \u escapes
        if text is not None:
            yield parse_properties(text, path.name)


def _text(path: Path, encoding: str = "utf-8") -> str | None:
    data = read_trusted_beside(path, files.SMALL)
    return None if data is None else _decoded(path, data, encoding)


def _decoded(path: Path, data: bytes, encoding: str = "utf-8") -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}", "it is not UTF-8", "save the file as UTF-8") from None


def category_request(
    submit_dir: SubmitDir, dag: Dag, submit_files: SubmitFiles, policy: CategoryPolicy
) -> CategoryRequest:
    """All that the categories of the DAG depend on."""
    of_class = cache(partial(JobFacts, ""))
    decided = cache(policy.decided_by_class)
    classes = submit_files.job_classes
    uncategorised = dag.uncategorised(submit_files.telling)
    paths = [text_of(path) for path in uncategorised.files]
    by_path = {path: of_class(classes.get(path)) for path in paths}
    unclear = [path for path in paths if not decided(classes.get(path))]
    for path, data in files.read_many(submit_dir.start, unclear):
        if data is not None:
            by_path[path] = facts_of("", data)
    by_description = {text: facts_of("", text) for text in uncategorised.descriptions}
    return CategoryRequest(policy, by_path, by_description, uncategorised)
