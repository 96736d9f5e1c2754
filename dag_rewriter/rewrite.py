"""Reading and rewriting a planned DAG: the library's door to `dag_rewriter.rewriting`."""

from dag_rewriter.rewriting.rewrite import read_dag, rewrite

__all__ = ["read_dag", "rewrite"]
