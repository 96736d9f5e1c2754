"""What `bridle check` knows, for those who are about to submit or to rewrite a DAG."""

from __future__ import annotations

from collections.abc import Iterable

from dag_rewriter.check.check_disk import Disk, below_findings, check_path
from dag_rewriter.check.configuration import configuration_findings
from dag_rewriter.check.quick_verdict import is_surely_good, sub_dags_of
from dag_rewriter.check.scope import Finding, Severity
from dag_rewriter.directory.locate import root_and_name
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import BadDagError
from dag_rewriter.model.dag import Dag
from dag_rewriter.model.splices import WholeDag
from dag_rewriter.rescue.rescue_dag import RescueFile


def refuse_bad(submit_dir: SubmitDir, dag: Dag, rescue: RescueFile | None, whole: WholeDag | None) -> None:
    """Raises BadDagError, which names the first error, for a DAG that DAGMan would refuse or that cannot succeed.

    `dag` is what was parsed of it, without our block, and whose submit files are there; `whole` the same with its
    splices, if they could be put in; `rescue` the rescue DAG that DAGMan would take. Reads the DAG once more only where
    that leaves a doubt.
    """
    path = submit_dir.dag_file
    root, _ = root_and_name(path)
    if whole is not None and is_surely_good(dag, whole, Disk(root).exists, rescue):
        _refuse([*configuration_findings(root, dag.config), *below_findings(path, root, sub_dags_of(dag))])
    else:
        _refuse(check_path(path, lambda _done, _total: None, dag.index.data, programs=False).findings)


def _refuse(findings: Iterable[Finding]) -> None:
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        first = errors[0]
        where = f"{first.file}:{first.line}" if first.line else first.file
        more = f" (and {len(errors) - 1} more errors, see `bridle check`)" if len(errors) > 1 else ""
        raise BadDagError(where, first.what + more, first.hint)
