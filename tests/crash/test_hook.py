"""The planner hook when things go wrong: the real program runs, and the DAG is the planner's, or ours and whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from condor_templates.sub_dagman import sub_dagman_script
from dag_rewriter.directory.dagman_submit_file import is_made_by_shim
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.errors import BadDagError
from dag_rewriter.files import writing
from dag_rewriter.model.dag import Dag, parse_dag
from dag_rewriter.rewriting.rewrite import Options, is_rewritten, rewrite, undo
from monitord_job.diagnosis.run_states import Facts
from planner_ext.cli import run_command
from planner_ext.commands import hook
from planner_ext.errors import AlreadyRunningError
from planner_ext.operations import run
from planner_ext.operations.run import store_the_run_before
from planner_ext.shims import handlers, pegasus_run
from planner_ext.shims.call_arguments import parse_submit_dag
from planner_ext.shims.handlers import ShimError, after_plan, before_submit_dag
from planner_ext.shims.install import install, real_program, states, uninstall
from planner_ext.shims.pegasus_run import run_as_pegasus
from planner_ext.shims.scripts import PROGRAMS
from tests.conftest import Corpus
from tests.support.database import query
from tests.support.hooked import add_environment, planners_words
from tests.support.recorded import prepare

SUBMIT_DAG = """\
#!/bin/sh
# What condor_submit_dag writes, as far as the hook looks.
echo "$@" >>calls
{ending}
for dag; do :; done
test ! -e "$dag.condor.sub" || exit 1
config=$(sed -n 's/^CONFIG //p' "$dag")
{{
    echo "executable = /usr/bin/condor_dagman"
    echo 'arguments = "-f -l . -Dag x.dag"'
    echo "environment = \\"A=1 CONFIG_FILE=$config\\""
    while [ $# -gt 0 ]; do
        [ "$1" != -append ] || echo "$2"
        shift
    done
    echo queue
}} >"$dag.condor.sub"
"""


class KilledError(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def submit_dir(corpus: Corpus, tmp_path: Path) -> SubmitDir:
    """As the planner has it when it calls condor_submit_dag."""
    (braindump,) = corpus("planned/diamond-condorio").rglob("braindump.yml")
    copied = shutil.copytree(braindump.parent, tmp_path / "run0001")
    planned = open_submit_dir(copied)
    planned.condor_sub.unlink()
    planned.metrics.unlink()
    return planned


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def real(tmp_path: Path) -> str:
    return str(program(tmp_path / "bin" / "condor_submit_dag", SUBMIT_DAG.format(ending="")))


def ask_real(real: str, submit_dir: SubmitDir) -> list[str]:
    """What the shim does first: the planner's own call; its words."""
    words = planners_words(submit_dir)
    subprocess.run([real, *words], cwd=submit_dir.path, check=True)
    return words


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "calls"
    }


def test_a_plan_is_taken_over_and_given_back_to_the_byte(submit_dir, real):
    words = planners_words(submit_dir)
    assert before_submit_dag(words, submit_dir.path, 1).ask_again
    ask_real(real, submit_dir)
    planners = content(submit_dir.path)
    assert after_plan(real, words, submit_dir.path).message
    made = submit_dir.condor_sub.read_bytes()
    assert is_made_by_shim(made)
    assert b"\nexecutable=" not in made
    assert f"CONFIG_FILE={submit_dir.monitor_config.name}".encode() in made
    assert is_rewritten(submit_dir)

    add_environment(submit_dir.condor_sub)
    there = content(submit_dir.path)
    assert after_plan(real, words, submit_dir.path).message == "", "a second time, nothing is to be done"
    assert content(submit_dir.path) == there
    undo(submit_dir)
    back = content(submit_dir.path)
    submit_dir.condor_sub.write_bytes(planners[submit_dir.condor_sub.name])
    add_environment(submit_dir.condor_sub)
    assert back == planners | {submit_dir.condor_sub.name: submit_dir.condor_sub.read_bytes()}


