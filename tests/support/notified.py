"""Rules and hooks for tests, and what came of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.database import query

_HOOK = """\
#!/bin/sh
# One line for each time it is run: appended in one piece, so that several may do it at once.
printf '%s %s %s %s\\n' "$BRIDLE_NOTIFICATION_KEY" "$PEGASUS_EVENT" "$PEGASUS_JOBID" "$*" >>'{log}'
"""
COLUMNS = [
    "key",
    "state",
    "tries",
    "code",
    "seconds",
    "cause",
    "stdout",
    "stderr",
    "rule",
    "entity",
    "occasion",
    "argv",
    "environment",
]


class Hook:
    """A script that writes down each time it is run."""

    def __init__(self, folder: Path, body: str = "") -> None:
        self.log = folder / "hook.log"
        self.path = folder / "hook.sh"
        self.path.write_text(_HOOK.format(log=self.log) + body)
        self.path.chmod(0o755)

    def runs(self) -> list[list[str]]:
        """Key, event, job and arguments of each run."""
        return [line.split(" ", 3) for line in self.log.read_text().splitlines()] if self.log.exists() else []


_WITNESS = """\
#!/bin/sh
# All that it was given, as a file of its own that is there whole or not at all.
new=$(mktemp '{folder}/.XXXXXXXX')
{{ env -0; printf 'ARGUMENTS=%s\\0' "$*"; }} >"$new"
mv "$new" '{folder}/run'"${{new##*/}}"
echo "told of $PEGASUS_EVENT"
echo "and complained" >&2
"""


class Witness:
    """A script that writes down its environment each time it is run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "witnessed"
        self._folder.mkdir()
        self.path = folder / "witness.sh"
        self.path.write_text(_WITNESS.format(folder=self._folder))
        self.path.chmod(0o755)

    def seen(self) -> list[dict[str, str]]:
        """The environment of each run so far, and its ARGUMENTS; forgets them."""
        found = []
        for file in self._folder.glob("run*"):
            pairs = file.read_text().rstrip("\0").split("\0")
            found.append(dict(pair.split("=", 1) for pair in pairs))
            file.unlink()
        return found


def kept(database: Path) -> list[dict[str, Any]]:
    """The outbox, in the order in which things became due."""
    rows = query(database, f"SELECT {', '.join(COLUMNS)} FROM bridle_notification ORDER BY number")
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    for row in found:
        row["argv"] = json.loads(row["argv"])
        row["environment"] = json.loads(row["environment"])
    return found
