"""What to type next, as it stands: commands in messages name the run that the message is about. Pure."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_OF_A_RUN = (
    "analyzer|categories|check|graph|halt|hold|jobs|metrics|monitord|notifications|notify confirm|recover|release"
    "|remove|resume|rewrite|run|status|throttle|watch"
)
_WITHOUT_RUN = re.compile(rf"`bridle ((?:{_OF_A_RUN})(?: --as [a-z]+| --[a-z-]+)*)`")
_PLACEHOLDER = re.compile(r"(`bridle [^`]*)\bSUBMIT_DIR\b")


def completed(text: str, run: Path | None) -> str:
    """A message with the run put into its `bridle` commands; as it is if no run is known.

    >>> completed("mend them, then `bridle run`, or `bridle recover --fix`", Path("/my runs/x.dag"))
    "mend them, then `bridle run '/my runs/x.dag'`, or `bridle recover --fix '/my runs/x.dag'`"
    >>> completed("`bridle rescue use SUBMIT_DIR N --renumber`; see `bridle hook show`", Path("run0001"))
    '`bridle rescue use run0001 N --renumber`; see `bridle hook show`'
    """
    if run is None:
        return text
    named = shlex.quote(str(run))
    text = _PLACEHOLDER.sub(lambda match: match[1] + named, text)
    return _WITHOUT_RUN.sub(lambda match: f"`bridle {match[1]} {named}`", text)
