"""What a rewrite did, or would do: values, text, JSON."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dag_rewriter.directory.submit_dir import SubmitDir, jobstate_log_of
from dag_rewriter.language.commands import Category, MaxJobs, NodeCommand
from dag_rewriter.language.text import text_of
from dag_rewriter.model.dag import Dag
from dag_rewriter.rewriting.passes import Change

_HUNK = re.compile(r"@@ -([0-9]+)((?:,[0-9]+)?) \+([0-9]+)((?:,[0-9]+)?) @@")
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Report:
    """Of a rewrite or an undo."""

    path: Path
    dag: str
    nodes: int = 0
    monitor: str | None = None
    jobstate_log: str | None = None
    included_config: str | None = None
    categories: Mapping[str, int] = field(default_factory=dict)
    """category -> how many nodes bridle put into it"""
    limits: Mapping[str, int] = field(default_factory=dict)
    """category -> the MAXJOBS that bridle added"""
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    """files with rules that may come from a job"""
    dry_run: bool = False
    contents: tuple[tuple[str, bytes, bytes], ...] = field(default=(), repr=False)
    """(name, old, new) of each file that is written, copies of the planner's files left out"""

    @property
    def changed(self) -> bool:
        """Whether any file is (or would be) touched."""
        return bool(self.written or self.removed)

    def with_work(
        self,
        writes: Iterable[tuple[Path, bytes | None, bytes]],
        removes: Iterable[Path],
        notes: tuple[str, ...],
        dry_run: bool,
    ) -> Report:
        """The same report with what became of the files."""
        writes = list(writes)
        return replace(
            self,
            written=tuple(path.name for path, _, _ in writes),
            removed=tuple(path.name for path in removes),
            notes=notes,
            dry_run=dry_run,
            contents=tuple(
                (path.name, old or b"", new) for path, old, new in writes if ".planned" not in path.suffixes
            ),
        )

    def diff(self) -> str:
        """What is written, as a unified diff."""
        return "".join(unified(name, old, new) for name, old, new in self.contents)

    def lines(self) -> Iterator[str]:
        """For people."""
        would = "would " if self.dry_run else ""
        for name in self.written:
            yield f"{would}write {name}" if would else f"wrote {name}"
        for name in self.removed:
            yield f"{would}remove {name}" if would else f"removed {name}"
        if not self.changed:
            yield f"{self.dag}: nothing to do"
        yield from self.notes
        yield from self.unconfirmed
        if self.monitor is not None:
            yield f"monitor: node {self.monitor}, following {self.jobstate_log}"
        if self.included_config is not None:
            yield f"DAGMan configuration: {self.included_config} is included"
        for category in sorted({*self.categories, *self.limits}):
            limit = f", limit {self.limits[category]}" if category in self.limits else ""
            yield f"category {category}: {self.categories.get(category, 0)} nodes added{limit}"

    def as_json(self) -> dict[str, Any]:
        """For --json: every key is always there."""
        return {
            "submit_dir": str(self.path),
            "dag": self.dag,
            "changed": self.changed,
            "dry_run": self.dry_run,
            "nodes": self.nodes,
            "monitor": self.monitor,
            "jobstate_log": self.jobstate_log,
            "included_config": self.included_config,
            "categories": dict(self.categories),
            "limits": dict(self.limits),
            "written": list(self.written),
            "removed": list(self.removed),
            "notes": [*self.notes, *self.unconfirmed],
        }


def describe(submit_dir: SubmitDir, dag: Dag, changes: Mapping[str, Change]) -> Report:
    """What the changes come to."""
    added = [command for change in changes.values() for command in change.added]
    categories: dict[str, int] = {}
    for command in added:
        if isinstance(command, Category):
            categories[command.category] = categories.get(command.category, 0) + 1
    return Report(
        path=submit_dir.path,
        dag=submit_dir.dag,
        nodes=len(dag.nodes),
        monitor=next((c.name for c in added if isinstance(c, NodeCommand)), None),
        jobstate_log=jobstate_log_of(submit_dir, dag).name,
        included_config=dag.config if changes["configuration"].disabled else None,
        categories=categories,
        limits={c.category: c.limit for c in added if isinstance(c, MaxJobs)},
    )


def unified(name: str, old: bytes, new: bytes) -> str:
    """A unified diff; what both begin with is skipped first, because difflib is slow on a million lines."""
    before, after = _cut(old), _cut(new)
    same = next((n for n, (a, b) in enumerate(zip(before, after)) if a != b), min(len(before), len(after)))  # noqa: B905
    skip = max(0, same - _CONTEXT)
    lines = list(difflib.unified_diff(before[skip:], after[skip:], name, name, n=_CONTEXT))
    shifted = (_shift(line, skip) if line.startswith("@@") else line for line in lines)
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in shifted
    )


def _cut(data: bytes) -> Sequence[str]:
    return re.findall("[^\n]*\n|[^\n]+", text_of(data))


def _shift(header: str, by: int) -> str:
    return _HUNK.sub(lambda m: f"@@ -{int(m[1]) + by}{m[2]} +{int(m[3]) + by}{m[4]} @@", header)
