"""The page of `bridle report` in a real browser: it is used with mouse and keys, and asks nobody for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner_ext.cli import run_command
from tests.support.browser import Page, browser
from tests.support.reported import EVIL, make

JOBS = 400
FAILED = "[...document.querySelectorAll('#of-state option')].find(one => one.text.startsWith('failed'))"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    run = make(folder / "run", JOBS, first_name=EVIL)
    assert run_command(["report", "-i", str(run), "-o", str(folder / "report.html")]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser") / "profile") as found:
        yield found


@pytest.fixture
def page(tab: Page, page_file: Path) -> Iterator[Page]:
    tab.open(page_file)
    tab.until("document.documentElement.dataset.ready")
    yield tab
    assert tab.requests == [page_file.resolve().as_uri()]
    assert tab.complaints == []
    assert tab.dialogs == 0


def rows(page: Page, column: int) -> list[str]:
    those = "[...document.querySelectorAll('#jobs tbody tr[data-attempt]')]"
    found = page.value(f"{those}.map(one => one.cells[{column}].textContent)")
    assert isinstance(found, list)
    return found


def found(page: Page) -> str:
    return str(page.value("document.querySelector('#found').textContent"))


def view(page: Page) -> tuple[float, float]:
    low, high = page.value("(d => [Number(d.from), Number(d.to)])(document.querySelector('#gantt').dataset)")
    return low, high


def painted(page: Page, selector: str) -> int:
    """How many colours a canvas has."""
    page.until(f"document.querySelector({json.dumps(selector)}).width > 300")
    canvas = f"document.querySelector({json.dumps(selector)})"
    pixels = "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer"
    count = f"(c => new Set(new Uint32Array({pixels})).size)({canvas})"
    page.until(f"{count} > 1")
    found = page.value(count)
    assert isinstance(found, int)
    return found


def test_charts_are_painted(page: Page) -> None:
    for selector in ("#gantt", "#states", "#progress", "#hosts canvas"):
        assert painted(page, selector) > 3, selector


def test_a_click_in_the_gantt_chart_opens_the_job(page: Page) -> None:
    assert page.value("document.querySelector('#details').hidden")
    page.click("#gantt", 0.5, 0.4)
    chosen = int(page.value("document.querySelector('#gantt').dataset.selected"))
    name = page.value("document.querySelector('#details h3').textContent")
    data = page.value("document.querySelector('#data').textContent")
    columns = json.loads(data)
    assert columns["texts"]["job"][columns["attempts"]["job"][chosen]] == name
    page.key("Escape")
    assert page.value("document.querySelector('#details').hidden")


def test_wheel_buttons_and_keys_zoom(page: Page) -> None:
    whole = view(page)
    page.click("#closer")
    closer = view(page)
    assert whole[0] <= closer[0] < closer[1] < whole[1]
    page.wheel("#gantt", 0.5, -300, control=True)
    page.until(
        f"document.querySelector('#gantt').dataset.to - document.querySelector('#gantt').dataset.from < "
        f"{(closer[1] - closer[0]) * 0.8}"
    )
    page.value("document.querySelector('#gantt').focus()")
    page.key("-")
    page.key("ArrowRight")
    moved = view(page)
    assert moved[1] - moved[0] < whole[1] - whole[0]
    page.key("0")
    assert view(page) == whole


def test_arrow_keys_go_through_the_jobs(page: Page) -> None:
    page.value("document.querySelector('#gantt').focus()")
    page.key("ArrowDown")
    first = page.value("document.querySelector('#gantt').dataset.selected")
    page.key("ArrowDown")
    assert page.value("document.querySelector('#gantt').dataset.selected") != first
    assert not page.value("document.querySelector('#details').hidden")


def test_the_table_is_searched(page: Page) -> None:
    page.value("document.querySelector('#find').focus()")
    page.type("diffFit_ID300007")
    page.until("document.querySelector('#found').textContent.startsWith('1 of ')")
    assert set(rows(page, 0)) == {"diffFit_ID300007"}
    assert page.value("document.querySelector('#gantt').dataset.rows") == "1"
    page.click("#clear")
    assert found(page).split()[0] == found(page).split()[2]


def test_only_what_failed(page: Page) -> None:
    page.value(
        f"(e => {{ e.value = {FAILED}.value; e.dispatchEvent(new Event('change')); }})"
        "(document.querySelector('#of-state'))"
    )
    assert set(rows(page, 3)) == {"failed"}
    page.click("#jobs tbody tr[data-attempt]", 0.1)
    assert "starting" in page.value("document.querySelector('#details pre').textContent")


def test_a_column_is_sorted_both_ways(page: Page) -> None:
    data = json.loads(page.value("document.querySelector('#data').textContent"))
    memory = [one for one in data["attempts"]["memory"] if one is not None]

    def first_attempt() -> int:
        return int(page.value("document.querySelector('#jobs tbody tr[data-attempt]').dataset.attempt"))

    page.click("#jobs thead th:last-child button")
    assert data["attempts"]["memory"][first_attempt()] == min(memory)
    page.click("#jobs thead th:last-child button")
    assert data["attempts"]["memory"][first_attempt()] == max(memory)
    assert page.value("document.querySelector('#jobs thead th:last-child').ariaSort") == "descending"


def test_few_rows_are_in_the_document_and_the_last_can_be_reached(page: Page) -> None:
    assert len(rows(page, 0)) < 60
    page.click("#jobs thead th button")
    page.value("(box => { box.scrollTop = box.scrollHeight; })(document.querySelector('#rows'))")
    data = json.loads(page.value("document.querySelector('#data').textContent"))
    last = max(data["texts"]["job"])
    page.until(f"document.querySelector('#jobs tbody').textContent.includes({json.dumps(last)})")


def test_a_host_shows_its_jobs(page: Page) -> None:
    name = page.value("document.querySelector('#hosts button').textContent")
    page.click("#hosts tbody button")
    assert set(rows(page, 5)) == {name}


def test_a_name_runs_nothing(page: Page) -> None:
    page.value("document.querySelector('#find').focus()")
    page.type("<script>")
    page.until("document.querySelector('#found').textContent.startsWith('1 of ')")
    page.click("#jobs tbody tr[data-attempt]", 0.1)
    assert page.value("document.querySelector('#details h3').textContent") == EVIL
    assert page.value("document.scripts.length") == 2


def test_the_policy_stops_a_script_that_is_put_in(tab: Page, page_file: Path, tmp_path: Path) -> None:
    """The policy is at work: the tests above would see it if it were not needed."""
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(
        page_file.read_text().replace("</main>", "<script>document.title = 'x'</script></main>")
    )
    tab.complaints.clear()
    tab.open(spoiled)
    tab.until("document.documentElement.dataset.ready")
    assert tab.value("document.title") != "x"
    assert any("Content Security Policy" in one for one in tab.complaints)
    tab.complaints.clear()


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_light_or_dark_as_people_have_it(tab: Page, page_file: Path, dark: bool) -> None:
    tab.open(page_file, dark=dark)
    tab.until("document.documentElement.dataset.ready")
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert (tab.value(ground) < 128) is dark
    tab.click("#theme")
    assert (tab.value(ground) < 128) is not dark


def test_paper_has_the_table_and_no_buttons(tab: Page, page_file: Path) -> None:
    tab.open(page_file)
    tab.until("document.documentElement.dataset.ready")
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.value("dispatchEvent(new Event('beforeprint'))")
    assert len(rows(tab, 0)) > 300
    assert tab.value("getComputedStyle(document.querySelector('.tools')).display") == "none"
    tab.call("Emulation.setEmulatedMedia", media="")
