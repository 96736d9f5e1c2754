"""Sends a message to a target, whatever that is. Raises TryAgainError, UndeliveredError or NotifyError."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dag_rewriter import files
from monitord_job.errors import NotifyError, UndeliveredError
from monitord_job.messages.event_context import EventContext
from monitord_job.messages.mail import (
    Headers,
    Relay,
    compose,
    here,
    plain_relay,
    send_by_sendmail,
    send_by_smtp,
    sendmail_program,
)
from monitord_job.messages.render import Message
from monitord_job.messages.targets import Channel, NotifyConfig, Target
from monitord_job.notifications.rule import Severity


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What is sent: the message, what it is about, what kind of news that is, fields for programs.

    `now` in seconds since the epoch.
    """

    message: Message
    about: EventContext
    severity: Severity
    now: float
    fields: Mapping[str, str] = field(default_factory=dict)


def send(target: Target, outgoing: OutgoingMessage, config: NotifyConfig, limit: float) -> None:
    """To one target, within `limit` seconds of waiting for each answer."""
    match target.channel:
        case Channel.MAIL:
            _mail(target, outgoing, config, limit)
        case Channel.SENDMAIL:
            _sendmail(target.address, outgoing, config, limit)
        case Channel.LOG:
            _log(Path(target.address), outgoing)
        case Channel.SERVICE:
            _service(target, outgoing, config, limit)


def check(target: Target) -> None:
    """NotifyError for a target that cannot be one, before anything is sent."""
    if target.channel is Channel.SERVICE:
        from monitord_job.messages.apprise_services import service_of

        service_of(target)


def _mail(target: Target, outgoing: OutgoingMessage, config: NotifyConfig, limit: float) -> None:
    """The way that the site or the user says; else what Pegasus's script does, the other way round."""
    if config.via == Channel.SENDMAIL.value or (not config.via and sendmail_program()):
        _sendmail(target.address, outgoing, config, limit)
        return
    relay, sender = _site_relay(config)
    _by_relay(relay, Headers(sender, (target.address,)), outgoing, config, limit)


def _site_relay(config: NotifyConfig) -> tuple[Relay, str]:
    """The mail server of [mail] via, and the sender that it names."""
    from monitord_job.messages.apprise_services import relay_of, service_of

    plain = plain_relay(config.via or "mailto://localhost")
    if plain is not None:
        return plain, ""
    relay = relay_of(service_of(Target(Channel.SERVICE, config.via, "[mail] via")))
    if relay is None:
        raise NotifyError(
            "[mail] via", "it is not a mail server", "write mailto://server:25, or mailtos://..."
        )
    return relay[0], relay[1].sender


def _by_relay(
    relay: Relay, headers: Headers, outgoing: OutgoingMessage, config: NotifyConfig, limit: float
) -> None:
    if not headers.to and not headers.hidden:
        raise NotifyError("--to", f"there is no recipient for {relay.host}", "add ?to=me@example.org")
    sender = config.sender or headers.sender or here(getpass.getuser())
    mail = compose(outgoing.message, replace(headers, sender=sender), outgoing.about, outgoing.now)
    send_by_smtp(mail, relay, limit)


def _sendmail(to: str, outgoing: OutgoingMessage, config: NotifyConfig, limit: float) -> None:
    mail = compose(outgoing.message, Headers(config.sender, (to,)), outgoing.about, outgoing.now)
    send_by_sendmail(mail, to, limit)


def _log(path: Path, outgoing: OutgoingMessage) -> None:
    """In one piece, so that several may do it at once."""
    path = path.expanduser()
    message, when = outgoing.message, outgoing.about.time or outgoing.now
    entry = f"=== {when} {message.subject}\n{message.text.rstrip()}\n\n"
    try:
        handle = files.open_named(path)
        try:
            os.write(handle, entry.encode("utf-8", "backslashreplace"))
        finally:
            os.close(handle)
    except OSError as error:
        where, what = f"log:{path!s:.200}", error.strerror or str(error)
        raise UndeliveredError(where, what, "name a file that you may write to") from None


def _service(target: Target, outgoing: OutgoingMessage, config: NotifyConfig, limit: float) -> None:
    from monitord_job.messages.apprise_services import relay_of, send_to_service, service_of

    service = service_of(target, outgoing.fields)
    mail = relay_of(service)
    if mail is not None:
        _by_relay(*mail, outgoing, config, limit)
        return
    send_to_service(target, service, outgoing.message, outgoing.severity, limit)
