"""`bridle-notify` as a program, with servers that receive what it sends."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.cli.bridle_notify import notify
from planner_ext.cli import run_command
from tests.conftest import Corpus
from tests.support.mailbox import (
    Mailbox,
    Webhook,
    environment,
    http_server,
    parts_of,
    sendmail_program,
    sent_by,
    smtp_server,
)
from tests.support.notified import kept
from tests.support.recorded import prepare
from tests.support.rules import write_rules

CLIENT = Path(sys.executable).with_name("bridle-notify")
BRIDLE = [sys.executable, "-m", "planner_ext"]
# apprise imports a module that Python 3.13 no longer has, and makes up for it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "s3cr3tt0ken"


@pytest.fixture(scope="module")
def failed_run(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with 97 failed jobs, and its database."""
    folder = tmp_path_factory.mktemp("failed")
    shutil.copytree(corpus("recorded/fan100-missinginput"), folder, dirs_exist_ok=True, symlinks=True)
    path = prepare(folder).submit_dir.path
    subprocess.run([*BRIDLE, "monitord", "--catch-up", path], check=True)
    return path


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as box:
        yield box


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with http_server() as hook:
        yield hook


class Client:
    """Runs `bridle-notify` with a home of its own: in this process, or as a program."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.variables: dict[str, str] = {}
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("HOME", str(home))  # where it stands what is confirmed

    def config(self, text: str, mode: int = 0o600) -> None:
        path = self.home / "config" / "bridle" / "notify.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def _environment(self) -> dict[str, str]:
        own = environment(
            HOME=str(self.home),
            XDG_CONFIG_HOME=str(self.home / "config"),
            BRIDLE_SITE_POLICY=str(self.home / "site" / "policy.toml"),
        )
        return own | self.variables

    def __call__(self, *arguments: str | Path) -> Done:
        self._monkeypatch.chdir(self.home)
        for name in os.environ:
            self._monkeypatch.delenv(name)
        for name, value in self._environment().items():
            self._monkeypatch.setenv(name, value)
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run_command([str(one) for one in arguments], notify, "bridle-notify")
        return Done(code, out.getvalue(), err.getvalue())

    def program(self, *arguments: str | Path) -> Done:
        return self._run(CLIENT, *arguments)

    def bridle(self, *arguments: str | Path) -> Done:
        return self._run(*BRIDLE, *arguments)

    def python(self, *arguments: str) -> Done:
        return self._run(sys.executable, *arguments)

    def _run(self, *command: str | Path) -> Done:
        done = subprocess.run(
            command,
            env=self._environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


class Done(NamedTuple):
    """How it ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(tmp_path, monkeypatch)


def an_error(path: Path, job: str = "work_w00080") -> dict[str, str]:
    """What a monitor tells a script of a job that failed."""
    return {
        "PEGASUS_EVENT": "error",
        "PEGASUS_EVENT_TIMESTAMP_ISO": "2026-11-23T05:26:00+0000",
        "PEGASUS_JOBID": job,
        "PEGASUS_WFID": "fan100-0",
        "PEGASUS_SUBMIT_DIR": str(path),
        "PEGASUS_STATUS": "2",
        "BRIDLE_WORKFLOW": "0f9b1129-8e29-4df2-838b-032554acae9e",
        "BRIDLE_ATTEMPT": "2",
        "BRIDLE_NOTIFICATION_KEY": "0123456789abcdef0123456789abcdef",
    }


