"""The monitor's log, X.bridle.log: what it says survives its restarts, and stays below 10 MB."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from condor_templates.terminal import PrintableFormatter
from dag_rewriter import files

_BYTES = 5 << 20
_FORM = "%(asctime)s %(process)d %(levelname)s %(message)s"


class _OwnFileHandler(RotatingFileHandler):
    """Opens its file as all that we write: not through a link, and only if it is ours."""

    def _open(self) -> TextIOWrapper:
        return os.fdopen(files.open_own(Path(self.baseFilename), append=True), "a", encoding="utf-8")


def _handler(path: Path) -> logging.Handler:
    handler = _OwnFileHandler(path, maxBytes=_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(PrintableFormatter(_FORM))
    return handler


@contextmanager
def log_file(path: Path, log: logging.Logger) -> Iterator[None]:
    """What is said within the block goes to that file as well, if it can be written."""
    try:
        handler = _handler(path)
    except OSError as error:
        log.warning("no log is written: %s", error)
        yield
        return
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:  # whatever it is: it goes on to the caller, and stands in the log as well
        log.error("leaving: %s", error)
        raise
    finally:
        log.removeHandler(handler)
        handler.close()


def note(path: Path, name: str, what: str) -> None:
    """One error more in that file, if it can be written."""
    with suppress(OSError), closing(_handler(path)) as handler:
        handler.emit(logging.makeLogRecord({"name": name, "levelname": "ERROR", "msg": what}))
