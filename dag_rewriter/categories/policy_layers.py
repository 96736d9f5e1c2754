"""Where policy comes from: site, user, submit directory, Pegasus's properties. A later one wins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from condor_templates.monitor_policy import MonitorPolicy, monitor_policy, parse_monitor_policy
from condor_templates.notification_policy import parse_notification_rules, parse_pegasus_email
from condor_templates.policy import DEFAULT_CATEGORIES, CategoryPolicy, Limit, layered
from condor_templates.policy_file import PolicyError, parse_policy, parse_properties
from dag_rewriter import files
from dag_rewriter.categories.categories import SET_BY_COMMAND
from dag_rewriter.directory.policy_paths import policy_files
from dag_rewriter.directory.submit_dir import SubmitDir


def read_policy(submit_dir: SubmitDir) -> CategoryPolicy:
    """What holds for this directory. Raises PolicyError, or FileError for a file that cannot be read."""
    return layered([DEFAULT_CATEGORIES, *_layers(submit_dir)])


def read_monitor_policy(submit_dir: SubmitDir) -> MonitorPolicy:
    """How HTCondor shall treat the monitor of this directory. Raises PolicyError, or FileError."""
    texts = ((path, _text(path)) for path in policy_files(submit_dir))
    return monitor_policy(parse_monitor_policy(text, str(path)) for path, text in texts if text is not None)


def read_notification_rules(path: Path) -> tuple[str, ...]:
    """The notification rules in one policy file, as text. Raises PolicyError, or FileError."""
    return parse_notification_rules(_text(path) or "", str(path))


def read_pegasus_email(path: Path) -> bool | None:
    """Whether one policy file wants bridle-notify for Pegasus's e-mail script. Raises PolicyError, or FileError."""
    return parse_pegasus_email(_text(path) or "", str(path))


def _layers(submit_dir: SubmitDir) -> Iterator[CategoryPolicy]:
    for path in policy_files(submit_dir):
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
    data = files.read_if_there(path)
    try:
        return None if data is None else data.decode(encoding)
    except UnicodeDecodeError as error:
        line = (data or b"").count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}", "it is not UTF-8", "save the file as UTF-8") from None


def by_command(settings: dict[str, int | None]) -> dict[str, Limit]:
    """Limits from a command line."""
    return {name: Limit(number, SET_BY_COMMAND) for name, number in settings.items()}
