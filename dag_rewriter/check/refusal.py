"""What `bridle check` knows, for those who are about to submit or to rewrite a DAG."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter.check.check_disk import check_path
from dag_rewriter.check.scope import Severity
from dag_rewriter.errors import BadDagError


def refuse_bad(dag: Path) -> None:
    """Raises BadDagError, which names the first error, for a DAG that DAGMan would refuse or that cannot succeed."""
    findings = check_path(dag, lambda _done, _total: None).findings
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        first = errors[0]
        where = f"{first.file}:{first.line}" if first.line else first.file
        more = f" (and {len(errors) - 1} more errors, see `bridle check`)" if len(errors) > 1 else ""
        raise BadDagError(where, first.what + more, f"{first.hint}; --force goes on all the same")
