"""`make fuzz`: damaged, torn and absurd files for every parser, and for whole runs. See tests/README.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.inputs import changed
from tests.fuzz.promises import hold
from tests.fuzz.targets import SEEDS, TARGETS
from tests.support.places import BUILD

EXAMPLE = """\
example:
  make fuzz FUZZ_ARGS="--seconds 600"
  make fuzz FUZZ_ARGS="--only dag output --seed 7"

exit codes: 0 every promise was kept, 1 one was broken (the input is in build/fuzz/), 2 wrong usage
"""
_SHOWN = 3000
_ROUND = 100
"""Inputs for a parser before the next one has its turn."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make fuzz",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=120, help="how long (default 120)")
    parser.add_argument(
        "--seed", type=int, help="the same gives the same inputs (default: another one each time)"
    )
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS), help="these parsers")
    return parser.parse_args()


def feed(name: str, number: int, folder: Path) -> bool:
    """One round for a parser; whether all promises were kept. What broke one is made as small as can be, and kept."""
    target, last = TARGETS[name], [b""]

    @seed(number)
    @settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    @given(changed(target.seeds(name)))
    def fed(data: bytes) -> None:
        last[0] = data
        hold(target, data)

    try:
        fed()
    except Exception:  # whatever it is, it is what was looked for
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{name}.{number}"
        kept.write_bytes(last[0])
        text = traceback.format_exc(limit=-4)[:_SHOWN]
        print(f"{name}: {len(last[0])} bytes in {kept}, for {SEEDS}\n{text}", file=sys.stderr, flush=True)
        return False
    return True


def main() -> int:
    given_ = options()
    until = time.monotonic() + given_.seconds
    number = given_.seed if given_.seed is not None else int.from_bytes(os.urandom(4))
    sound, rounds = list(given_.only), 0
    print(f"fuzz: --seed {number}", flush=True)
    while sound and time.monotonic() < until:
        for name in tuple(sound):
            if time.monotonic() > until:
                break
            rounds += 1
            if not feed(name, number, BUILD / "fuzz"):
                sound.remove(name)  # it would break over the same again
        number += 1
    broken = len(given_.only) - len(sound)
    print(
        f"fuzz: {rounds * _ROUND} inputs for {min(rounds, len(given_.only))} parsers, {broken} broke a promise"
    )
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
