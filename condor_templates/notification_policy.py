"""Notification rules of a site or a user for all workflows, from a policy file (condor_templates.policy_file):

    [notifications]
    rules = ["JOB * failed_permanently to: operators@example.org"]
    pegasus_email = "bridle"

Each rule is one line as in a .bridle-notify file (docs/notifications.md); who reads them says which are none.
`pegasus_email`: whether a rule that names Pegasus's script share/pegasus/notification/email runs it, or bridle-notify.
"""

from __future__ import annotations

from condor_templates.errors import PolicyError
from condor_templates.toml_table import TomlTable, parse_toml

_RULES, _EMAIL = "rules", "pegasus_email"
_WHOSE = {"bridle": True, "pegasus": False}


def parse_notification_rules(text: str, source: str) -> tuple[str, ...]:
    """The rules in a policy file, as text. Raises PolicyError.

    >>> parse_notification_rules('[notifications]\\nrules = ["JOB * error /bin/tell"]', "policy.toml")
    ('JOB * error /bin/tell',)
    """
    table = _table(text, source)
    rules = table.texts(_RULES, '"JOB * error ..."')
    for number, rule in enumerate(rules, 1):
        if len(rule.splitlines()) > 1:
            where = f"{table.where(_RULES)}[{number}]"
            raise PolicyError(where, "it is more than one line", "write one rule a text")
    return rules


def parse_pegasus_email(text: str, source: str) -> bool | None:
    """Whether bridle-notify stands in for Pegasus's e-mail script; None if the file says nothing. Raises PolicyError.

    >>> parse_pegasus_email('[notifications]\\npegasus_email = "bridle"', "policy.toml")
    True
    """
    table = _table(text, source)
    whose = table.values.get(_EMAIL)
    if whose is None:
        return None
    if not isinstance(whose, str) or whose not in _WHOSE:
        raise PolicyError(table.where(_EMAIL), "it is neither", 'write "bridle" or "pegasus"')
    return _WHOSE[whose]


def _table(text: str, source: str) -> TomlTable:
    table = parse_toml(text, source).table("notifications")
    table.check_keys((_RULES, _EMAIL))
    return table
