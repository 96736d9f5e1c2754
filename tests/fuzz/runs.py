"""A whole run with one file that is damaged: the monitor stores what it can, and `bridle status` says how it stands."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

from condor_templates.exit_codes import ExitCode
from planner_ext.cli import run_command
from tests.support.places import BUILD

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
COMMANDS = (["monitord", "--catch-up"], ["status"], ["recover"], ["check"])


@cache
def _unpacked(archive: str) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="fuzz-", dir=BUILD)  # gone with the process
    with tarfile.open(FIXTURES / f"{archive}.tar.xz") as tar:
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)  # as in tests/conftest.py
        tar.extractall(Path(folder.name, "source"))
    return folder


def run_with(archive: str, pattern: str, target: str) -> Callable[[bytes], object]:
    """What the commands say of that run (`target` within it) with the bytes in the place of a file."""

    def read(data: bytes) -> object:
        source = Path(_unpacked(archive).name, "source")
        copy = source.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy, symlinks=True)
        run = next(copy.rglob(target))
        next(path for path in sorted(copy.rglob(pattern)) if path.is_file()).write_bytes(data)
        told = []
        for words in COMMANDS:
            out = io.StringIO()
            with redirect_stdout(out), redirect_stderr(out):
                code = run_command([*words, str(run if run.suffix == ".dag" else run.parent)])
            assert code != ExitCode.INTERNAL, f"{' '.join(words)}: {out.getvalue()}"
            told.append(out.getvalue())
        return told

    return read
