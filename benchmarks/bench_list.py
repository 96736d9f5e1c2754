"""`bridle list` of 1,000 runs that have ended: the first after their monitors kept their figures, the next one, and one
without any figures.

Two recorded runs (tests/fixtures/recorded) are copied below build/bench/list: planned ones each in a directory of its
own, DAGs without Pegasus each in its own, and all in one folder.

    make bench                                  # some minutes, most of them copying
    make bench LIST_ARGS='--runs 5000'
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from bench_statistics import BENCH, BRIDLE, ROOT, Took, timed

from condor_templates.monitor_job import HOME
from dag_rewriter.directory.known_runs import note_run, runs_folder
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.monitor.unplanned_identity import identified
from monitord_job.runs.records import keep_ended

PLACE = BENCH / "list"
RECORDED = ROOT / "tests" / "fixtures" / "recorded"


def template(name: str, target: Callable[[Path], Path]) -> SubmitDir:
    """A recorded run whose database is ours."""
    folder = PLACE / "templates"
    with tarfile.open(RECORDED / f"{name}.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    submit_dir = identified(open_target(target(folder / name)))
    submit_dir.database.unlink(missing_ok=True)
    catch_up(submit_dir, Limits())
    return submit_dir


def copy(run: SubmitDir, folder: Path, number: int, name: str) -> SubmitDir:
    """The same run once more, of its own uuid, its DAG by another name: what lies beside its DAG."""
    folder.mkdir(parents=True, exist_ok=True)
    uuid = run.wf_uuid or ""
    own = f"{number:08x}{uuid[8:]}"
    for path in run.path.iterdir():
        if path.is_file() and not path.name.endswith(".lock"):
            to = folder / (name + path.name.removeprefix(run.base))
            to = to if path.name.startswith(f"{run.base}.") else folder / path.name
            if path == run.database:
                shutil.copyfile(path, to)
                with closing(sqlite3.connect(to)) as database:
                    database.execute("UPDATE workflow SET wf_uuid = ? WHERE wf_uuid = ?", (own, uuid))
                    database.commit()
            else:
                data = path.read_bytes().replace(uuid.encode(), own.encode())
                to.write_bytes(data.replace(f"{run.base}.dag".encode(), f"{name}.dag".encode()))
    return open_target(folder if run.is_planned else folder / f"{name}.dag")


def runs(kind: str, number: int) -> Iterator[SubmitDir]:
    """So many of a kind."""
    planned = template("diamond-sharedfs", lambda folder: next(folder.rglob("braindump.yml")).parent)
    plain = template("plain", lambda folder: folder / "x.dag")
    for each in range(number):
        own = PLACE / "runs" / f"{kind}{each}"
        if kind == "planned" or (kind == "mixed" and each % 2):
            yield copy(planned, own, each, planned.base)
        else:
            shared = kind == "shared" or (kind == "mixed" and each % 4)
            yield copy(plain, PLACE / "runs" / "shared" if shared else own, each, f"r{each}")


def shown(what: str, took: Took) -> None:
    sys.stdout.write(f"{what:<44} {took.seconds:>8.2f} {took.cpu:>8.2f} {took.megabytes:>8.0f}\n")
    sys.stdout.flush()


def measure(kind: str, number: int) -> None:
    """The three of them, of one kind of runs."""
    shutil.rmtree(PLACE, ignore_errors=True)
    os.environ[HOME] = str(PLACE / "home")
    for run in runs(kind, number):
        note_run(run)
        keep_ended(run)
    log = PLACE / "list.log"
    for what in ("the first", "the next one"):
        shown(f"{number} {kind}: {what}", timed([str(BRIDLE), "list"], log))
    said = log.read_text()
    for kept in (*runs_folder().glob("*.figures"), runs_folder() / "figures.json"):
        kept.unlink()
    shown(f"{number} {kind}: without any figures", timed([str(BRIDLE), "list"], log))
    if log.read_text() != said or said.count(" succeeded ") != number:
        raise SystemExit(f"it does not say the same: {log}")
    shutil.rmtree(PLACE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--kinds", nargs="+", default=["planned", "plain", "shared", "mixed"], metavar="KIND")
    given = parser.parse_args()
    sys.stdout.write(f"{'bridle list':<44} {'wall s':>8} {'CPU s':>8} {'MB':>8}\n")
    for kind in given.kinds:
        measure(kind, given.runs)


if __name__ == "__main__":
    main()
