"""`bridle-notify`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from condor_templates.errors import BridleError
from condor_templates.terminal import say
from monitord_job.errors import MonitorError, TryAgainError
from monitord_job.messages.event_context import EventContext, event_context

if TYPE_CHECKING:
    from monitord_job.messages.report import Report
    from monitord_job.messages.send import OutgoingMessage
    from monitord_job.messages.targets import NotifyConfig, Target


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Example:
  bridle-notify --to me@example.org --test
  bridle-notify --to me@example.org --to ops --run ~/runs/mosaic/run0001
  bridle-notify --run ~/runs/mosaic/run0001 --dry-run --html > report.html
  bridle notify add run0001 --workflow --on end --to me@example.org
\b
Exit codes:
  0   sent to all of them, or shown
  1   one of them refused it for good
  2   wrong usage: an invalid target, a file that others can read
  75  one of them cannot take it now: try again (a monitor does)
""",
)
@click.option(
    "--to",
    "words",
    metavar="TARGET",
    multiple=True,
    help="A name of [targets] in notify.toml, env:VARIABLE, a mail address, sendmail:ADDRESS, log:FILE, or a URL of "
    "apprise (slack://, msteams://, matrix://, jsons://, ...). May be repeated.",
)
@click.option(
    "--run",
    metavar="SUBMIT_DIR",
    type=click.Path(path_type=Path, readable=False),
    help="Report on this run now; by default, on the event in the environment.",
)
@click.option("--url", help="The database of --run, if the monitor was told of it by its own --url.")
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),
    help="Instead of ~/.config/bridle/notify.toml.",
)
@click.option(
    "--from", "sender", metavar="ADDRESS", help="Sender of mails; by default, what notify.toml says."
)
@click.option("--brief", is_flag=True, help="Only what happened, without the report of the run.")
@click.option(
    "--timeout",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=1.0),
    help="Seconds for everything; then it ends with 75.",
)
@click.option("--test", is_flag=True, help="Send a test message.")
@click.option("--dry-run", is_flag=True, help="Show the message and where it would go; send nothing.")
@click.option("--html", is_flag=True, help="With --dry-run: the HTML of the message, and nothing else.")
@click.option("-v", "--verbose", count=True, help="Say where it was sent; twice: tracebacks of errors.")
@click.pass_obj
def notify(
    verbosity: object,
    words: tuple[str, ...],
    run: Path | None,
    url: str | None,
    config: Path | None,
    sender: str | None,
    timeout: float,
    *,
    brief: bool,
    test: bool,
    dry_run: bool,
    html: bool,
    verbose: int,
) -> int:
    """Send a message with a report: what happened, how far the run is, what failed and why, what to do now.

    A monitor runs it for the rules `to: TARGET`; any script of a notification may. What it is about is in the
    environment (PEGASUS_EVENT, PEGASUS_JOBID, ...; `bridle help notifications` has all). Secrets belong in notify.toml,
    which only you may read, not on command lines.
    """
    if verbosity is not None:
        verbosity.level = verbose  # type: ignore[attr-defined]
    with _limit(timeout):
        about = _about(os.environ, run, test=test)
        settings = _config(config, sender)
        targets = _targets(words, settings, needed=not dry_run)
        outgoing = _outgoing(_report(about, run, url, known=not (test or brief)))
        if dry_run:
            _show(outgoing, targets, html=html)
            return 0
        return _send(targets, outgoing, settings, timeout, tell=verbose > 0)


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Nothing may wait longer, whatever it waits in: a name server, a thread of a library."""

    def give_up(_number: int, _frame: object) -> NoReturn:
        os.write(2, f"bridle-notify: not done within {seconds:g} s; it will be tried again\n".encode())
        os._exit(TryAgainError.exit_code)

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _about(environment: Mapping[str, str], run: Path | None, *, test: bool) -> EventContext:
    if test:
        from monitord_job.messages.report import TEST

        return EventContext(TEST, time=time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    if run is not None:
        place = str(run.absolute())
        return EventContext("", directory=place, run=place, time=time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    about = event_context(environment)
    if not about.event:
        raise click.UsageError("there is no event in the environment (PEGASUS_EVENT): use --run or --test")
    return about


def _config(named: Path | None, sender: str | None) -> NotifyConfig:
    from monitord_job.messages.config_files import read_config
    from monitord_job.messages.targets import sender_of

    settings = read_config(named)
    return replace(settings, sender=sender_of(sender, "--from")) if sender else settings


def _targets(words: tuple[str, ...], config: NotifyConfig, *, needed: bool) -> list[Target]:
    from monitord_job.messages.send import check
    from monitord_job.messages.targets import targets_of

    if needed and not words:
        raise click.UsageError("name a target with --to")
    targets = targets_of(words, config, os.environ)
    for target in targets:
        check(target)
    return targets


def _report(about: EventContext, run: Path | None, url: str | None, *, known: bool) -> Report:
    from monitord_job.messages.report import Report

    now = int(time.time())
    if not known:
        return Report(about, now)
    from monitord_job.messages.report_queries import read_report, report_of
    from monitord_job.text.display import one_line

    if run is not None:
        from monitord_job.cli.common import open_run
        from monitord_job.readers.status import brought_up

        opened = open_run(run)
        database = brought_up(opened, url)
        try:
            return report_of(about, opened, database, now)
        except MonitorError as error:
            return Report(about, now, trouble=one_line(str(error), 500))
    # The bytes of the path, not what of it can be shown.
    place = os.environ.get("BRIDLE_RUN") or os.environ.get("PEGASUS_SUBMIT_DIR") or "."
    return read_report(about, Path(place), now, url or os.environ.get("BRIDLE_DATABASE_URL"))


def _outgoing(report: Report) -> OutgoingMessage:
    from monitord_job.messages.render import fields, message, severity
    from monitord_job.messages.send import OutgoingMessage

    return OutgoingMessage(message(report), report.about, severity(report), time.time(), fields(report))


def _show(outgoing: OutgoingMessage, targets: list[Target], *, html: bool) -> None:
    if html:
        say(outgoing.message.html)
        return
    for target in targets:
        say(f"To: {target.name}")
    say(f"Subject: {outgoing.message.subject}\n\n{outgoing.message.text}")


def _send(
    targets: list[Target], outgoing: OutgoingMessage, config: NotifyConfig, timeout: float, *, tell: bool
) -> int:
    """To all of them, whatever becomes of one; the exit code that says the most: 75, then the largest."""
    from monitord_job.messages.send import send

    codes = {0}
    for target in targets:
        try:
            send(target, outgoing, config, timeout)
        except BridleError as error:
            say(f"bridle-notify: {error}", err=True)
            codes.add(error.exit_code)
        else:
            if tell:
                say(f"sent to {target.name}")
    sys.stdout.flush()
    return max(codes)
