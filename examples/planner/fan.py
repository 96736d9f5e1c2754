"""Workflows of any size for tests and benchmarks: split -> n workers -> merge, all by `standins.worker`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .abstract import AbstractWorkflow, FileUse, Hook, Task


def fan(
    n: int,
    *,
    name: str = "fan",
    seconds: float = 0.0,
    failing: Collection[int] = (),
    flaky: Mapping[int, int] | None = None,
    pre_scripts: Collection[int] = (),
    pre_script: str = "/bin/true",
    clustered: int = 0,
    profiles: Mapping[str, Mapping[str, str]] | None = None,
    hooks: tuple[Hook, ...] = (),
    worker_hooks: tuple[Hook, ...] = (),
) -> AbstractWorkflow:
    """A workflow of n workers (n + 2 tasks). Workers are w00000 ...

    failing       numbers of workers that exit with 3 in every attempt
    flaky         worker -> how many attempts fail before one succeeds (give it retries)
    pre_scripts   workers whose node has a PRE script
    clustered     so many workers to a cluster of the label grpN (0: none; plan with cluster="label")
    profiles      of every worker, e.g. {"condor": {"universe": "local"}}
    """
    numbers = range(n)
    flaky = flaky or {}
    workers = [
        Task(
            id=f"w{number:05d}",
            name="work",
            namespace="keg",
            arguments=_arguments(number, seconds, number in failing, flaky.get(number, 0)),
            uses=(FileUse(f"done.{number:05d}", False), FileUse(f"part.{number:05d}", True)),
            profiles=_profiles(
                number, profiles or {}, pre_script if number in pre_scripts else "", clustered
            ),
            hooks=worker_hooks,
        )
        for number in numbers
    ]
    parts = tuple(FileUse(f"part.{number:05d}", False) for number in numbers)
    done = tuple(FileUse(f"done.{number:05d}", True) for number in numbers)
    # file names of thousands of workers would not fit on a command line, so the split makes them by itself
    split = Task("split", "split", ("-a", "split", "-g", str(n)), parts, namespace="keg")
    result = FileUse("result.txt", is_input=False, stage_out=True, register=True)
    merge = Task("merge", "merge", ("-a", "merge", "-o", result.lfn), (*done, result), namespace="keg")
    return AbstractWorkflow(
        name=name,
        tasks=(split, *workers, merge),
        dependencies=(
            ("split", tuple(task.id for task in workers)),
            *((task.id, ("merge",)) for task in workers),
        ),
        hooks=hooks,
    )


def _arguments(number: int, seconds: float, fails: bool, first: int) -> tuple[str, ...]:
    words = ["-a", "work", "-t", f"{seconds:g}", "-i", f"part.{number:05d}", "-o", f"done.{number:05d}"]
    if fails:
        words += ["-x", "3"]
    if first:
        words += ["-f", f"attempts.{number:05d}:{first}"]
    return tuple(words)


def _profiles(
    number: int, given: Mapping[str, Mapping[str, str]], pre_script: str, clustered: int
) -> dict[str, dict[str, str]]:
    merged = {namespace: dict(values) for namespace, values in given.items()}
    if pre_script:
        merged.setdefault("dagman", {})["PRE"] = pre_script
    if clustered:
        merged.setdefault("pegasus", {})["label"] = f"grp{number // clustered}"
    return merged