@pytest.mark.corpus
def test_mail_by_smtp_has_text_and_html(client: Client, mailbox: Mailbox, failed_run: Path) -> None:
    client.config(f'[mail]\nvia = "mailto://127.0.0.1:{mailbox.port}"\nfrom = "bridle@example.org"')
    client.variables = an_error(failed_run)
    done = client.program("--to", "me@example.org", "-v")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent to me@example.org\n", "")
    [mail], [envelope] = mailbox.mails, mailbox.envelopes
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail["Subject"] == "fan100: work_w00080 failed (exit code 2, attempt 2), 5% done"
    assert (mail["From"], mail["To"]) == ("bridle@example.org", "me@example.org")
    assert envelope.rcpt_tos == ["me@example.org"]
    assert mail["Message-ID"] == "<0123456789abcdef0123456789abcdef@bridle>"
    assert mail["Auto-Submitted"] == "auto-generated"
    parts = parts_of(mail)
    for said in ("97 of 130", 'open "part.00080"', "bridle run", "7 of 130 jobs"):
        assert (said in parts["text/plain"]) == (said != "97 of 130"), said
    assert "open &#34;part.00080&#34;" in parts["text/html"]
    assert "97 compute jobs" in parts["text/html"]
    assert "src=" not in parts["text/html"]
    assert "url(" not in parts["text/html"]


@pytest.mark.corpus
def test_webhook_gets_json_with_fields(client: Client, webhook: Webhook, failed_run: Path) -> None:
    client.config(f'[targets]\nops = "json://127.0.0.1:{webhook.port}/{SECRET}"')
    client.variables = an_error(failed_run)
    done = client("--to", "ops")
    assert (done.returncode, done.stderr) == (0, "")
    [(path, body)] = webhook.posts
    assert path == f"/{SECRET}"
    assert body["title"] == "fan100: work_w00080 failed (exit code 2, attempt 2), 5% done"
    assert 'open "part.00080": 2: No such file or directory' in body["message"]
    assert body["type"] == "failure"
    wanted = {
        "event": "error",
        "job": "work_w00080",
        "status": "2",
        "attempt": "2",
        "failed": "97",
        "total": "130",
    }
    assert wanted.items() <= body.items()


