"""How much less processor time `bridle monitord` takes for a job than pegasus-monitord, on each form that users have.

For each form of recorded_forms.py: a small run that both read by turns, and a larger one that ours alone reads, because
the peer's time for each job is the same at any size. Ours is the whole process on the larger run, its start included;
of the peer's time its start is taken off: that is a second, of which a hundred jobs would each bear ten milliseconds.

    make bench                                              # 100 jobs beside the peer, 3,000 alone: some three minutes
    make bench FORMS_ARGS='--jobs 1000 --ours 10000 --times 3'
"""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from typing import NamedTuple

from bench_monitor import BENCH, Run, Took, afresh, catch_up, compile_ours, counted, generated, least, replay
from recorded_forms import FORMS, WITHOUT_JOBSTATE_LOG, give_form

SAME = ("job", "job_instance", "jobstate", "invocation", "rc_meta")


class Row(NamedTuple):
    """CPU milliseconds for a job, the peer's and ours, the most megabytes of ours, and what was stored otherwise."""

    form: str
    peer: float
    ours: float
    megabytes: float
    differing: str

    @property
    def ratio(self) -> float:
        """How many times as much the peer takes."""
        return self.peer / self.ours


def in_form(jobs: int, form: str) -> Run:
    """A run whose jobs' outputs have a form."""
    run = generated(jobs)
    give_form(run.path, form)
    return run


def ours(run: Run, form: str) -> Took:
    """Ours, from the beginning."""
    if form != WITHOUT_JOBSTATE_LOG:
        return afresh(run)  # which counts the rows, too
    run.forget()
    return catch_up(run)


class Start(NamedTuple):
    """CPU seconds of the peer on a run of hardly any jobs."""

    cpu: float
    jobs: int


def peers_start(times: int) -> Start:
    """What the peer takes for its start."""
    run = generated(1)
    (taken,) = least(times, [partial(replay, run, [])])
    return Start(taken.cpu, run.jobs)


def measured(form: str, jobs: int, more: int, times: int, start: Start) -> Row:
    """One form, both."""
    small = in_form(jobs, form)
    theirs: list[dict[str, int]] = []
    peer, _ = least(times, [partial(replay, small, theirs), partial(ours, small, form)])
    rows = counted(small)
    differing = [
        f"{table} {rows[table]:,}, the peer's {theirs[-1][table]:,}"
        for table in SAME
        if rows[table] != theirs[-1][table]
    ]
    large = small if more == jobs else in_form(more, form)
    (taken,) = least(times, [partial(ours, large, form)])
    shutil.rmtree(BENCH / f"run-{more}")
    return Row(
        form,
        1000 * (peer.cpu - start.cpu) / (small.jobs - start.jobs),
        1000 * taken.cpu / large.jobs,
        taken.megabytes,
        "; ".join(differing),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=100, help="of the run that both read")
    parser.add_argument("--ours", type=int, default=3000, help="of the run that ours alone reads")
    parser.add_argument("--times", type=int, default=1, help="runs of each, of which the least counts (1)")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS, metavar="FORM")
    options = parser.parse_args()
    BENCH.mkdir(parents=True, exist_ok=True)
    compile_ours()
    start = peers_start(options.times)
    rows = [measured(form, options.jobs, options.ours, options.times, start) for form in options.forms]
    worst = min(rows, key=lambda row: row.ratio)
    print(
        f"\nOf all forms the worst: pegasus-monitord takes {worst.ratio:.0f} times as long ({worst.form}).\n"
    )
    print(
        f"CPU for each job: the peer's at {options.jobs:,} jobs without its start, ours at {options.ours:,} with it.\n"
    )
    print(
        "| form of the jobs' output | pegasus-monitord | bridle monitord | ratio | peak RSS |\n|---|---|---|---|---|"
    )
    for row in sorted(rows, key=lambda row: row.ratio):
        print(
            f"| {row.form} | {row.peer:.1f} ms | {row.ours:.2f} ms | {row.ratio:.0f} | {row.megabytes:.0f} MB |"
        )
    for row in rows:
        if row.differing:
            print(f"\n{row.form}: rows differ, ours {row.differing}")


if __name__ == "__main__":
    main()
