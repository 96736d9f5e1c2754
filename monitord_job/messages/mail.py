"""A message as a mail, and its two ways out: an SMTP server, or the sendmail program of the machine."""

from __future__ import annotations

import re
import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from enum import Enum

from monitord_job.errors import TryAgainError, UndeliveredError
from monitord_job.messages.event_context import EventContext
from monitord_job.messages.render import Message
from monitord_job.text.display import last_lines, one_line

_SENDMAIL_PLACES = ":/usr/sbin:/usr/lib:/usr/local/sbin"
_TRY_LATER = frozenset({69, 71, 73, 74, 75})
"""What sendmail exits with if it may go well later: unavailable, system, cannot create, input/output, temporary."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Security(Enum):
    """How the connection to an SMTP server is kept from others; `.value` as apprise has it."""

    PLAIN = "insecure"
    STARTTLS = "starttls"
    TLS = "ssl"


@dataclass(frozen=True, slots=True)
class Relay:
    """An SMTP server."""

    host: str
    port: int
    security: Security = Security.PLAIN
    user: str = ""
    password: str = field(default="", repr=False)
    verify: bool = True


_PLAIN_RELAY = re.compile(r"mailto://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?/?")


def plain_relay(address: str) -> Relay | None:
    """The SMTP server at an address of nothing but host and port, which means the same without apprise.

    >>> plain_relay("mailto://relay.example.org:2525")
    Relay(host='relay.example.org', port=2525, security=<Security.PLAIN: 'insecure'>, user='', verify=True)
    >>> plain_relay("mailtos://me:s3cret@example.org")
    """
    match = _PLAIN_RELAY.fullmatch(address)
    return Relay(match[1], int(match[2] or 25)) if match else None


@dataclass(frozen=True, slots=True)
class Headers:
    """Who writes to whom; `sender` "": the sendmail program knows."""

    sender: str
    to: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    """Bcc: who gets it and is not named"""


def compose(message: Message, headers: Headers, about: EventContext, now: float) -> EmailMessage:
    """multipart/alternative, text first. A header with a line break in it is refused by `email` itself.

    A notification that is delivered twice has the same Message-ID; those of a workflow are one thread.
    """
    mail = EmailMessage()
    mail["Subject"] = message.subject
    if headers.sender:
        mail["From"] = headers.sender
    mail["To"] = ", ".join(headers.to)
    if headers.hidden:
        mail["Bcc"] = ", ".join(headers.hidden)  # smtplib leaves it out of what it sends
    mail["Date"] = formatdate(now, localtime=True)
    mail["Message-ID"] = f"<{about.key}@bridle>" if _is_word(about.key) else make_msgid(domain="bridle")
    if _is_word(about.wf_uuid):
        mail["References"] = f"<{about.wf_uuid}@bridle>"
        mail["X-Bridle-Workflow"] = about.wf_uuid
    if _is_word(about.key):
        mail["X-Bridle-Notification-Key"] = about.key
    # No out-of-office answers to it: RFC 3834.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


_WORD = re.compile(r"[A-Za-z0-9-]{1,64}")


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


def send_by_smtp(mail: EmailMessage, relay: Relay, limit: float) -> None:
    """Raises TryAgainError or UndeliveredError."""
    where = f"mail server {relay.host}:{relay.port}"
    try:
        with _connected(relay, limit) as server:
            _log_in(server, relay, where)
            refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        raise _refusal(where, next(iter(error.recipients.values()), (0, b""))) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(where, (error.smtp_code, error.smtp_error)) from None
    except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
        hint = "correct its address in notify.toml (?mode=insecure, ?verify=no), or the server"
        raise UndeliveredError(where, f"the mail could not be sent: {_said(error)}", hint) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TryAgainError(
            where, f"the mail could not be sent: {_said(error)}", "it will be tried again"
        ) from None
    if refused:
        raise _refusal(where, next(iter(refused.values())))


def _connected(relay: Relay, limit: float) -> smtplib.SMTP:
    if relay.security is Security.TLS:
        return smtplib.SMTP_SSL(relay.host, relay.port, timeout=limit, context=_context(relay))
    server = smtplib.SMTP(relay.host, relay.port, timeout=limit)
    try:
        server.ehlo()
        offered = server.has_extn("starttls")
        # Nobody's password goes over the net in the clear, whatever the address says.
        if relay.security is Security.STARTTLS or (relay.password and offered):
            server.starttls(context=_context(relay))
            server.ehlo()
        elif relay.password and relay.host not in _LOOPBACK:
            what = "it offers no encryption: others could read the password"
            raise UndeliveredError(
                f"mail server {relay.host}:{relay.port}", what, "use mailtos://, or its port"
            )
    except BaseException:  # a refusal, a time-out, an interrupt: nobody else has the connection yet
        server.close()
        raise
    return server


def _context(relay: Relay) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not relay.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _log_in(server: smtplib.SMTP, relay: Relay, where: str) -> None:
    if not relay.password:
        return
    try:
        server.login(relay.user, relay.password)
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            raise
        what = f"it refuses the login (code {error.smtp_code})"
        raise UndeliveredError(where, what, "see user and password in notify.toml") from None


def _refusal(where: str, answer: tuple[int, bytes | str]) -> TryAgainError | UndeliveredError:
    code, text = answer
    said = text if isinstance(text, str) else text.decode("utf-8", "replace")
    what = f"it refuses the mail: {code} {one_line(said, 300)}"
    if 400 <= code < 500:
        return TryAgainError(where, what, "it will be tried again")
    return UndeliveredError(where, what, "correct the address, or [mail] in notify.toml")


def _said(error: OSError | smtplib.SMTPException) -> str:
    return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__, 300)


def sendmail_program() -> str | None:
    """Where the sendmail program of the machine is."""
    from os import environ

    return shutil.which("sendmail", path=environ.get("PATH", "") + _SENDMAIL_PLACES)


def send_by_sendmail(
    mail: EmailMessage, to: str, limit: float, find: Callable[[], str | None] = sendmail_program
) -> None:
    """Raises TryAgainError or UndeliveredError."""
    program = find()
    if program is None:
        what = "there is no sendmail program on this machine"
        raise UndeliveredError(
            "sendmail", what, 'write via = "mailto://server:25" below [mail] in notify.toml'
        )
    # -i: a line with one dot ends nothing. After --: no address is an option.
    command = [program, "-i", "--", to]
    try:
        done = subprocess.run(command, input=mail.as_bytes(), capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise TryAgainError(program, f"it took longer than {limit:g} s", "it will be tried again") from None
    except OSError as error:
        raise UndeliveredError(program, error.strerror or str(error), "check that it is executable") from None
    if done.returncode == 0:
        return
    lines = last_lines((done.stderr or done.stdout).decode("utf-8", "replace"), 1)
    what = f"it exited with {done.returncode}{': ' + lines[0] if lines else ''}"
    if done.returncode in _TRY_LATER:
        raise TryAgainError(program, what, "it will be tried again")
    raise UndeliveredError(program, what, "see the mail system's log")


def here(user: str) -> str:
    """The address of a user of this machine."""
    return f"{user}@{socket.getfqdn()}"