@pytest.mark.corpus
def test_sendmail_program_gets_the_same(client: Client, tmp_path: Path, failed_run: Path) -> None:
    sendmail_program(tmp_path / "bin")
    client.variables = {**an_error(failed_run), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    assert client("--to", "me@example.org", "--to", "sendmail:root").returncode == 0
    first, second = sent_by(tmp_path / "bin")
    assert first["To"] == "me@example.org"
    assert second["To"] == "root"
    assert first["From"] is None  # the program's own
    assert (tmp_path / "bin" / "arguments").read_text().split() == [
        *("-i", "--", "me@example.org"),
        *("-i", "--", "root"),
    ]
    assert "97 compute jobs" in parts_of(first)["text/plain"]


@pytest.mark.corpus
def test_log_is_appended_to(client: Client, tmp_path: Path, failed_run: Path) -> None:
    client.variables = an_error(failed_run)
    for _ in range(2):
        assert client("--to", "log:told.log").returncode == 0
    text = (tmp_path / "told.log").read_text()
    assert text.count("=== 2026-11-23T05:26:00+0000 fan100: work_w00080 failed") == 2


def test_target_from_the_environment(client: Client, webhook: Webhook) -> None:
    client.variables = {"HOOK": f"json://127.0.0.1:{webhook.port}/"}
    assert client("--to", "env:HOOK", "--test").returncode == 0
    assert "this is where notifications arrive" in webhook.posts[0][1]["title"]
    missing = client("--to", "env:OTHER", "--test")
    assert missing.returncode == 2
    assert "the environment variable OTHER is not set" in missing.stderr


def test_what_is_refused_for_now_is_75_and_for_good_1(client: Client, mailbox: Mailbox) -> None:
    client.config(f'[mail]\nvia = "mailto://127.0.0.1:{mailbox.port}"')
    mailbox.answers = ["451 come back later", "550 nobody of that name"]
    later, never, at_last = (client("--to", "me@example.org", "--test") for _ in range(3))
    assert (later.returncode, never.returncode, at_last.returncode) == (75, 1, 0)
    assert "451 come back later" in later.stderr
    assert "550 nobody of that name" in never.stderr
    assert len(mailbox.mails) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_a_server_wants_a_password(client: Client) -> None:
    with smtp_server(password=SECRET) as box:
        for password, code, mails in ((SECRET, 0, 1), ("wr0ngone", 1, 1)):
            client.config(
                f'[targets]\nme = "mailto://user:{password}@127.0.0.1:{box.port}?to=me@example.org&from=a@b.org"'
            )
            done = client("--to", "me", "--test")
            assert (done.returncode, len(box.mails)) == (code, mails), done.stderr
            assert password not in done.stdout + done.stderr
    assert "it refuses the login (code 535)" in done.stderr


def test_a_server_without_encryption_gets_no_mail_that_wants_it(client: Client, mailbox: Mailbox) -> None:
    client.config(
        f'[targets]\nme = "mailtos://user:{SECRET}@127.0.0.1:{mailbox.port}?to=me@example.org&from=a@b.org"'
    )
    done = client("--to", "me", "--test")
    assert done.returncode == 1
    assert "STARTTLS extension not supported by server" in done.stderr
    assert not mailbox.mails
    assert SECRET not in done.stderr


def test_nobody_there_is_75(client: Client, tmp_path: Path) -> None:
    """Ports where nobody listens any more."""
    with smtp_server() as gone:
        port = gone.port
    client.config(
        f'[mail]\nvia = "mailto://127.0.0.1:{port}"\n[targets]\nops = "json://127.0.0.1:{port}/{SECRET}"'
    )
    for target in ("me@example.org", "ops"):
        done = client("--to", target, "--test")
        assert done.returncode == 75, done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert SECRET not in done.stderr
    sendmail_program(tmp_path / "bin", "echo no queue >&2; exit 75")
    client.variables = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    done = client("--to", "sendmail:me@example.org", "--test")
    assert (done.returncode, "exited with 75: no queue" in done.stderr) == (75, True)


def test_one_that_fails_keeps_no_other_from_its_message(client: Client, webhook: Webhook) -> None:
    webhook.answers = [500, 200]
    base = f"json://127.0.0.1:{webhook.port}"
    client.config(f'[targets]\nall = ["{base}/a{SECRET}", "{base}/b{SECRET}"]')
    done = client("--to", "all", "--test")
    assert done.returncode == 75
    assert [path for path, _ in webhook.posts] == [f"/a{SECRET}", f"/b{SECRET}"]
    assert SECRET not in done.stdout + done.stderr
    assert "error=500" in done.stderr


@pytest.mark.parametrize(
    "address",
    [
        f"slack://{SECRET}",
        f"nosuchservice://{SECRET}",
        f"mailto://user:{SECRET}@",
        f"json://user:{SECRET}@host:notaport/",
    ],
)
def test_no_secret_in_an_error(client: Client, address: str) -> None:
    client.config(f'[targets]\nops = "{address}"')
    done = client("--to", "ops", "--test", "-vv")
    assert done.returncode == 2, done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert SECRET not in client("--to", "ops", "--test", "--dry-run").stdout


@pytest.mark.parametrize(("mode", "word"), [(0o644, "read"), (0o620, "write"), (0o640, "read")])
def test_a_file_that_others_can_read_is_refused(client: Client, mode: int, word: str) -> None:
    client.config('[targets]\nops = "json://127.0.0.1/"', mode)
    done = client("--to", "ops", "--test")
    assert done.returncode == 2
    assert f"others can {word} it" in done.stderr
    assert "chmod 600" in done.stderr


def test_a_server_that_says_nothing_is_75_in_time(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client.config(f'[mail]\nvia = "mailto://127.0.0.1:{silent.getsockname()[1]}"')
        done = client.program("--to", "me@example.org", "--test", "--timeout", "2")
    assert done.returncode == 75
    assert "it will be tried again" in done.stderr


def test_a_database_that_is_gone_is_told_in_the_message(client: Client, tmp_path: Path) -> None:
    client.variables = an_error(tmp_path)
    assert client("--to", f"log:{tmp_path}/told.log").returncode == 0
    text = (tmp_path / "told.log").read_text()
    assert "work_w00080 failed (exit code 2, attempt 2)" in text
    assert "No more is known: " in text


def test_a_database_server_that_is_gone_keeps_no_message_back(client: Client, failed_run: Path) -> None:
    url = f"postgresql://me:{SECRET}@127.0.0.1:1/runs"
    client.variables = {**an_error(failed_run), "BRIDLE_DATABASE_URL": url}
    done = client("--to", "log:told.log")
    text = (client.home / "told.log").read_text()
    assert done.returncode == 0, done.stderr
    assert "work_w00080 failed (exit code 2, attempt 2)" in text
    assert (
        "No more is known: postgresql+psycopg://me:***@127.0.0.1:1/runs: the database cannot be read" in text
    )
    assert SECRET not in text


def test_a_database_that_was_named_is_found(client: Client, rerun: SubmitDir) -> None:
    write_rules(rerun.bridle_notify, f"WORKFLOW * end to: log:{client.home}/told.log\n")
    url = f"sqlite:///{client.home}/elsewhere.db"
    assert client.bridle("monitord", "--catch-up", "--notify", "--url", url, rerun.path).returncode == 0
    assert (client.home / "told.log").read_text().count("100% done (14 of 14 jobs)") == 2
    assert not rerun.database.exists()


@pytest.mark.corpus
def test_dry_run_shows_and_sends_nothing(client: Client, webhook: Webhook, failed_run: Path) -> None:
    client.variables = {"HOOK": f"json://127.0.0.1:{webhook.port}/{SECRET}"}
    done = client("--to", "env:HOOK", "--run", failed_run, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("To: env:HOOK\nSubject: fan100: workflow: failed")
    assert not webhook.posts
    html = client("--run", failed_run, "--dry-run", "--html").stdout
    assert html.startswith("<!DOCTYPE html>")


def test_usage(client: Client) -> None:
    wrong = [
        "--test",
        "--to me@example.org",
        "--to no@such@address --test",
        "--to ops --test",
        "--to log: --test",
    ]
    for arguments in ("", *wrong):
        done = client(*arguments.split())
        assert done.returncode == 2, arguments
        assert done.stderr


@pytest.fixture
def rerun(fresh_corpus: Corpus) -> SubmitDir:
    """A run that failed, and its rescue run, which succeeded; no database yet."""
    found = prepare(fresh_corpus("recorded/failing-condorio")).submit_dir
    write_rules(found.notify, "")
    return found


def test_a_monitor_delivers_to_targets(
    client: Client, rerun: SubmitDir, mailbox: Mailbox, webhook: Webhook
) -> None:
    """From the rule to the mailbox: the first mail is refused for now, and comes with the next try."""
    client.config(
        f'[targets]\nops = "json://127.0.0.1:{webhook.port}/{SECRET}"\n'
        f'[mail]\nvia = "mailto://127.0.0.1:{mailbox.port}"\n'
    )
    write_rules(rerun.bridle_notify, "WORKFLOW * end to: me@example.org\nJOB * error to: ops\n")
    mailbox.answers = ["451 come back later"]
    done = client.bridle("monitord", "--catch-up", "--notify", rerun.path)
    assert done.returncode == 0, done.stderr
    done = client.bridle("monitord", "--deliver", rerun.path)
    assert done.returncode == 0, done.stderr
    found = kept(rerun.database)
    first, second = (row for row in found if row["entity"].startswith("WORKFLOW"))
    assert (first["state"], first["tries"]) == ("delivered", 2)
    assert (second["state"], second["tries"]) == ("delivered", 1)
    subjects = {
        mail["Message-ID"].strip("<>").partition("@")[0]: mail["Subject"].partition(",")[0]
        for mail in mailbox.mails
    }
    assert subjects == {
        first["key"]: "failingio: workflow failed",
        second["key"]: "failingio: workflow succeeded",
    }
    assert len(mailbox.mails) == 2
    assert {mail["References"] for mail in mailbox.mails} == {f"<{rerun.wf_uuid}@bridle>"}
    bodies = [body for _, body in webhook.posts]
    assert [(body["job"], body["attempt"], body["status"]) for body in bodies] == [
        ("flag_needflag", "1", "7"),
        ("flag_needflag", "2", "7"),
    ]
    assert all("no /home/scientist/failing-condorio/FLAG" in body["message"] for body in bodies)
    assert [body["key"] for body in bodies] == [row["key"] for row in found if "flag" in row["entity"]]
    assert SECRET not in json.dumps(found)
    assert SECRET not in (rerun.path / "monitord-notifications.log").read_text()


@pytest.mark.parametrize(("word", "mails"), [("bridle", 2), ("pegasus", 0)])
def test_pegasus_script_gives_way_if_a_policy_says_so(
    client: Client, rerun: SubmitDir, mailbox: Mailbox, word: str, mails: int
) -> None:
    """The planner's own file, the site's word, the user's last: nothing of the workflow is changed."""
    client.config(f'[mail]\nvia = "mailto://127.0.0.1:{mailbox.port}"\n')
    site = client.home / "site" / "policy.toml"
    site.parent.mkdir()
    site.write_text('[notifications]\npegasus_email = "bridle"\n')
    (client.home / "config" / "bridle" / "policy.toml").write_text(
        f'[notifications]\npegasus_email = "{word}"\n'
    )
    rule = (
        f"WORKFLOW {rerun.wf_uuid} at_end /opt/pegasus/share/pegasus/notification/email -t me@example.org\n"
    )
    write_rules(rerun.notify, rule)
    assert client.bridle("monitord", "--catch-up", "--notify", rerun.path).returncode == 0
    assert [mail["To"] for mail in mailbox.mails] == ["me@example.org"] * mails
    assert rerun.notify.read_text() == rule
    ran = "bridle-notify" if mails else "/opt/pegasus/share/pegasus/notification/email"
    assert all(row["argv"][0].endswith(ran) for row in kept(rerun.database))
    assert len(kept(rerun.database)) == 2


@pytest.mark.corpus
def test_a_sub_workflow_is_reported_on_from_the_database_of_the_root(
    client: Client, fresh_corpus: Corpus
) -> None:
    root = prepare(fresh_corpus("recorded/subwf-dax-hooks")).submit_dir
    write_rules(root.notify, "")
    told = client.home / "told.log"
    write_rules(root.bridle_notify, f"WORKFLOW * end to: log:{told}\nJOB * error to: log:{told}\n")
    assert client.bridle("monitord", "--catch-up", "--notify", root.path).returncode == 0
    entries = sorted(told.read_text().split("=== ")[1:], reverse=True)  # by time: two workflows keep no order
    assert [entry.partition(" ")[2].partition(":")[0] for entry in entries] == ["subwfh", "inner"]
    assert "100% done (8 of 8 jobs)" in entries[1]
    assert f"bridle status {root.path}\n" in entries[1]
    assert f"{root.path}/00/00/inner_subwf1.000\n" in entries[1]
    # As if a job of it had failed: the report on the root names it, and counts its own.
    with closing(sqlite3.connect(root.database)) as database, database:
        changed = database.execute(
            "UPDATE job_instance SET exitcode = 256 WHERE job_id IN "
            "(SELECT job_id FROM job WHERE exec_job_id LIKE 'findrange%' AND wf_id > 1)"
        )
        assert changed.rowcount == 2
    shown = client("--run", root.path, "--dry-run").stdout
    assert "100% done (9 of 9 jobs)" in shown
    assert "Failed in sub-workflows: 2\n\n* 2 compute jobs: exit code 1\n" in shown
    assert "findrange_ID0000002 in inner, findrange_ID0000003 in inner" in shown


def test_a_monitor_loads_neither_templates_nor_services(client: Client, failed_run: Path) -> None:
    """They would cost each monitor a second of its start."""
    script = (
        "import sys\nfrom planner_ext.cli import run_command\n"
        f"code = run_command(['monitord', '--catch-up', '--notify', {str(failed_run)!r}])\n"
        "print(code, *sorted({'apprise', 'jinja2', 'smtplib', 'requests'} & set(sys.modules)))"
    )
    done = client.python("-c", script)
    assert (done.stdout, done.stderr) == ("0\n", "")
