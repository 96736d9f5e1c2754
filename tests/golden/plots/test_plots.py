"""`bridle plots`: what the pictures show, and that their texts can be read."""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from monitord_job.cli.common import open_run
from monitord_job.outcome.phases import Phase
from monitord_job.plots.canvas import PHASE_COLOURS, STATE_COLOURS
from monitord_job.plots.count_figures import jobs_by_attempts
from monitord_job.plots.graph_data import dag_graph, dax_graph
from monitord_job.plots.pictures import PICTURES
from monitord_job.plots.time_figures import MOST_BARS, occupancy
from monitord_job.report.collect import collect, opened
from planner_ext.cli import run_command
from tests.support.database import query
from tests.support.reported import EVIL, make

SIZES = [20, 2000, 20_000]


def plots(*words: object) -> int:
    return run_command(["plots", *map(str, words)])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("plots")
    return {size: make(folder / str(size), size, first_name=EVIL + "$x_1$") for size in SIZES}


@pytest.fixture(scope="module")
def figures(runs: dict[int, Path]) -> dict[int, dict[str, Figure]]:
    found = {}
    for size, path in runs.items():
        submit_dir = open_run(path)
        with opened(submit_dir, None, as_it_stands=True) as (questions, standing):
            run = collect(questions, submit_dir, standing)
            found[size] = {name: draw(questions, run) for name, (_, draw) in PICTURES.items()}
    for drawn in found.values():
        for figure in drawn.values():
            FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return found


@pytest.fixture(scope="module")
def data(runs: dict[int, Path]):
    submit_dir = open_run(runs[2000])
    with opened(submit_dir, None, as_it_stands=True) as (questions, standing):
        return collect(questions, submit_dir, standing)


def texts(figure: Figure) -> Iterator[Text]:
    """All that are drawn: an axis keeps ticks beyond its ends, which are not."""
    beyond = set()
    for axis in (one for axes in figure.axes for one in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        beyond |= {
            label for one in ticks for label in (one.label1, one.label2) if not low <= one.get_loc() <= high
        }
    for one in figure.findobj(Text):
        if one.get_text().strip() and one.get_visible() and one not in beyond:
            yield one


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PICTURES)
def test_all_that_is_written_lies_inside(name, size, figures):
    figure = figures[size][name]
    whole = figure.bbox
    seen = [one.get_window_extent() for one in texts(figure)]
    assert len(seen) > 3
    outside = [
        box
        for box in seen
        if box.width and (box.x0 < -2 or box.y0 < -2 or box.x1 > whole.x1 + 2 or box.y1 > whole.y1 + 2)
    ]
    assert outside == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PICTURES)
def test_no_text_lies_over_another(name, size, figures):
    upright = [one for one in texts(figures[size][name]) if one.get_rotation() in (0, 90)]
    boxes = [(one.get_window_extent(), one.get_text()) for one in upright]
    over = [
        (text, other_text)
        for (one, text), (other, other_text) in combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]
    assert over == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["dag", "dax"])
def test_no_label_of_a_graph_lies_over_another_or_leaves_its_box(name, size, figures):
    figure = figures[size][name]
    (axes,) = figure.axes
    boxes = [one.get_window_extent() for one in axes.texts]
    assert boxes
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    frames = [one.get_window_extent() for one in axes.patches if not one.get_fill()]
    for box in boxes:
        assert any(frame.x0 <= box.x0 and box.x1 <= frame.x1 for frame in frames)


def test_rows_of_the_gantt_chart_are_named_where_there_is_room(figures):
    small, *larger = (figures[size]["gantt"].axes[0] for size in SIZES)
    labels = [one.get_window_extent() for one in small.get_yticklabels()]
    assert len(labels) >= 20
    assert not any(one.overlaps(other) for one, other in combinations(labels, 2))
    for large in larger:
        assert "attempts, in the order" in large.get_ylabel()
        assert len(large.images) == 1


def test_the_points_of_a_gantt_chart_hold_all_of_its_time(data):
    rows = [one for one in data.attempts if one.segments]
    assert len(rows) > MOST_BARS
    there = occupancy(rows, data.begin, data.end)
    column = (data.end - data.begin) / there.shape[2]
    for at, phase in enumerate(Phase):
        seconds = sum(one.seconds_of(phase) for one in rows)
        bars = sum(segment.phase is phase for one in rows for segment in one.segments)
        assert seconds <= there[at].sum() * column <= seconds + 2 * bars * column


