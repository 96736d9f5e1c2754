"""Stands for pegasus-keg: a task that reads its inputs, writes its outputs and does what a test asks of it.

Usage: worker [-a NAME] [-g N] [-t SECONDS] [-i FILE...] [-o FILE...] [-e TEXT] [-x EXITCODE] [-k SIGNAL]
              [-f COUNT_FILE:N]
-g N writes N files part.00000, part.00001, ...; -t sleeps; -e prints; then, with the outputs written,
-x leaves with that code and -k dies of that signal;
-f fails (code 1, no output) the first N times, counting in COUNT_FILE.
"""

from __future__ import annotations

import argparse
import os
import sys
import time


def main(argv: list[str]) -> int:
    """Do the task; an input that is not there ends it with 2, as pegasus-keg does."""
    options = argparse.ArgumentParser(prog="worker", description=__doc__.splitlines()[0])
    options.add_argument("-a", dest="name", default="worker")
    options.add_argument("-t", dest="seconds", type=float, default=0.0)
    options.add_argument("-i", dest="inputs", nargs="*", default=[])
    options.add_argument("-o", dest="outputs", nargs="*", default=[])
    options.add_argument("-g", dest="parts", type=int, default=0)
    options.add_argument("-e", dest="text", default="")
    options.add_argument("-x", dest="exit_code", type=int, default=0)
    options.add_argument("-k", dest="signal", type=int, default=0)
    options.add_argument("-f", dest="fail_first", default="")
    given = options.parse_args(argv)
    if given.fail_first and _fails_now(*given.fail_first.rsplit(":", 1)):
        print("failing as told", file=sys.stderr)
        return 1
    sizes = []
    for path in given.inputs:
        try:
            sizes.append(f"{path} {os.path.getsize(path)}\n")
        except OSError as reason:
            print(f'[error] open "{path}": {reason.errno}: {reason.strerror}', file=sys.stderr)
            return 2
    time.sleep(given.seconds)
    for path in (*given.outputs, *(f"part.{number:05d}" for number in range(given.parts))):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f"{given.name} wrote {path}\n" + "".join(sizes))
    for path in given.outputs:
        print(f"output file to be generated is {path}")
    sys.stdout.write(given.text)
    sys.stdout.flush()
    if given.signal:
        os.kill(os.getpid(), given.signal)
    return int(given.exit_code)


def _fails_now(path: str, times: str) -> bool:
    with open(path, "a+", encoding="utf-8") as counter:
        counter.seek(0)
        done = len(counter.read())
        counter.write("x")
    return done < int(times)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
