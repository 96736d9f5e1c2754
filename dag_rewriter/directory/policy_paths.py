"""Where policy may stand: of the site, of the user, in the submit directory."""

from __future__ import annotations

import os
from pathlib import Path

from condor_templates.dagman_config import HOME
from dag_rewriter.directory.submit_dir import SubmitDir

SITE_POLICY = "/etc/bridle/policy.toml"
SITE_VARIABLE = "BRIDLE_SITE_POLICY"
"""Names another file instead."""
FOLDER_POLICY = "bridle-policy.toml"


def policy_files(submit_dir: SubmitDir) -> tuple[Path, ...]:
    """The files that are asked, the later one's word counts more; none of them need be there."""
    site = Path(os.environ.get(SITE_VARIABLE) or SITE_POLICY)
    return site, user_config() / "policy.toml", submit_dir.path / FOLDER_POLICY


def user_config() -> Path:
    """The folder of the user's own configuration; in a monitor, of the user who submitted the run.

    HTCondor gives a job its own idea of HOME: in root's pool that of another user.
    """
    from platformdirs import user_config_path

    home = os.environ.get(HOME)
    if home and not os.environ.get("XDG_CONFIG_HOME"):
        return Path(home) / ".config" / "bridle"
    return user_config_path("bridle")