def test_a_planned_dag_that_is_part_of_another_gets_no_monitor_of_its_own(submit_dir, real, monkeypatch):
    monkeypatch.setattr(handlers, "_is_dagman", lambda pid: pid == 77)
    words = ["-no_submit", "-update_submit", submit_dir.dag]
    assert "that of the workflow above" in before_submit_dag(words, submit_dir.path, 77).message
    found = dag_of(submit_dir)
    assert (found.monitor, found.jobstate_log) == (None, submit_dir.jobstate_log.name)
    assert "one of its jobs" in before_submit_dag(words, submit_dir.path, 1).message, "somebody else asks"
    assert dag_of(submit_dir).monitor is not None
    assert before_submit_dag(words, submit_dir.path, 77).message == "", "it has one of its own already"
    assert dag_of(submit_dir).monitor is not None


def dag_of(submit_dir: SubmitDir) -> Dag:
    return parse_dag(submit_dir.dag_file.read_bytes(), submit_dir.dag)


def test_a_hook_that_is_killed_anywhere_leaves_a_whole_dag(submit_dir, real, monkeypatch):
    words, planned = ask_real(real, submit_dir), submit_dir.dag_file.read_bytes()
    start = shutil.copytree(submit_dir.path, submit_dir.path.with_name("start"))
    seen = set()
    for step in range(100):
        with pytest.MonkeyPatch.context() as patch:
            kill_at(step, patch)
            try:
                after_plan(real, words, submit_dir.path)
            except KilledError:
                pass
            else:
                break
        dag = submit_dir.dag_file.read_bytes()
        # Either all is the planner's; or the DAG is ours, and nothing is there that would start pegasus-dagman.
        seen.add((dag == planned, submit_dir.condor_sub.exists()))
        assert dag == planned or is_rewritten(submit_dir)
        undo(submit_dir)
        assert submit_dir.dag_file.read_bytes() == planned
        assert submit_dir.condor_sub.read_bytes() == (start / submit_dir.condor_sub.name).read_bytes()
        shutil.rmtree(submit_dir.path)
        shutil.copytree(start, submit_dir.path)
    assert step > 10
    assert seen >= {(True, True), (False, False)}


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step-th change of a file, or call of condor_submit_dag, does not take place."""
    left = step

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return call(*arguments, **named)

        return counting

    for name in ("_write", "_link", "sync_directory"):
        monkeypatch.setattr(writing, name, counted(getattr(writing, name)))
    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))
    monkeypatch.setattr(handlers, "_call", counted(handlers._call))


def test_a_run_whose_monitor_never_came_to_work_is_stored_before_the_next_one(fresh_corpus):
    submit_dir = prepare(fresh_corpus("recorded/failing-condorio")).submit_dir
    found = store_the_run_before(submit_dir)
    assert found is not None
    assert found.total == len(found.jobs) > 0
    assert query(submit_dir.database, "SELECT count(*) FROM job_instance WHERE exitcode IS NULL") == [(0,)]


def test_where_nothing_ran_nothing_is_stored(submit_dir):
    assert store_the_run_before(submit_dir) is None
    assert not submit_dir.database.exists()


def test_a_start_that_goes_on_without_bridle_says_so_where_pegasus_run_cannot_hide_it(
    submit_dir, real, monkeypatch
):
    ask_real(real, submit_dir)
    planners = content(submit_dir.path)
    (submit_dir.path / "bridle-policy.toml").write_text("no toml")
    monkeypatch.chdir(submit_dir.path)
    monkeypatch.setattr(hook, "_submit_dag", lambda: real)
    monkeypatch.setattr(run, "refuse_if_live", lambda _submit_dir: None)
    words = [
        "hook",
        "ask",
        "--",
        "condor_submit",
        "/usr/bin/condor_submit",
        "-terse",
        submit_dir.condor_sub.name,
    ]
    assert run_command(words) not in (0, ExitCode.SHIM_STOP, ExitCode.SHIM_AGAIN)
    (submit_dir.path / "bridle-policy.toml").unlink()
    assert "bridle-policy.toml: it is not TOML" in submit_dir.monitor_log.read_text()
    submit_dir.monitor_log.unlink()
    assert content(submit_dir.path) == planners


@pytest.mark.parametrize(
    ("program_name", "words"),
    [
        ("condor_submit", ["-terse", "{dag}.condor.sub"]),
        ("condor_submit_dag", ["{dag}"]),
        ("pegasus-run", ["."]),
    ],
)
@pytest.mark.parametrize("is_rewritten_before", [False, True])
def test_a_dag_that_dagman_would_refuse_is_not_started(
    submit_dir, real, monkeypatch, capsys, program_name, words, is_rewritten_before
):
    ask_real(real, submit_dir)
    if is_rewritten_before:
        rewrite(submit_dir)
    (submit_dir.path / f"{submit_dir.dag}.rescue001").write_text("DONE renamed_since\n")
    before = content(submit_dir.path)
    monkeypatch.chdir(submit_dir.path)
    monkeypatch.setattr(hook, "_submit_dag", lambda: real)
    monkeypatch.setattr(run, "refuse_if_live", lambda _submit_dir: None)
    monkeypatch.setattr(run, "gather", lambda *_: Facts(now=0))
    called = ["hook", "ask", "--", program_name, f"/usr/bin/{program_name}"]
    called += [word.format(dag=submit_dir.dag) for word in words]
    assert run_command(called) == ExitCode.SHIM_STOP
    said = capsys.readouterr().err
    assert f"{submit_dir.dag}.rescue001:1: the rescue DAG names renamed_since" in said
    assert "BRIDLE_HOOK=off" in said
    assert content(submit_dir.path) == before


def test_a_plan_of_a_dag_that_dagman_would_refuse_is_left_as_it_is(submit_dir, real):
    words = ask_real(real, submit_dir)
    text = submit_dir.dag_file.read_text()
    submit_dir.dag_file.write_text(
        text.replace("# End of DAG", "SUBDAG EXTERNAL mine none.dag\n# End of DAG")
    )
    before = content(submit_dir.path)
    with pytest.raises(BadDagError, match=r"the DAG none\.dag of mine is not there"):
        after_plan(real, words, submit_dir.path)
    assert content(submit_dir.path) == before


def test_a_live_run_is_named_before_its_dag_is_looked_at(submit_dir, monkeypatch):
    rewrite(submit_dir)
    (submit_dir.path / "bridle-policy.toml").write_text('[monitor]\nuniverse = "scheduler"\n')
    before = content(submit_dir.path)

    def refuse(_submit_dir: SubmitDir) -> None:
        raise AlreadyRunningError("x", "DAGMan job 7.0 runs this workflow already", "wait")

    monkeypatch.setattr(run, "refuse_if_live", refuse)
    monkeypatch.setattr(run, "gather", lambda *_: Facts(now=0))
    with pytest.raises(AlreadyRunningError, match="job 7"):
        run.start(submit_dir)
    assert content(submit_dir.path) == before


@pytest.mark.parametrize("queued", [False, True])
def test_a_pegasus_run_that_fails_gives_the_plan_back_or_says_that_it_was_submitted(
    submit_dir, real, monkeypatch, queued
):
    ask_real(real, submit_dir)
    planners = content(submit_dir.path)

    def fail(_submit_dir: SubmitDir) -> None:
        rewrite(submit_dir)
        raise ValueError("odd")

    monkeypatch.setattr(pegasus_run, "start", fail)
    monkeypatch.setattr(pegasus_run, "dagman_jobs", lambda _log: ["5.0"] if queued else [])
    with pytest.raises(AlreadyRunningError if queued else ValueError, match="odd"):
        run_as_pegasus([str(submit_dir.path)], submit_dir.path, real)
    assert (content(submit_dir.path) == planners) is not queued


@pytest.mark.parametrize("ending", ["exit 3", "case $* in *'# bridle'*) echo odd >&2; exit 1 ;; esac"])
def test_what_cannot_be_written_for_our_dag_is_undone(submit_dir, tmp_path, real, ending):
    words = ask_real(real, submit_dir)
    planners = content(submit_dir.path)
    bad = program(tmp_path / "bad" / "condor_submit_dag", SUBMIT_DAG.format(ending=ending))
    with pytest.raises(ShimError, match="does not write it for our DAG"):
        after_plan(str(bad), words, submit_dir.path)
    assert content(submit_dir.path) == planners


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    install(tmp_path / "shims", str(tmp_path / "bridle"))
    return tmp_path / "shims"


def run_shim(tmp_path: Path, shims: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A shim in a PATH of two shim directories and one of real programs."""
    install(tmp_path / "more", str(tmp_path / "bridle"))
    path = [str(shims), str(tmp_path / "more"), str(tmp_path / "real"), "/usr/bin", "/bin"]
    env = {"PATH": os.pathsep.join(path)}
    place = tmp_path / "planned"
    place.mkdir(exist_ok=True)
    (place / "braindump.yml").touch()
    command = [str(shims / name), *words]
    return subprocess.run(
        command, env=env, cwd=place, capture_output=True, text=True, timeout=60, check=False
    )


