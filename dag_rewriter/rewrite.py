"""Reads and rewrites the DAG of a submit directory, as `bridle rewrite` does."""

from condor_templates.monitor_policy import Universe
from condor_templates.policy import MonitorKind
from dag_rewriter.errors import DagSyntaxError, FileError, RewriterError, RunningError
from dag_rewriter.model.dag import Dag
from dag_rewriter.model.nodes import Node
from dag_rewriter.rewriting.rewrite import Options, read_dag, rewrite, undo
from dag_rewriter.rewriting.rewrite_report import Report

__all__ = [
    "Dag",
    "DagSyntaxError",
    "FileError",
    "MonitorKind",
    "Node",
    "Options",
    "Report",
    "RewriterError",
    "RunningError",
    "Universe",
    "read_dag",
    "rewrite",
    "undo",
]
