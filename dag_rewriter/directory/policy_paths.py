"""Where policy may stand: of the site, of the user, in the submit directory."""

from __future__ import annotations

import os
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir

SITE_POLICY = "/etc/bridle/policy.toml"
SITE_VARIABLE = "BRIDLE_SITE_POLICY"
"""Names another file instead."""
FOLDER_POLICY = "bridle-policy.toml"


def policy_files(submit_dir: SubmitDir) -> tuple[Path, ...]:
    """The files that are asked, the later one's word counts more; none of them need be there."""
    from platformdirs import user_config_path

    site = Path(os.environ.get(SITE_VARIABLE) or SITE_POLICY)
    return site, user_config_path("bridle") / "policy.toml", submit_dir.path / FOLDER_POLICY