REAL = '#!/bin/sh\nfor word; do echo "<$word>"; done\nexit 4\n'
WORDS = {
    "condor_submit_dag": ["-append", '+x="a b"', "", "x.dag"],
    "condor_submit": ["-terse", "x.dag.condor.sub"],
    "pegasus-run": ["--json", "*", "a b"],
    "pegasus-remove": ["*"],
    "pegasus-graphviz": ["-o", "x y.dot", "x.dag"],
}
ASKING = sorted(WORDS.keys() - {"pegasus-graphviz"})


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    "bridle",
    [None, "exit 1", "exit 2", "exit 70", "exit 127", "echo broken >&2; exit 74", "not a program"],
)
def test_whatever_becomes_of_bridle_the_real_program_runs_as_it_was_called(tmp_path, shims, name, bridle):
    program(tmp_path / "real" / name, REAL)
    if bridle is not None:
        program(tmp_path / "bridle", f"#!/bin/sh\n{bridle}\n" if "exit" in bridle else bridle)
    done = run_shim(tmp_path, shims, name, *WORDS[name])
    assert (done.returncode, done.stdout.splitlines()) == (4, [f"<{word}>" for word in WORDS[name]])


def test_one_that_is_killed_lets_a_plan_go_on_and_submits_nothing_twice(tmp_path, shims):
    program(tmp_path / "bridle", "#!/bin/sh\nkill -9 $$\n")
    for name in ASKING:
        program(tmp_path / "real" / name, REAL)
        done = run_shim(tmp_path, shims, name, *WORDS[name])
        assert done.returncode == (137 if name in ("pegasus-run", "pegasus-remove") else 4), name


