"""The files notify.toml: of the site, beside its policy, and of the user."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

from dag_rewriter.directory.policy_paths import SITE_POLICY, SITE_VARIABLE, user_config
from dag_rewriter.files import stream_of
from monitord_job.errors import NotifyError
from monitord_job.messages.targets import NotifyConfig, check_private, parse_config

LOG = logging.getLogger("bridle.notify")
NAME = "notify.toml"
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")


def config_files() -> tuple[Path, Path]:
    """Of the site and of the user; neither need be there."""
    site = Path(os.environ.get(SITE_VARIABLE) or SITE_POLICY).with_name(NAME)
    return site, user_config() / NAME


def read_config(named: Path | None = None) -> NotifyConfig:
    """Both files together, the user's word counts more; `named` is instead of the user's, and must be there.

    Raises NotifyError for a file that is open to others.
    """
    site, user = config_files()
    try:
        common = _read(site)
    except PermissionError:
        LOG.info("%s is for others", site)
        common = NotifyConfig()
    own = _read(named or user)
    if named is not None and not named.exists():
        raise NotifyError(
            str(named), "there is no such file", "`bridle help notifications` says what is in it"
        )
    return replace(
        common,
        targets={**common.targets, **own.targets},
        via=own.via or common.via,
        sender=own.sender or common.sender,
    )


def _read(path: Path) -> NotifyConfig:
    try:
        handle = stream_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return NotifyConfig()
    with handle:
        about = os.fstat(handle.fileno())  # of the very file that is read
        data = handle.read(1 << 20)
    try:
        config = parse_config(data.decode("utf-8"), str(path))
    except UnicodeDecodeError:
        raise NotifyError(str(path), "it is not UTF-8", "save the file as UTF-8") from None
    secrets = bool(config.targets) or _PASSWORD.search(config.via) is not None
    check_private(about.st_mode, about.st_uid, os.geteuid(), str(path), secrets=secrets)
    return config
