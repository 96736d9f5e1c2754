"""A run for the tests of the outbox, one for each module."""

from __future__ import annotations

import shutil

import pytest

from tests.support.notified import Hook
from tests.support.outbox_run import RULES, Run
from tests.support.recorded import prepare
from tests.support.rules import write_rules


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(corpus("recorded/failing-condorio"), folder / "run", symlinks=True)
    submit_dir = prepare(folder / "run").submit_dir
    write_rules(submit_dir.notify, "")
    hook = Hook(folder)
    write_rules(submit_dir.bridle_notify, RULES.format(hook=hook.path))
    return Run(submit_dir, hook)
