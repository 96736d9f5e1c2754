"""What stands behind `to:`, and the file of secrets."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from condor_templates.errors import BridleError, PolicyError
from condor_templates.notification_policy import parse_notification_rules, parse_pegasus_email
from condor_templates.toml_table import parse_toml
from monitord_job.errors import NotifyError
from monitord_job.messages.apprise_services import installed, masked, relay_of, service_of
from monitord_job.messages.mail import Headers, Relay, Security, plain_relay
from monitord_job.messages.send import check
from monitord_job.messages.targets import (
    Channel,
    NotifyConfig,
    Target,
    check_private,
    parse_config,
    targets_of,
)
from monitord_job.notifications.pegasus_scripts import our_arguments
from monitord_job.notifications.rule import Dialect
from monitord_job.notifications.rule_file import parse

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
PYPROJECT = Path(__file__).resolve().parents[4] / "pyproject.toml"
CONFIG = NotifyConfig(
    {"ops": ("slack://a/b/s3cret", "me@example.org"), "all": ("ops", "env:HOOK"), "loop": ("loop",)}
)


@pytest.mark.parametrize(
    ("word", "channel", "address", "name"),
    [
        ("me@example.org", Channel.MAIL, "me@example.org", "me@example.org"),
        ("mailto:me@example.org", Channel.MAIL, "me@example.org", "me@example.org"),
        ("mailto://me@example.org", Channel.MAIL, "me@example.org", "me@example.org"),
        ("mailto://me:pw@example.org", Channel.SERVICE, "mailto://me:pw@example.org", "mailto://..."),
        ("mailto://host:25?to=a@b.org", Channel.SERVICE, "mailto://host:25?to=a@b.org", "mailto://..."),
        ("sendmail:root", Channel.SENDMAIL, "root", "sendmail:root"),
        ("log:/a/b c", Channel.LOG, "/a/b c", "log:/a/b c"),
        ("log:///a", Channel.LOG, "/a", "log:/a"),
        ("SLACK://a/b/c", Channel.SERVICE, "SLACK://a/b/c", "slack://..."),
    ],
)
def test_a_word_is_a_target(word: str, channel: Channel, address: str, name: str) -> None:
    assert targets_of((word,), NotifyConfig(), {}) == [Target(channel, address, name)]


def test_names_and_variables_stand_for_targets_each_once() -> None:
    found = targets_of(("all", "ops", "me@example.org"), CONFIG, {"HOOK": "json://host/s3cret"})
    assert [(target.name, target.address) for target in found] == [
        ("ops", "slack://a/b/s3cret"),
        ("me@example.org", "me@example.org"),
        ("all", "json://host/s3cret"),
    ]
    assert "s3cret" not in repr(found)
    assert "s3cret" not in repr(CONFIG)


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("unknown", "no target is called unknown (known: all, loop, ops)"),
        ("loop", "target loop refers to itself"),
        ("env:SELF", "env:SELF refers to itself"),
        ("env:NONE", "the environment variable NONE is not set or empty"),
        ("two words", "it is neither an address nor a URL"),
        ("a@b@s3cret", "it is neither an address nor a URL"),
        ("sendmail:-t", "sendmail: needs one address"),
        ("sendmail:a@b.org,c@d.org", "sendmail: needs one address"),
        ("log:", "log: needs a file"),
        ("mé@example.org", "it is neither an address nor a URL"),
    ],
)
def test_what_is_no_target(word: str, what: str) -> None:
    with pytest.raises(NotifyError) as caught:
        targets_of((word,), CONFIG, {"SELF": "env:SELF"})
    assert what in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[target]", "key target: there is no such key"),
        ("[mail]\nhost = 's3cret'", "key mail.host: there is no such key"),
        ("mail = 's3cret'", "key mail: it is not a table"),
        ("targets = ['s3cret']", "key targets: it is not a table"),
        ("[targets]\nops = 7", "key targets.ops: it is not an address"),
        ("[targets]\nops = []", "key targets.ops: it is not an address"),
        ("[targets]\n'a b' = 's3cret'", "key targets.a b: it is not a valid name"),
        ("[mail]\nvia = ['s3cret']", "key mail.via: it is not a string"),
        ("[targets]\nops = s3cret://", "it is not TOML"),
        ("[mail]\nfrom = 's3cret'", "key mail.from: it is not an address"),
        ('[mail]\nfrom = "a@b.org\\nBcc: s3cret@b.org"', "key mail.from: it is not an address"),
    ],
)
def test_what_is_no_config(text: str, what: str) -> None:
    with pytest.raises(BridleError) as caught:
        parse_config(text, "notify.toml")
    assert isinstance(caught.value, NotifyError | PolicyError)
    assert what in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "owner", "secrets", "allowed"),
    [
        (0o600, 1000, True, True),
        (0o644, 1000, True, False),
        (0o644, 1000, False, True),
        (0o660, 1000, False, False),
        (0o640, 1000, True, False),
        (0o640, 0, True, True),
        (0o644, 0, True, False),
        (0o600, 1001, True, False),
    ],
)
def test_who_may_read_a_file_with_secrets(mode: int, owner: int, *, secrets: bool, allowed: bool) -> None:
    try:
        check_private(mode, owner, 1000, "notify.toml", secrets=secrets)
    except NotifyError:
        assert not allowed
    else:
        assert allowed


def test_masked() -> None:
    said = "HTTPSConnectionPool(host='hooks.example.org'): /services/T0001/s3cret%21 u:p4ss"
    shown = masked(said, "slack://u:p4ss@hooks.example.org/T0001/s3cret%21?key=value")
    assert shown == "HTTPSConnectionPool(host='***'): /services/***/*** u:***"


@pytest.mark.parametrize(
    ("address", "host", "port", "security", "sender", "to"),
    [
        ("mailto://relay.example.org:2525", "relay.example.org", 2525, "insecure", "", ()),
        ("mailto://relay?to=a@b.org&from=c@d.org", "relay", 25, "insecure", "c@d.org", ("a@b.org",)),
        ("mailtos://u:pw@example.org", "example.org", 587, "starttls", "u@example.org", ("u@example.org",)),
        (
            "mailtos://me:pw@gmail.com?to=a@b.org",
            "smtp.gmail.com",
            587,
            "starttls",
            "me@gmail.com",
            ("a@b.org",),
        ),
    ],
)
def test_mail_servers_of_apprise(
    address: str, host: str, port: int, security: str, sender: str, to: tuple[str, ...]
) -> None:
    found = relay_of(service_of(Target(Channel.SERVICE, address, "mailto://...")))
    assert found is not None
    relay, headers = found
    assert (relay.host, relay.port, relay.security.value) == (host, port, security)
    assert (headers.sender, headers.to) == (sender, to)
    assert "pw" not in repr(relay)


def test_all_that_is_read_of_a_mail_server_of_apprise() -> None:
    """Its attributes are no public interface: pyproject bounds the version, this says whether they still hold."""
    address = (
        "mailtos://me:pw@example.org:4465?smtp=relay.example.org&mode=ssl&verify=no&from=Ops<ops@example.org>"
        "&to=a@b.org,c@d.org&cc=e@f.org&bcc=g@h.org"
    )
    assert relay_of(service_of(Target(Channel.SERVICE, address, "mailtos://..."))) == (
        Relay("relay.example.org", 4465, Security.TLS, "me", "pw", verify=False),
        Headers("ops@example.org", ("a@b.org", "c@d.org", "e@f.org"), ("g@h.org",)),
    )
    assert relay_of(service_of(Target(Channel.SERVICE, "json://example.org/x", "json://..."))) is None
    (wanted,) = parse_toml(PYPROJECT.read_text(), "pyproject.toml").values["project"][
        "optional-dependencies"
    ]["notify"]
    assert int(version("apprise").partition(".")[0]) < int(wanted.rpartition("<")[2])


@pytest.mark.parametrize(
    "address", ["mailto://relay.example.org", "mailto://relay:2525/", "mailto://10.0.0.1:587"]
)
def test_a_plain_relay_is_what_apprise_makes_of_it(address: str) -> None:
    found = relay_of(service_of(Target(Channel.SERVICE, address, "mailto://...")))
    assert found is not None
    assert plain_relay(address) == found[0]


@pytest.mark.parametrize(
    "address",
    ["mailtos://relay:465", "mailto://me:pw@relay", "mailto://relay?to=a@b.org", "mailto://gmail.com/x"],
)
def test_what_apprise_has_to_read(address: str) -> None:
    assert plain_relay(address) is None


def test_without_apprise_only_its_services_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed()
    monkeypatch.setitem(sys.modules, "apprise", None)
    for word in ("me@example.org", "sendmail:root", "log:/told.log"):
        (target,) = targets_of((word,), CONFIG, {})
        check(target)
    with pytest.raises(NotifyError) as refused:
        check(Target(Channel.SERVICE, "slack://a/b/s3cret", "ops"))
    assert str(refused.value) == (
        "ops: it is reached by apprise, which is not installed; "
        "say pip install 'pegasus-bridle[notify]', or pip install apprise"
    )


EMAIL = "/opt/pegasus/share/pegasus/notification/email"


@pytest.mark.parametrize(
    ("argv", "ours"),
    [
        ([EMAIL, "-t", "me@example.org"], ["--to", "mailto:me@example.org"]),
        (["/pegasus/libexec/notification/email", "-tme@example.org"], ["--to", "mailto:me@example.org"]),
        (["notification/email", "--to=a@b.org,c@d.org", "-t", "root"],
         ["--to", "mailto:a@b.org", "--to", "mailto:c@d.org", "--to", "sendmail:root"]),
        ([EMAIL], ["--to", "sendmail:scientist"]),
        ([EMAIL, "-t", "a@b.org", "-f", "c@d.org", "-r", "pegasus-analyzer"],
         ["--to", "mailto:a@b.org", "--from", "c@d.org"]),
        ([EMAIL, "-t", "a@b.org", "--report", "None"], ["--to", "mailto:a@b.org", "--brief"]),
        ([EMAIL, "-t", "a@b.org", "--cc", "c@d.org"], None),
        ([EMAIL, "-t"], None),
        ([EMAIL, "more"], None),
        (["/opt/pegasus/share/pegasus/notification/jabber", "-i", "me@example.org", "-p", "x"], None),
        (["/home/me/mynotification/email", "-t", "a@b.org"], None),
        ([], None),
    ],
)  # fmt: skip
def test_lines_for_the_script_of_pegasus(argv: list[str], ours: list[str] | None) -> None:
    found = our_arguments(argv, "scientist")
    assert (found and list(found)) == ours


@pytest.mark.parametrize("text", ['pegasus_email = "yes"', "pegasus_email = true", "pegasus_mail = 1"])
def test_a_policy_that_says_neither(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_pegasus_email(f"[notifications]\n{text}", "policy.toml")


EXAMPLES = Path(__file__).resolve().parents[4] / "examples" / "notify"


def test_the_examples_are_what_they_say() -> None:
    config = parse_config((EXAMPLES / "notify.toml").read_text(), "notify.toml")
    found = targets_of(("everybody", *config.targets), config, {"BRIDLE_ONCALL": "ntfys://oncall"})
    assert {target.channel for target in found} == {Channel.MAIL, Channel.SERVICE, Channel.LOG}
    for target in found:
        check(target)
    assert relay_of(service_of(Target(Channel.SERVICE, config.via, "[mail] via"))) is not None
    policy = (EXAMPLES / "policy.toml").read_text()
    rules = parse(
        "".join(f"{rule}\n" for rule in parse_notification_rules(policy, "")).encode(), "", Dialect.BRIDLE
    )
    assert len(rules.rules) == 4
    assert {rule.action.text for rule in rules.rules} <= config.targets.keys()
    assert parse_pegasus_email(policy, "") is True
