"""How full the categories of a run's own DAG are, whenever it is asked: its DAG is read again when it has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.text import show_bytes
from dag_rewriter.model.dag import parse_dag
from monitord_job.watch.moment import CategoryNow

_LARGEST = files.Limit(50_000_000)
"""Bytes of a DAG whose categories are looked for: some 200,000 nodes."""


class Categories:
    """Of one DAG."""

    def __init__(self, submit_dir: SubmitDir) -> None:
        self._dir = submit_dir
        self._read: tuple[int, int] | None = None
        self._of: Mapping[str, str] = {}
        self._limits: Mapping[str, int] = {}

    def now(self, in_queue: Sequence[str]) -> tuple[CategoryNow, ...]:
        """Those with a limit, or jobs in the queue."""
        self._look()
        counts = Counter(self._of[name] for name in in_queue if name in self._of)
        names = sorted({*counts, *(name for name, limit in self._limits.items() if limit)})
        return tuple(CategoryNow(name, counts[name], self._limits.get(name) or None) for name in names)

    def _look(self) -> None:
        try:
            file_stat = self._dir.dag_file.stat()
            now = (file_stat.st_mtime_ns, file_stat.st_size)
            if now == self._read:
                return
            self._read = now
            dag = parse_dag(files.read(self._dir.dag_file, _LARGEST), self._dir.dag)
        except (RewriterError, OSError):
            return  # the run goes on with what DAGMan has read
        self._limits = dag.max_jobs
        self._of = {
            show_bytes(name): node.category for name, node in dag.nodes.items() if node.category is not None
        }
