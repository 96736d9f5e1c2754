"""Loads an events file with Pegasus's own parser and loader; run by its Python: EVENTS DATABASE_URL."""

import logging
import sys
from pathlib import Path

from Pegasus.db.workflow_loader import WorkflowLoader
from Pegasus.netlogger.parsers.base import NLSimpleParser
from Pegasus.tools.properties import Properties

logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
logging.Logger.trace = logging.Logger.debug  # type: ignore[attr-defined]  # pegasus-monitord adds it itself


parser = NLSimpleParser(parse_date=True)
loader = WorkflowLoader(sys.argv[2], batch=True, props=Properties(), db_type="WORKFLOW")
with Path(sys.argv[1]).open(encoding="utf-8") as lines:
    for line in lines:
        loader.process(parser.parseLine(line))
loader.flush()
loader.finish()