@pytest.mark.parametrize("name", ASKING)
def test_what_the_hook_refuses_is_not_run(tmp_path, shims, name):
    program(tmp_path / "real" / name, REAL)
    program(tmp_path / "bridle", f"#!/bin/sh\nexit {ExitCode.SHIM_STOP}\n")
    done = run_shim(tmp_path, shims, name, *WORDS[name])
    assert (done.returncode, done.stdout) == (2, "")


def test_a_plan_is_asked_about_before_and_after(tmp_path, shims):
    asked = tmp_path / "asked"
    text = (
        f'#!/bin/sh\necho "$@" >>{asked}\ncase $* in *--again*) exit 1 ;; esac\nexit {ExitCode.SHIM_AGAIN}\n'
    )
    program(tmp_path / "bridle", text)
    real = program(tmp_path / "real" / "condor_submit_dag", "#!/bin/sh\nexit 0\n")
    assert run_shim(tmp_path, shims, "condor_submit_dag", "-no_submit", "x.dag").returncode == 0
    before, after = asked.read_text().splitlines()
    assert before.startswith("hook ask --parent ")
    assert before.endswith(f" -- condor_submit_dag {real} -no_submit x.dag")
    assert after == f"hook ask --again -- condor_submit_dag {real} -no_submit x.dag"


