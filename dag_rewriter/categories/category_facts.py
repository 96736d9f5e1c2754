"""What category rules must know of a DAG's submit files: read once more only where a job's class does not decide."""

from __future__ import annotations

from dataclasses import replace

from condor_templates.policy import CategoryPolicy, JobFacts
from dag_rewriter import files
from dag_rewriter.categories.categories import CategoryRequest, undecided
from dag_rewriter.directory.job_facts import facts_of
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_files import SubmitFiles
from dag_rewriter.model.dag import Dag


def category_request(
    submit_dir: SubmitDir, dag: Dag, found: SubmitFiles, policy: CategoryPolicy
) -> CategoryRequest:
    """All that the categories of the DAG depend on."""
    request = CategoryRequest(policy, found.job_classes)
    asked = undecided(dag, request)
    if not asked:
        return request
    nodes: dict[str, list[str]] = {}
    for node, path, _ in dag.submit_files():
        if node in asked:
            nodes.setdefault(path, []).append(node)
    facts: dict[str, JobFacts] = {}
    for path, data in files.read_many(submit_dir.path, nodes):
        if data is not None:
            # The rules ask for the name by itself: nodes that share a file share its facts.
            shared = facts_of("", data)
            facts.update({node: replace(shared, node=node) for node in nodes[path]})
    for node, text in dag.inline_descriptions():
        if node in asked:
            facts[node] = facts_of(node, text)
    return replace(request, facts=facts)
