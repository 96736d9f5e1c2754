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
    flaky, profiles = flaky or {}, profiles or {}
    workers = [
        _worker(
            number,
            _arguments(number, seconds, number in failing, flaky.get(number, 0)),
            _profiles(number, profiles, pre_script if number in pre_scripts else "", clustered),
            worker_hooks,
        )
        for number in range(n)
    ]
    split, merge = _ends(n)
    ids = tuple(task.id for task in workers)
    return AbstractWorkflow(
        name=name,
        tasks=(split, *workers, merge),
        dependencies=((split.id, ids), *((worker, (merge.id,)) for worker in ids)),
        hooks=hooks,
    )


def _ends(n: int) -> tuple[Task, Task]:
    """The first and the last task; names of thousands of files fit on no command line, so neither is given any."""
    parts = tuple(FileUse(f"part.{number:05d}", is_input=False) for number in range(n))
    done = tuple(FileUse(f"done.{number:05d}", is_input=True) for number in range(n))
    result = FileUse("result.txt", is_input=False, stage_out=True, register=True)
    split = Task("split", "split", ("-a", "split", "-g", str(n)), parts, namespace="keg")
    merge = Task("merge", "merge", ("-a", "merge", "-o", result.lfn), (*done, result), namespace="keg")
    return split, merge


def _worker(
    number: int,
    arguments: tuple[str, ...],
    profiles: Mapping[str, Mapping[str, str]],
    hooks: tuple[Hook, ...],
) -> Task:
    uses = (FileUse(f"done.{number:05d}", is_input=False), FileUse(f"part.{number:05d}", is_input=True))
    return Task(f"w{number:05d}", "work", arguments, uses, hooks, profiles, namespace="keg")


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
