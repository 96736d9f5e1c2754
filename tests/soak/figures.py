"""The figures of a soak, and whether all is as it should be."""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from statistics import median

from tests.soak.strikes import Scene
from tests.soak.surroundings import Reader
from tests.soak.truth import Verdict, check


@dataclass
class Record:
    """What the faults did: kind -> seconds until all was at work again; in haste, until after the next one."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missed: int = 0
    kills: int = 0
    outages: list[tuple[float, float]] = field(default_factory=list)
    """when the database was away or locked"""
    wrong: list[str] = field(default_factory=list)
    """what a fault met that it should not have met"""


def judge(given: argparse.Namespace, scene: Scene, reader: Reader, record: Record, took: float) -> dict:
    """The figures of a run that is as it should be; AssertionError says all that is not."""
    wrong = [*record.wrong, *(f"`bridle status` was told: {said}" for said in reader.wrong)]
    wrong += [
        f"`bridle status` for no reason: {one}" for one in reader.refused_without_reason(record.outages)
    ]
    verdict, untrue = check(scene)
    wrong += untrue
    if verdict.doubles > record.kills:
        wrong.append(f"{verdict.doubles} delivered twice, {record.kills} kills")
    figures = report(given, scene, reader, record, verdict, took)
    assert not wrong, "\n".join(["not as it should be:", *wrong])
    return figures


def report(
    given: argparse.Namespace, scene: Scene, reader: Reader, record: Record, verdict: Verdict, took: float
) -> dict:
    """The figures, printed and as values."""
    every = sorted(second for seconds in record.seconds.values() for second in seconds)
    starts = scene.root.jobstate_log.read_text().count(" bridle_monitor EXECUTE ")
    faults = {
        kind: {"number": len(seconds), "median": round(median(seconds), 2), "worst": max(seconds)}
        for kind, seconds in sorted(record.seconds.items(), key=lambda item: -len(item[1]))
    }
    figures = {
        "seed": given.seed,
        "htcondor": str(scene.pool.status().version),
        "nodes": scene.hierarchy.all_nodes,
        "workflows": len(scene.hierarchy.members),
        "seconds": round(took),
        "faults": faults,
        "faults_that_met_nobody": record.missed,
        "seconds_until_recovered": {"median": round(median(every), 2), "worst": every[-1]},
        "kills_of_the_monitor": record.kills,
        "starts_of_the_monitor": starts,
        "database": given.database.value,
        "readers_by_exit_code": dict(sorted(reader.codes.items())),
        "readers_were_told": sorted({one.said for one in reader.refusals}),
        **asdict(verdict),
    }
    print(f"\n{'fault':48} number  median s  worst s")
    for kind, found in faults.items():
        print(f"{kind:48} {found['number']:6} {found['median']:9.1f} {found['worst']:8.1f}")
    for name, value in figures.items():
        if name != "faults":
            print(f"{name.replace('_', ' ')}: {value}")
    return figures