def test_what_began_adds_up(data, runs):
    over = data.over_time
    database = runs[2000] / "mosaic-0.stampede.db"
    count, seconds = query(
        database, "SELECT count(*), sum(remote_duration) FROM invocation WHERE task_submit_seq >= 0"
    )[0]
    assert sum(over.invocations) == count
    assert sum(over.invocation_seconds) == pytest.approx(seconds)
    assert sum(over.jobs) == query(database, "SELECT count(*) FROM job_instance")[0][0]


def test_jobs_are_counted_by_their_attempts(data, runs):
    counted = "SELECT n, count(*) FROM (SELECT count(*) AS n FROM job_instance GROUP BY job_id) GROUP BY n"
    found = {number: counts.total() for number, counts in jobs_by_attempts(data).items()}
    assert found == dict(query(runs[2000] / "mosaic-0.stampede.db", counted))


def test_a_huge_run_is_counted_whole(runs, monkeypatch):
    monkeypatch.setattr("monitord_job.report.collect.MOST", 100)
    submit_dir = open_run(runs[2000])
    with opened(submit_dir, None, as_it_stands=True) as (questions, standing):
        run = collect(questions, submit_dir, standing)
        drawn = dag_graph(questions, run)
    assert run.omitted > 1000
    assert sum(one.count for one in drawn.nodes.values()) == 2000
    failed = sum(one.states.get("failed", 0) for one in drawn.nodes.values())
    assert failed == sum(counts["failed"] for counts in jobs_by_attempts(run).values()) > 0
    assert sum(counts.total() for counts in jobs_by_attempts(run).values()) == 2000


def test_graphs_and_their_data_cost_by_the_number_of_jobs(tmp_path):
    """In thousands of steps of SQLite's machine, of runs in which half of the jobs never began."""

    def steps(size: int) -> int:
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        submit_dir = open_run(make(tmp_path / str(size), size))
        with closing(sqlite3.connect(submit_dir.database)) as connection, connection:
            for table in ("jobstate", "invocation", "job_instance"):
                connection.execute(f"DELETE FROM {table} WHERE job_instance_id % 2")
        with opened(submit_dir, None, as_it_stands=True) as (questions, standing):
            questions.connection.connection.driver_connection.set_progress_handler(tick, 1000)
            run = collect(questions, submit_dir, standing)
            graphs = dag_graph(questions, run), dax_graph(questions, run)
        assert all(sum(one.count for one in graph.nodes.values()) > size * 0.9 for graph in graphs)
        return count

    assert steps(2000) <= 6 * max(steps(500), 1)


def test_colours_are_told_apart_without_red_and_green():
    """By their lightness, or by blue against yellow."""

    def seen(colour: str) -> tuple[float, float]:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return 0.3 * red + 0.59 * green + 0.11 * blue, blue - (red + green) / 2

    for colours in (PHASE_COLOURS, STATE_COLOURS):
        for one, other in combinations(sorted(set(colours.values())), 2):
            distance = sum(abs(a - b) for a, b in zip(seen(one), seen(other), strict=True))
            assert distance > 10, (one, other)


def test_both_forms_are_written_and_the_same_each_time(runs, tmp_path, capfd):
    assert plots("-i", runs[20], "-o", tmp_path / "p") == 0
    names = {f"{name}.{form}" for name in PICTURES for form in ("png", "svg")}
    assert {path.name for path in (tmp_path / "p").iterdir()} == names
    assert (tmp_path / "p/gantt.png").read_bytes().startswith(b"\x89PNG")
    shown = " ".join(ET.parse(tmp_path / "p/gantt.svg").getroot().itertext())
    assert "</script><script>alert(1)" in shown
    assert plots("-i", runs[20], "-o", tmp_path / "q", "--only", "states") == 0
    for form in ("png", "svg"):
        assert (tmp_path / f"p/states.{form}").read_bytes() == (tmp_path / f"q/states.{form}").read_bytes()


def test_one_picture_in_one_form(runs, tmp_path, capfd):
    assert plots("-i", runs[20], "-o", tmp_path / "p", "--only", "states", "--form", "svg") == 0
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["states.svg"]


def test_without_matplotlib_it_says_what_to_install(runs, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("monitord_job.cli.plots.find_spec", lambda _: None)
    assert plots("-i", runs[20], "-o", tmp_path / "p") == 2
    said = capfd.readouterr().err
    assert "say pip install 'pegasus-bridle[plots]', or pip install matplotlib" in said
    assert not (tmp_path / "p").exists()
