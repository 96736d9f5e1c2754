"""Where messages go: what stands behind `to:`, and the file that names addresses with secrets in them.

    NAME                       an entry of [targets] in notify.toml: one of the below, or a list of them
    env:NAME                   what the environment variable holds
    me@example.org             a mail, the way that [mail] in notify.toml says; also mailto:me@example.org
    sendmail:me@example.org    a mail through the sendmail program
    log:FILE                   appended to a file
    slack://...                any address of apprise: https://github.com/caronc/apprise/wiki

No secret is ever in a message of an error: of an address only the scheme is shown.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from enum import Enum
from typing import Any

from condor_templates.toml_table import parse_toml
from monitord_job.errors import NotifyError


class Channel(Enum):
    """How a message gets there; `.value` as in front of the address."""

    MAIL = "mailto"
    SENDMAIL = "sendmail"
    LOG = "log"
    SERVICE = "service"
    """by apprise"""


@dataclass(frozen=True, slots=True)
class Target:
    """A place; `name` is how it may be called in messages, `address` may hold a secret."""

    channel: Channel
    address: str = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """What notify.toml says. `via`: an address of apprise that mail goes through, "" if nobody said."""

    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    via: str = field(default="", repr=False)
    sender: str = ""


_NOWHERE = (
    "write a name of [targets] in notify.toml, env:NAME, an address, or a URL of apprise, e.g. me@example.org"
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ADDRESS = re.compile(r"[A-Za-z0-9.!$%&'*+=^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_PLAIN_MAIL = re.compile(rf"mailto:(?://)?({_ADDRESS.pattern})/?")
"""Also with the slashes: an address of apprise without password and host means a person, not a server."""
_MOST = 50
"""Targets of one message."""


def targets_of(words: tuple[str, ...], config: NotifyConfig, environment: Mapping[str, str]) -> list[Target]:
    """What these words stand for, each once. Raises NotifyError.

    >>> targets_of(("a@b.org", "mailto://a@b.org"), NotifyConfig(), {})
    [Target(channel=<Channel.MAIL: 'mailto'>, name='a@b.org')]
    """
    targets = [target for word in words for target in _targets(word.strip(), config, environment, ())]
    unique = list({(target.channel, target.address): target for target in targets}.values())
    if len(unique) > _MOST:
        raise NotifyError("--to", f"{len(unique)} targets are too many", f"name at most {_MOST}")
    return unique


def _targets(
    word: str, config: NotifyConfig, environment: Mapping[str, str], within: tuple[str, ...]
) -> Iterator[Target]:
    if _NAME.fullmatch(word):
        yield from _named(word, config, environment, within)
    elif word.startswith("env:"):
        name = word.removeprefix("env:")
        value = environment.get(name, "").strip()
        if not value:
            what = f"the environment variable {shown(name)} is not set or empty"
            raise NotifyError(_where(within), what, "set it where the monitor runs, or use notify.toml")
        if within.count(word):
            raise NotifyError(_where(within), f"{word} refers to itself", "write an address there")
        inside = _targets(value, config, environment, (*within, word))
        yield from (replace(target, name=word) for target in inside)
    else:
        yield _target(word, within)


def _named(
    word: str, config: NotifyConfig, environment: Mapping[str, str], within: tuple[str, ...]
) -> Iterator[Target]:
    if word not in config.targets:
        known = ", ".join(sorted(config.targets)) or "none"
        raise NotifyError(_where(within), f"no target is called {word} (known: {known})", _NOWHERE)
    if word in within:
        raise NotifyError(_where(within), f"target {word} refers to itself", "write an address there")
    for one in config.targets[word]:
        inside = _targets(one, config, environment, (*within, word))
        yield from (replace(target, name=word) for target in inside)


def _target(word: str, within: tuple[str, ...]) -> Target:
    if _ADDRESS.fullmatch(word):
        return Target(Channel.MAIL, word, word)
    plain = _PLAIN_MAIL.fullmatch(word)
    if plain:
        return Target(Channel.MAIL, plain[1], plain[1])
    match = _SCHEME.match(word)
    if match is None:
        raise NotifyError(_where(within), "it is neither an address nor a URL", _NOWHERE)
    scheme, rest = match[1].lower(), word[match.end() :]
    if scheme == Channel.SENDMAIL.value:
        address = rest.removeprefix("//")
        if not _ADDRESS.fullmatch(address) and not _NAME.fullmatch(address):
            raise NotifyError(_where(within), "sendmail: needs one address", "write sendmail:me@example.org")
        return Target(Channel.SENDMAIL, address, f"sendmail:{address}")
    if scheme == Channel.LOG.value:
        path = rest if not rest.startswith("//") else rest[2:]
        if not path or "\0" in path:
            raise NotifyError(_where(within), "log: needs a file", "write log:/path/of/the/file")
        return Target(Channel.LOG, path, f"log:{shown(path)}")
    return Target(Channel.SERVICE, word, f"{scheme}://...")


_OPEN = frozenset({"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms"})
"""Schemes of apprise's that need no secret; of all others the address itself is one, or has a token in it."""
_SECRET = re.compile(
    r"://[^\s/?#]*:[^\s/?#]*@|[?&](?:pass|password|pwd|token|key|secret|auth)=", re.IGNORECASE
)


