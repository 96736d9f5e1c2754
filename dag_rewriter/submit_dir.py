"""Opening a submit directory: the library's door to `dag_rewriter.directory`."""

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir

__all__ = ["SubmitDir", "open_submit_dir"]
