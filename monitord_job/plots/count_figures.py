"""How much of what: transformations, attempts."""

from __future__ import annotations

from collections import Counter

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from monitord_job.outcome.node_status import NODE_WORDS
from monitord_job.plots.canvas import BLUE, FAINT, INK, STATE_COLOURS, in_numbers, legend, new_figure
from monitord_job.report.distribution import Distribution
from monitord_job.report.run_data import RunData
from monitord_job.text.display import one_line

MOST_BARS = 25


def breakdown(run: RunData) -> Figure:
    """Of each transformation the time of all its invocations, and how it is spread."""
    shown = [one for one in run.resources if one.time is not None][:MOST_BARS]
    figure = new_figure(
        12, max(2.6, 1.4 + 0.26 * len(shown)), f"{one_line(run.title, 60)}: time of transformations"
    )
    whole, each = figure.subplots(1, 2, sharey=True)
    times = [one.time for one in shown if one.time is not None]
    places = range(len(shown))
    whole.barh(places, [one.total for one in times], color=BLUE)
    for place, (one, time) in enumerate(zip(shown, times, strict=True)):
        failed = f", {one.failed:,} failed" if one.failed else ""
        whole.annotate(
            f"{time.total:,.0f} s of {one.succeeded + one.failed:,}{failed}", (0, place), (4, 0),
            textcoords="offset points", va="center", fontsize=7,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
        )  # fmt: skip
    whole.set_yticks(places, [one_line(one.transformation, 36) for one in shown], fontsize=8)
    whole.set_xlabel("seconds of all invocations")
    if times:
        each.bxp(
            [_box(one) for one in times], positions=list(places), orientation="horizontal", showfliers=False,
            widths=0.6, patch_artist=True, manage_ticks=False,
            boxprops={"facecolor": BLUE, "linewidth": 0}, medianprops={"color": INK, "linewidth": 2},
            whiskerprops={"color": FAINT}, capprops={"color": FAINT},
        )  # fmt: skip
    each.set_xlabel("seconds of one: least, quartiles, median, most")
    for axes in (whole, each):
        axes.set_xlim(0)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    whole.set_ylim(len(shown) - 0.5, -0.5)
    return figure


def _box(one: Distribution) -> dict[str, object]:
    return {
        "whislo": one.least,
        "q1": one.lower,
        "med": one.middle,
        "q3": one.upper,
        "whishi": one.most,
        "fliers": [],
    }


def jobs_by_attempts(run: RunData) -> dict[int, Counter[str]]:
    """How many jobs had so many attempts, by their state in words; 0: none was made."""
    by_number: dict[int, Counter[str]] = {}
    for number, counts in run.attempts_of_jobs.items():
        words = by_number.setdefault(number, Counter())
        for status, count in counts.items():
            words[NODE_WORDS[status].value] += count
    return by_number


def attempts(run: RunData) -> Figure:
    """How many jobs had how many attempts."""
    figure = new_figure(8, 4, f"{one_line(run.title, 60)}: attempts of jobs")
    axes = figure.subplots()
    by_attempts = jobs_by_attempts(run)
    places = range(len(by_attempts))
    floor = [0] * len(by_attempts)
    used = [word for word in STATE_COLOURS if any(counts[word] for counts in by_attempts.values())]
    for word in used:
        heights = [counts[word] for counts in by_attempts.values()]
        axes.bar(places, heights, bottom=floor, color=STATE_COLOURS[word], edgecolor=FAINT, linewidth=0.6)
        floor = [low + high for low, high in zip(floor, heights, strict=True)]
    for place, total in enumerate(floor):
        axes.annotate(
            f"{total:,}", (place, total), (0, 2), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_xticks(places, [str(number) for number in by_attempts])
    axes.set_xlabel("attempts")
    axes.set_ylabel("jobs")
    in_numbers(axes)
    axes.set_ylim(0, max(floor, default=1) * 1.1)
    legend(axes, [(STATE_COLOURS[word], word) for word in used])
    return figure
