"""How full the categories of a run's own DAG are, whenever it is asked: its DAG is read again when it has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dag_rewriter.categories.node_categories import NodeCategories, node_categories
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from monitord_job.watch.moment import CategoryNow

_LARGEST = 50_000_000
"""Bytes of a DAG whose categories are looked for: some 200,000 nodes."""


class Categories:
    """Of one DAG."""

    def __init__(self, submit_dir: SubmitDir) -> None:
        self._dir = submit_dir
        self._read: tuple[int, int] | None = None
        self._found = NodeCategories()

    def now(self, in_queue: Sequence[str]) -> tuple[CategoryNow, ...]:
        """Those with a limit, or jobs in the queue."""
        self._look()
        of, limits = self._found.of, self._found.limits
        counts = Counter(of[name] for name in in_queue if name in of)
        return tuple(CategoryNow(name, counts[name], limits.get(name)) for name in sorted({*counts, *limits}))

    def _look(self) -> None:
        try:
            file_stat = self._dir.dag_file.stat()
            now = (file_stat.st_mtime_ns, file_stat.st_size)
            if now == self._read:
                return
            self._read = now
            if file_stat.st_size <= _LARGEST:
                self._found = node_categories(self._dir)
        except (RewriterError, OSError):
            return  # the run goes on with what DAGMan has read