def test_the_planners_own_call_is_asked_about_only_when_its_submit_file_is_there(tmp_path, shims):
    asked = tmp_path / "asked"
    program(tmp_path / "bridle", f'#!/bin/sh\necho "$@" >>{asked}\n')
    words = ["-append", "executable=/opt/pegasus/bin/pegasus-dagman", "-no_submit", "x.dag"]
    real = program(tmp_path / "real" / "condor_submit_dag", f"#!/bin/sh\necho real >>{asked}\n")
    assert run_shim(tmp_path, shims, "condor_submit_dag", *words).returncode == 0
    assert parse_submit_dag(words).is_planners
    assert asked.read_text().splitlines() == [
        "real",
        f"hook ask --again -- condor_submit_dag {real} {' '.join(words)}",
    ]
    program(tmp_path / "real" / "condor_submit_dag", f"#!/bin/sh\necho failed >>{asked}\nexit 3\n")
    assert run_shim(tmp_path, shims, "condor_submit_dag", *words).returncode == 3
    assert asked.read_text().splitlines()[2:] == ["failed"]


def test_only_planned_directories_are_asked_about_and_only_if_it_is_not_switched_off(tmp_path, shims):
    program(tmp_path / "bridle", f"#!/bin/sh\nexit {ExitCode.SHIM_STOP}\n")
    for name in ASKING:
        program(tmp_path / "real" / name, REAL)
    assert run_shim(tmp_path, shims, "condor_submit_dag", "/nowhere/x.dag").returncode == 4
    assert run_shim(tmp_path, shims, "condor_submit_dag", "-help").returncode == 4
    assert run_shim(tmp_path, shims, "condor_submit", "job.sub").returncode == 4
    env = {"PATH": f"{shims}:{tmp_path / 'real'}:/usr/bin:/bin", "BRIDLE_HOOK": "off"}
    for name in ASKING:
        done = subprocess.run(
            [shims / name, *WORDS[name]], env=env, cwd=tmp_path / "planned", timeout=60, check=False
        )
        assert done.returncode == 4


def test_a_shim_without_a_real_program_says_so(tmp_path, shims):
    done = run_shim(tmp_path, shims, "condor_submit", "job.sub")
    assert done.returncode == 127
    assert done.stderr.startswith("bridle: condor_submit: no other program of this name is in PATH; ")


def test_a_picture_is_drawn_of_the_planners_dag(tmp_path, shims, submit_dir, real):
    program(
        tmp_path / "real" / "pegasus-graphviz", '#!/bin/sh\nfor dag; do :; done\necho "$dag"\ncat "$dag"\n'
    )
    planned = submit_dir.dag_file.read_text()
    command = ("pegasus-graphviz", "-o", "x.dot", str(submit_dir.dag_file))
    assert run_shim(tmp_path, shims, *command).stdout == f"{submit_dir.dag_file}\n{planned}"
    after_plan(real, ask_real(real, submit_dir), submit_dir.path)
    named, _, text = run_shim(tmp_path, shims, *command).stdout.partition("\n")
    assert text == planned
    assert Path(named).parent == submit_dir.path, "where the submit files are that it looks into"
    assert named.endswith(".dag")
    assert not Path(named).is_symlink(), "nothing is left"


SAYS = '#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n'


