"""Every block of commands in README and docs is run and prints what is shown, or has a reason why not."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest

from condor_templates.exit_codes import ExitCode
from dag_rewriter.directory.submit_dir import open_submit_dir
from planner_ext.cli import cli, run_command
from tests.docs.test_help import ALL
from tests.pool import test_tutorial
from tests.pool.test_shown_on_a_pool import SHOWN as ON_A_POOL
from tests.support.places import CHECKOUT
from tests.support.played import Played
from tests.support.recorded import with_dagmans_own_log
from tests.support.runs import BRIDLE
from tests.support.shown import HOME, Block, Scene, block_of, blocks, commands, pages, wrong
from tests.support.workflows import EXAMPLES, plan, plan_mosaic

Corpus = Callable[[str], Path]
Stage = Callable[[Path, Corpus], Scene]
"""Makes ready where a block is run: given an empty home, and the recorded runs."""


def _put(source: Path, home: Path, name: str) -> None:
    target = home / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, symlinks=True)


def fan_that_failed(home: Path, corpus: Corpus) -> Scene:
    run = with_dagmans_own_log(corpus("recorded/fan100-missinginput")).submit_dir
    _put(run.path, home, "run0001")
    return Scene(home, codes={"bridle analyzer": 2})


def run_that_failed_once(home: Path, corpus: Corpus) -> Scene:
    run = with_dagmans_own_log(corpus("recorded/failing-condorio")).submit_dir
    _put(run.path, home, "run0001")
    return Scene(home)


PROJECT = """\
executable = project.sh
should_transfer_files = YES
transfer_input_files = raw$(n).fits, region.hdr
transfer_output_files = projected$(n).fits
queue
"""
ADD = """\
executable = add.sh
should_transfer_files = YES
transfer_input_files = projected1.fits, projected2.fits, projected3.fits
transfer_output_files = mosaic.fits
queue
"""


def moving_files(home: Path, _: Corpus) -> Scene:
    """A DAG whose jobs move files, of which nothing ran."""
    folder = home / "runs/mosaic/run0001"
    folder.mkdir(parents=True)
    lines = "".join(f'JOB project{n} project.sub\nVARS project{n} n="{n}"\n' for n in (1, 2, 3))
    (folder / "mosaic.dag").write_text(
        f"{lines}JOB add add.sub\nPARENT project1 project2 project3 CHILD add\n"
    )
    (folder / "project.sub").write_text(PROJECT)
    (folder / "add.sub").write_text(ADD)
    sizes = {"raw1.fits": 210, "raw2.fits": 180, "raw3.fits": 240, "region.hdr": 1}
    for name, megabytes in sizes.items():
        with (folder / name).open("w") as file:
            file.truncate(megabytes * 1_000_000)
    for name in ("project.sh", "add.sh"):
        (folder / name).write_text("#!/bin/sh\n")
    return Scene(home)


def planned_fan(home: Path, _: Corpus) -> Scene:
    _put(plan(home.with_name("planned"), "--fan", "3", "--no-cleanup"), home, "runs/fan/run0001")
    return Scene(home)


def planned_mosaic(home: Path, _: Corpus) -> Scene:
    _put(plan_mosaic(home.with_name("planned")), home, "runs/mosaic/run0001")
    return Scene(home)


def notified_run(home: Path, corpus: Corpus) -> Scene:
    """A run whose rules are confirmed, of which one notification is due and fails."""
    _put(with_dagmans_own_log(corpus("recorded/notify")).submit_dir.path, home, "runs/mosaic/run0001")
    programs = home / "bin"
    programs.mkdir()
    for name in ("sendmail", "tell.sh"):
        (programs / name).write_text("#!/bin/sh\nexec cat >/dev/null\n")
        (programs / name).chmod(0o755)
    path = f"{programs}:{BRIDLE.parent}:/usr/bin:/bin"
    return Scene(
        home, {"PATH": path}, codes={"bridle notify confirm": 2}
    )  # it asks, and there is no terminal


def mosaic_that_succeeded(home: Path, _: Corpus) -> Scene:
    scene = planned_mosaic(home, _)
    played = Played(open_submit_dir(home / "runs/mosaic/run0001"))
    played.all_nodes({})
    played.write()
    return scene


TR = 'tr example::keg:1.0 { site local { pfn "/opt/keg" arch "x86_64" os "linux" type "INSTALLED" } }\n'
SITES = '<sitecatalog version="4.1"><site handle="local"/></sitecatalog>\n'


def old_catalogs(home: Path, _: Corpus) -> Scene:
    (home / "old").mkdir()
    (home / "tc.txt").write_text(TR)
    (home / "sites.xml").write_text(SITES)
    for name in ("rc.txt", "old/rc.txt", "rls-export.txt"):
        (home / name).write_text('f.b file:///data/f.b site="local"\n')
    return Scene(home)


BROKEN_DAG = """\
JOB A a.sub
JOB B a.sub
JOB C a.sub
FINAL F a.sub
PARENT A CHILD B
PARENT B CHILD C
SPLICE parts parts/s.dag
RETRY F 3
PARENT C CHILD B
CATEGORY A cleanup
CATEGORY B cleanup
MAXJOBS CLEANUP 2
"""


def broken_dag(home: Path, _: Corpus) -> Scene:
    (home / "parts").mkdir()
    (home / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (home / "x.dag").write_text(BROKEN_DAG)
    nodes = "".join(f"JOB p{number} a.sub\n" for number in range(7))
    (home / "parts" / "s.dag").write_text(f"JOB align a.sub\nRETRY Align 2\n{nodes}")
    return Scene(home, codes={"bridle check": 1})


def checkout(home: Path, _: Corpus) -> Scene:
    _put(EXAMPLES, home, "examples")  # a copy: what is planned goes beside it
    return Scene(home)


WITHOUT_HTCONDOR: dict[str, dict[str, Stage]] = {
    "docs/analyzer.md": {
        "bridle analyzer run0001": fan_that_failed,
        "bridle jobs --state failed --sort runtime --reverse run0001": fan_that_failed,
    },
    "docs/catalogs.md": {
        "bridle tc convert tc.txt transformations.yml": old_catalogs,
        "bridle rc list -Dpegasus.catalog.replica=File -Dpegasus.catalog.replica.file=old/rc.txt": old_catalogs,
        "bridle rc convert --from file rls-export.txt replicas.yml": old_catalogs,
    },
    "docs/checking.md": {"bridle check x.dag": broken_dag},
    "docs/condorio.md": {"bridle condorio runs/mosaic/run0001": moving_files},
    "docs/graph.md": {"bridle graph runs/fan/run0001": planned_fan},
    "docs/notifications.md": {
        "bridle notify add runs/mosaic/run0001 --on error --to me@example.org": notified_run,
        "bridle notify generate runs/mosaic/run0001": planned_mosaic,
        "bridle-notify --to me@example.org --test": notified_run,
        "bridle notifications runs/mosaic/run0001": notified_run,
    },
    "docs/report.md": {"bridle report run0001 -o report.html": run_that_failed_once},
    "docs/rescue.md": {
        "bridle rescue redo runs/mosaic/run0001 strip_s1 --dry-run": mosaic_that_succeeded,
    },
    "docs/rewriting.md": {"bridle rewrite --diff runs/mosaic/run0001": planned_mosaic},
    "docs/statistics.md": {"bridle statistics run0001": run_that_failed_once},
    "examples/README.md": {"cd examples": checkout},
}
"""Page -> first command of a block -> where it is run: on recorded and planned runs, without HTCondor."""

MAKE = "make runs the tests, or sets up what they need; each target that is named is one of the Makefile's"
INSTALLS = "it installs from the package index: tests/release does"
SITE = "root's directories of a site"
SITE_DATABASE = "a site's PostgreSQL and other users; with names of their own: {}"
A_MOMENT = "a moment of a run that goes on for half an hour; with one that a test makes: {}"

NOT_RUN: dict[str, dict[str, str]] = {
    "CONTRIBUTING.md": {"make setup": MAKE, "make test ARGS=tests/unit": MAKE},
    "README.md": {"make demo": MAKE, "python3 -m venv ~/bridle": INSTALLS},
    "docs/admin.md": {
        "python3 -m venv /opt/bridle": INSTALLS,
        "bridle list --all-users": SITE_DATABASE.format("tests/unit/monitord_job/runs/test_listing.py"),
        "bridle site prune --url postgresql://admin@db/stampede --older-than 90d --dry-run": SITE_DATABASE.format(
            "tests/crash/test_prune.py"
        ),
        "/opt/bridle/bin/bridle hook uninstall /opt/bridle/hook": SITE,
    },
    "docs/getting-started.md": {"python3 -m venv ~/bridle": INSTALLS},
    "docs/watching.md": {
        "bridle list": A_MOMENT.format("tests/unit/monitord_job/runs/test_listing.py"),
        "bridle watch mosaic/run0002": A_MOMENT.format("tests/golden/watch/test_screens.py"),
        "bridle watch mosaic/run0002 | tee watch.log": A_MOMENT.format("tests/golden/watch/test_screens.py"),
    },
}
"""The blocks that no test runs, and why. Each bridle command in them is one that can be typed, as in all others."""
MOST_NOT_RUN = 12


@pytest.mark.own
def test_the_metrics_of_the_page_on_graphs_are_those_of_its_dag(work_dir: Path) -> None:
    path = plan(work_dir / "planned", "--fan", "3", "--no-cleanup")
    assert run_command(["rewrite", str(path)]) == 0
    printed = json.loads((path / "fan-0.bridle.metrics").read_text())
    (shown,) = re.findall(r"```json\n(.*?)```", (CHECKOUT / "docs/graph.md").read_text(), re.DOTALL)
    assert {key: printed[key] for key in json.loads(shown)} == json.loads(shown)


def test_the_error_of_the_page_on_json_is_what_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (shown,) = re.findall(r"```json\n(.*?)```", (CHECKOUT / "docs/json.md").read_text(), re.DOTALL)
    assert run_command(["status", "--json", "runs/mosaic/run0001"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out.replace(str(tmp_path), HOME)) == json.loads(shown)


BLOCKS = [block for page in pages() for block in blocks(page)]


def named(table: Mapping[str, Mapping[str, object]]) -> list[tuple[str, str]]:
    return [(page, name) for page, names in table.items() for name in names]


def test_each_block_is_run_or_has_a_reason() -> None:
    tutorial = [(block.page, block.name) for block in BLOCKS if block.page == "docs/tutorial.md"]
    known = [*named(WITHOUT_HTCONDOR), *named(ON_A_POOL), *named(NOT_RUN), *tutorial]
    assert sorted(known) == sorted((block.page, block.name) for block in BLOCKS)
    assert test_tutorial.PAGE == CHECKOUT / "docs" / "tutorial.md"


def test_few_blocks_are_not_run_and_what_stands_for_them_is_there() -> None:
    reasons = [reason for names in NOT_RUN.values() for reason in names.values()]
    assert len(reasons) <= MOST_NOT_RUN
    files = {file for reason in reasons for file in re.findall(r"tests/[\w/.]+", reason)}
    assert [file for file in sorted(files) if not (CHECKOUT / file).exists()] == []


@pytest.mark.own
@pytest.mark.parametrize(("page", "name"), named(WITHOUT_HTCONDOR))
def test_a_block_prints_what_the_page_shows(
    page: str, name: str, work_dir: Path, fresh_corpus: Corpus
) -> None:
    home = work_dir / "home"
    home.mkdir()
    assert wrong(block_of(page, name), WITHOUT_HTCONDOR[page][name](home, fresh_corpus)) == []


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}: {block.name[:50]}")
def test_each_command_can_be_typed_as_it_stands(block: Block) -> None:
    for command in commands(block):
        for words in bridle_commands(command.typed):
            check_words(words)


EXAMPLES_OF_HELP = [
    line.strip()
    for context in ALL.values()
    for part in re.findall(r"^  Examples?:\n((?:    .*\n)+)", context.command.get_help(context), re.MULTILINE)
    for line in part.splitlines()
]


def test_each_example_of_the_help_can_be_typed_as_it_stands() -> None:
    assert len(EXAMPLES_OF_HELP) > 100
    for line in EXAMPLES_OF_HELP:
        for words in bridle_commands(line):
            check_words(words)


OF_ALL = ("-h", "--help", "-vv", "-")
SPANS = sorted(
    {
        (str(page.relative_to(CHECKOUT)), span)
        for page in pages()
        for span in re.findall(r"`(bridle(?:-notify)? [^`\n]+)`", page.read_text())
    }
)


def test_each_command_in_the_text_has_the_options_that_it_is_shown_with() -> None:
    assert len(SPANS) > 300
    lost = []
    for page, span in SPANS:
        command, rest = command_of(span.split())
        options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
        words = {word.strip("[],.").partition("=")[0] for word in rest if word.startswith(("-", "[-"))}
        passes_on = command.context_settings.get("ignore_unknown_options")
        lost += [f"{page}: {span}" for word in words - options if not passes_on and word not in OF_ALL]
    assert lost == []


def bridle_commands(line: str) -> list[list[str]]:
    """The bridle commands of a line, of which the shell has taken its part."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&()<>")
    lexer.commenters = "#"
    lexer.wordchars += "$*?[]{}@!%+,^:"
    found: list[list[str]] = [[]]
    for word in lexer:
        if word[0] in "|;&()":
            found.append([])
        else:
            found[-1].append(word)
    return [
        _without_redirection(words) for words in found if words and words[0] in ("bridle", "bridle-notify")
    ]


def _without_redirection(words: list[str]) -> list[str]:
    count = next((at for at, word in enumerate(words) if word[0] in "<>"), len(words))
    numbered = count < len(words) and words[count - 1] == "2"  # 2> file
    return words[: count - numbered]


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command of a line, and what comes after its name."""
    if words[0] == "bridle-notify":
        return ALL["bridle-notify"].command, words[1:]
    chosen: click.Command = cli
    rest = words[1:]
    while isinstance(chosen, click.Group) and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        below = chosen.get_command(click.Context(cli), rest[0])
        assert below is not None, f"{' '.join(words)}: there is no {rest[0]}"
        chosen, rest = below, rest[1:]
    return chosen, rest


def check_words(words: list[str]) -> None:
    """Raises click.UsageError where the command has no such option; which runs and files there are is not looked at."""
    chosen, rest = command_of(words)
    if not isinstance(chosen, click.Group) and not {"-h", "--help"} & set(rest):
        try:
            chosen.make_context(words[-1], rest)
        except click.BadParameter as error:
            if "does not exist" not in error.message:
                raise
