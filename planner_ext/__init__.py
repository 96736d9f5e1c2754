"""Workflows of Pegasus's Python API, with bridle: one line at the top of the script, and all else as it is.

    from planner_ext import enable

    enable()
    workflow.plan(submit=True).wait()
    workflow.analyze()
    workflow.statistics()

docs/hook.md says what each call runs.
"""

__all__ = ["enable"]


def enable() -> None:
    """Make Pegasus's Python API give each workflow its monitor, and work on such runs: plan, run, wait, remove.

    analyze, statistics and status are Pegasus's own. Call it once, before or after workflows are made. BRIDLE_HOOK=off
    in the environment switches it off. Where `bridle` is not to be found, or fails, that is said on stderr, and all is
    as without it. Raises ImportError where there is no Pegasus API.
    """
    from Pegasus.client import _client

    from planner_ext.pegasus_client import give_bridle

    give_bridle(_client.Client, _client.PegasusClientError)