@pytest.mark.parametrize("becomes", ["is not there", "exit 1", "kill -9 $$", "has rewritten it"])
def test_a_sub_workflow_is_rewritten_before_its_dagman_which_starts_whatever_becomes_of_that(
    submit_dir, tmp_path, becomes
):
    """Its planner found no shim. It is not asked again where the DAG is ours."""
    bridle, asked = tmp_path / "b in" / "bridle", tmp_path / "asked"
    if becomes == "has rewritten it":
        rewrite(submit_dir, Options(monitor=False))
    if becomes != "is not there":
        program(bridle, f'#!/bin/sh\necho "$@" >>"{asked}"\necho odd >&2\n{becomes}\n')
    dagman = program(tmp_path / "condor_dagman", SAYS)
    script = program(tmp_path / "x.bridle.condor_dagman", sub_dagman_script(str(bridle), str(dagman)))
    words = ["-p", "0", "-f", "-Lockfile", "a b.lock", "-Dag", submit_dir.dag, "-AutoRescue", "1"]
    done = subprocess.run(
        [script, *words], cwd=submit_dir.path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [str(submit_dir.path), *words]
    assert ("odd" in done.stderr) is (becomes in ("exit 1", "kill -9 $$"))
    told = f"hook ask -- condor_dagman {dagman} {submit_dir.dag}\n"
    assert (asked.read_text() if asked.exists() else "") == (
        told if becomes in ("exit 1", "kill -9 $$") else ""
    )


def test_what_is_asked_before_a_dagman_below_rewrites_a_plan_without_a_monitor(submit_dir, monkeypatch):
    words = ["hook", "ask", "--", "condor_dagman", "/usr/bin/condor_dagman", submit_dir.dag]
    monkeypatch.chdir(submit_dir.path)
    braindump = submit_dir.path / "braindump.yml"
    braindump.write_text(
        braindump.read_text().replace(f'root_wf_uuid: "{submit_dir.wf_uuid}"', 'root_wf_uuid: "above"')
    )
    submit_dir.dagman_lock.touch()
    planned = submit_dir.dag_file.read_bytes()
    assert run_command(words) == 0
    assert submit_dir.dag_file.read_bytes() == planned, "this DAGMan goes on after a crash"
    submit_dir.dagman_lock.unlink()
    assert run_command(words) == 0
    below = open_submit_dir(submit_dir.path)
    assert dag_of(below).jobstate_log == below.jobstate_log.name
    assert dag_of(below).monitor is None


def test_shims_are_installed_seen_and_removed(tmp_path, shims):
    assert install(shims, str(tmp_path / "bridle")) == []
    for name in PROGRAMS:
        program(tmp_path / "real" / name, REAL)
    path = f"{shims}:{tmp_path / 'more'}:{tmp_path / 'real'}"
    found = states(shims, path)
    assert [(state.program, state.works) for state in found] == [(name, True) for name in PROGRAMS]
    assert {state.real for state in found} == {str(tmp_path / "real" / name) for name in PROGRAMS}
    assert not any(state.works for state in states(shims, f"{tmp_path / 'real'}:{shims}"))
    assert real_program("condor_submit", str(shims)) is None
    program(shims / "condor_submit", REAL)
    with pytest.raises(BridleError, match="another program of this name"):
        install(shims, str(tmp_path / "bridle"))
    assert [gone.name for gone in uninstall(shims)] == [name for name in PROGRAMS if name != "condor_submit"]
    assert [left.name for left in shims.iterdir()] == ["condor_submit"]


def test_programs_are_told_of_the_shims_in_json(tmp_path, monkeypatch, capfd):
    place, real = tmp_path / "a b", tmp_path / "real"
    for name in PROGRAMS:
        program(real / name, REAL)
    monkeypatch.setenv("PATH", f"{place}:{real}")

    def told(word: str, code: int) -> dict:
        assert run_command(["hook", word, "--json", str(place)]) == code
        shown = json.loads(capfd.readouterr().out)
        assert isinstance(shown, dict)
        return shown

    assert not any(row["works"] for row in told("show", 1)["programs"])
    assert told("install", 0) == {
        "version": 1,
        "directory": str(place),
        "written": list(PROGRAMS),
        "export": f"export PATH='{place}':$PATH",
    }
    assert told("install", 0)["written"] == []
    rows = told("show", 0)["programs"]
    assert [(row["program"], row["works"], row["real"]) for row in rows] == [
        (name, True, str(real / name)) for name in PROGRAMS
    ]
    assert told("uninstall", 0)["removed"] == [str(place / name) for name in PROGRAMS]
    assert not place.exists()
