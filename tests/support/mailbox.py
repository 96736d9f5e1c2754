"""Servers for tests that receive what is sent: mail by SMTP, webhooks by HTTP, on loopback, at ports of their own."""

from __future__ import annotations

import email
import email.policy
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_SENDMAIL = """\
#!/bin/sh
# A sendmail program: keeps what it is told, each mail in a file of its own.
printf '%s\\n' "$@" >>'{folder}/arguments'
cat >'{folder}/'$$.eml
{then}
"""


@dataclass
class Mailbox:
    """What an SMTP server has received; `answers` are its answers to the next recipients (None: it takes them)."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    answers: list[str | None] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names, and its arguments
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
        self.envelopes.append(envelope)
        return "250 OK"


class _AnyPort(Controller):
    """aiosmtpd looks whether it answers at the port that it was told, which is none here."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def smtp_server(password: str = "") -> Iterator[Mailbox]:
    """A mail server that takes everything, with a password only from who knows it (as anybody)."""
    box = Mailbox()

    def lets_in(
        _server: object, _session: object, _envelope: object, _how: str, given: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=given.password == password.encode(), handled=False)

    wanted = {"authenticator": lets_in, "auth_required": True, "auth_require_tls": False} if password else {}
    controller = _AnyPort(box, hostname="127.0.0.1", port=0, **wanted)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


@dataclass
class Webhook:
    """What an HTTP server was sent, as JSON; `answers` are its next status codes (none: 200)."""

    port: int = 0
    posts: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def http_server() -> Iterator[Webhook]:
    """A web server that keeps what is posted."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((self.path, json.loads(body)))
            self.send_response(hook.answers.pop(0) if hook.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        hook.port = server.server_port
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sendmail_program(folder: Path, then: str = "exit 0") -> Path:
    """Puts a program called sendmail into a folder, which is to be the first of PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sendmail"
    path.write_text(_SENDMAIL.format(folder=folder, then=then))
    path.chmod(0o755)
    return path


def sent_by(folder: Path) -> list[EmailMessage]:
    """What the program was given."""
    files = sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]


def parts_of(mail: EmailMessage) -> dict[str, str]:
    """The bodies of a mail by type."""
    return {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}


def environment(**more: str) -> dict[str, str]:
    """An environment for `bridle-notify`, without what the machine has of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "TZ": "UTC", **more}