def may_hold_a_secret(word: str) -> bool:
    """Whether a target should stand in notify.toml and nowhere else.

    >>> [may_hold_a_secret(word) for word in ("ops", "me@example.org", "json://host/x", "slack://a/b/c", "json://u:p@h")]
    [False, False, False, True, True]
    """
    match = _SCHEME.match(word)
    if match is None or match[1].lower() in ("env", Channel.SENDMAIL.value, Channel.LOG.value):
        return False
    return match[1].lower() not in _OPEN or _SECRET.search(word) is not None


def _where(within: tuple[str, ...]) -> str:
    """Names only: what they stand for may be a secret."""
    return " -> ".join(("--to", *within))


def shown(text: str) -> str:
    """Text of a stranger in a message."""
    return ascii(text[:200])[1:-1]


def parse_config(text: str, source: str) -> NotifyConfig:
    r"""What a notify.toml says. Raises PolicyError or NotifyError.

    >>> parse_config('[targets]\nops = "a@b.org"\n[mail]\nfrom = "x@y.org"', "notify.toml").sender
    'x@y.org'
    """
    tables = parse_toml(text, source)
    tables.check_keys(("mail", "targets"))
    mail = tables.table("mail")
    mail.check_keys(("from", "via"))
    targets = tables.table("targets", 'ops = "..."')
    return NotifyConfig(
        targets={name: _texts(value, targets.where(name), name) for name, value in targets.values.items()},
        via=mail.text("via"),
        sender=sender_of(mail.text("from"), mail.where("from")),
    )


def sender_of(text: str, where: str) -> str:
    """The text, if mails can be from it: an address, also with a name before it, or nothing. Raises NotifyError.

    >>> sender_of("Workflows <workflows@example.org>", "--from")
    'Workflows <workflows@example.org>'
    """
    if text and not (text.isprintable() and _ADDRESS.fullmatch(parseaddr(text)[1])):
        raise NotifyError(where, "it is not an address", "write one, e.g. workflows@example.org")
    return text


def _texts(value: Any, where: str, name: str) -> tuple[str, ...]:
    if not _NAME.fullmatch(name):
        raise NotifyError(where, "it is not a valid name", "use letters, digits, _ . -")
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) and one.strip() for one in values):
        raise NotifyError(where, "it is not an address", f'write {name} = "..." or {name} = ["...", "..."]')
    return tuple(one.strip() for one in values)


def check_private(mode: int, owner: int, me: int, path: str, *, secrets: bool) -> None:
    """NotifyError unless nobody else can write a file, and, if it has secrets, read it. `owner`, `me`: user ids.

    A file of root's may be for a group.
    """
    if owner not in (0, me):
        raise NotifyError(path, "it belongs to somebody else", "make a file of your own")
    group = stat.S_IRGRP if owner == 0 and me != 0 else 0
    forbidden = stat.S_IWGRP | stat.S_IWOTH
    if secrets:
        forbidden |= (stat.S_IRGRP | stat.S_IROTH) & ~group
    if mode & forbidden:
        what = f"others can {'read' if mode & forbidden & (stat.S_IRGRP | stat.S_IROTH) else 'write'} it"
        raise NotifyError(path, f"{what}, and it holds the addresses that messages go to", "chmod 600 it")
