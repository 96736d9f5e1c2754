"""Opens a submit directory: what pegasus-plan wrote, or the directory of a DAG that nobody planned."""

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir, open_dag, open_submit_dir
from dag_rewriter.errors import SubmitDirError

__all__ = ["SubmitDir", "SubmitDirError", "open_dag", "open_submit_dir", "open_target"]
