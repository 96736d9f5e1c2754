"""Where a monitor looks for what its user has configured: not where HTCondor says that its home is."""

from pathlib import Path

import pytest

from dag_rewriter.directory.policy_paths import policy_files
from dag_rewriter.directory.submit_dir import open_dag
from monitord_job.messages.config_files import config_files


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ({}, "/job/.config/bridle"),
        ({"BRIDLE_HOME": "/ada"}, "/ada/.config/bridle"),
        ({"BRIDLE_HOME": "/ada", "XDG_CONFIG_HOME": "/x"}, "/x/bridle"),
    ],
)
def test_the_configuration_is_that_of_who_submitted(tmp_path, monkeypatch, given, folder):
    for name in ("BRIDLE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/job")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert policy_files(open_dag(tmp_path / "w.dag"))[1] == Path(folder, "policy.toml")
    assert config_files()[1] == Path(folder, "notify.toml")
