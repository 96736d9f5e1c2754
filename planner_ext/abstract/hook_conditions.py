"""When a hook of an abstract workflow is due: the words of Pegasus 4 and 5, which the planner takes both."""

from __future__ import annotations

from monitord_job.notifications.rule import CONDITIONS, PEGASUS_CONDITIONS, On

HOOK_WORDS = tuple(on.value for on in On if on in PEGASUS_CONDITIONS)
"""as Pegasus 5 writes them"""
DAX_WORDS = {on: on.meaning.pegasus_4 or on.value for on in On}
"""as every planner that reads XML knows them"""


def hook_condition(word: str) -> On | None:
    """The condition; None for a word that Pegasus does not know.

    >>> hook_condition("at_end"), hook_condition("held")
    (<On.END: 'end'>, None)
    """
    condition = CONDITIONS.get(word.strip())
    return condition if condition in PEGASUS_CONDITIONS else None
