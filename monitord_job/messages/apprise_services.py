"""The only door to apprise: Slack, Teams, Matrix, webhooks and a hundred more, and what its mail addresses mean.

It comes with the extra [notify]; mails, `sendmail:` and `log:` do without it.
Nothing that apprise logs gets out but its reasons, and in these every part of the address is masked.
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlencode

from monitord_job.errors import NotifyError, TryAgainError
from monitord_job.messages.mail import Headers, Relay, Security
from monitord_job.messages.render import Message
from monitord_job.messages.targets import Target
from monitord_job.notifications.rule import Severity
from monitord_job.text.display import one_line

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

_WEBHOOKS = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""Services that take more fields than a title and a text."""
_MAIL = frozenset({"mailto", "mailtos"})
NOBODY = "nobody@example.org"
"""Where an address of a mail server names no sender, or nobody to write to."""
NOT_INSTALLED = "it is reached by apprise, which is not installed"
INSTALL = "say pip install 'pegasus-bridle[notify]', or pip install apprise"
_FENCE = "```"
_ROOM = 20
"""Characters for the fence, and for what says that something was cut."""


class _Reasons(logging.Handler):
    """What apprise says went wrong."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _listening() -> Iterator[_Reasons]:
    """Takes apprise's log: nothing of it goes to stderr, which is kept in the database."""
    logger = logging.getLogger("apprise")
    before = logger.handlers[:], logger.propagate, logger.level
    reasons = _Reasons()
    logger.handlers[:], logger.propagate = [reasons], False
    logger.setLevel(logging.WARNING)
    try:
        yield reasons
    finally:
        logger.handlers[:], logger.propagate = before[0], before[1]
        logger.setLevel(before[2])


def installed() -> bool:
    """Whether there is apprise, without loading it."""
    return importlib.util.find_spec("apprise") is not None


def masked(text: str, address: str) -> str:
    """The text without any part of an address but its scheme, on one line.

    >>> masked("POST https://h/s3cret/x failed, error=403", "slack://T0001/s3cret/x")
    'POST https://h/***/x failed, error=403'
    """
    _, _, rest = address.partition("://")
    parts = {part for piece in re.split(r"[/?&=:@#,]", rest) for part in (piece, unquote(piece))}
    for part in sorted((part for part in parts if len(part) > 3), key=len, reverse=True):
        text = text.replace(part, "***")
    return one_line(text, 400)


def service_of(target: Target, extra: Mapping[str, str] | None = None) -> NotifyBase:
    """The service at an address. Raises NotifyError for one that is none, or if apprise is not installed."""
    if not installed():
        raise NotifyError(target.name, NOT_INSTALLED, INSTALL)
    from apprise import Apprise

    address = _completed(target.address)
    if extra and address.partition("://")[0].lower() in _WEBHOOKS:
        # apprise's way to say: another field of the payload.
        address += ("&" if "?" in address else "?") + urlencode({f":{key}": extra[key] for key in extra})
    with _listening():
        service = Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True)
    if service is None:
        what = f"apprise does not understand the address that begins with {target.name.removesuffix('...')}"
        hint = "see https://github.com/caronc/apprise/wiki for how it is written"
        raise NotifyError("--to", what, hint)
    return service


def _completed(address: str) -> str:
    """apprise wants to know from whom and to whom a mail goes; that a server is meant is enough for us."""
    scheme, _, rest = address.partition("://")
    if scheme.lower() not in _MAIL or "@" in rest.partition("?")[0]:
        return address
    given = parse_qs(rest.partition("?")[2])
    missing = {key: NOBODY for key in ("from", "to") if key not in given}
    return f"{address}{'&' if '?' in address else '?'}{urlencode(missing)}" if missing else address


def _asset() -> AppriseAsset:
    from apprise import AppriseAsset

    # No pictures: they would be fetched from servers that are nobody's here.
    return AppriseAsset(
        app_id="bridle",
        app_desc="pegasus-bridle",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
    )


def relay_of(service: NotifyBase) -> tuple[Relay, Headers] | None:
    """The mail server behind an address of apprise's, and who writes to whom; None if it is no plain mail.

    We write the mail ourselves: apprise would make its text from the HTML, and does not say whether a refusal is final.
    """
    from apprise.plugins.email import NotifyEmail

    if type(service) is not NotifyEmail or service.pgp_mode != "no":
        return None
    mail: Any = service
    relay = Relay(
        host=mail.smtp_host,
        port=mail.port,
        security=Security(mail.secure_mode),
        user=mail.user or "",
        password=mail.password or "",
        verify=bool(mail.verify_certificate),
    )
    named = [*(address for _, address in mail.targets), *sorted(mail.cc)]
    sender = mail.from_addr[1]
    headers = Headers(
        sender="" if sender == NOBODY else sender,
        to=tuple(address for address in dict.fromkeys(named) if address != NOBODY),
        hidden=tuple(sorted(mail.bcc)),
    )
    return relay, headers


def send_to_service(
    target: Target, service: NotifyBase, message: Message, severity: Severity, limit: float
) -> None:
    """Raises TryAgainError if it does not take it."""
    from apprise import Apprise

    form, body = _body(service, message)
    with _listening() as reasons:
        sender = Apprise(asset=service.asset)
        sender.add(service)
        done = sender.notify(
            body=body, title=message.subject, notify_type=severity.value, body_format=form, timeout=limit
        )
    if not done:
        said = "; ".join(masked(reason, target.address) for reason in reasons.messages[-3:])
        what = f"it did not accept the message{': ' + said if said else ''}"
        raise TryAgainError(target.name, what, "it will be tried again")


def _body(service: NotifyBase, message: Message) -> tuple[str, str]:
    """The format that a service likes best, and the text in it, cut to what it takes."""
    from apprise import NotifyFormat

    formats: Any = service.notify_format  # a tuple since apprise 2.3
    best = formats[0] if isinstance(formats, tuple) else formats
    room = service.body_maxlen - len(message.subject) - _ROOM
    if best is NotifyFormat.HTML and len(message.html) <= room:
        return NotifyFormat.HTML.value, message.html
    text = message.text if len(message.text) <= room else message.text[: max(0, room)] + "\n[...]"
    if best is NotifyFormat.MARKDOWN:
        # Lined up, and nothing in it means anything: stars and brackets of jobs are no markup.
        return NotifyFormat.MARKDOWN.value, f"{_FENCE}\n{text.replace(_FENCE, chr(39) * 3)}\n{_FENCE}"
    return NotifyFormat.TEXT.value, text
