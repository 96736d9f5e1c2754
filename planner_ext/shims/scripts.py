"""The shims: small shell scripts that stand before the real programs in PATH. Text only.

The shell is in charge, so that the real program runs whatever becomes of `bridle`: it may be gone, broken or killed.
It is not even asked where no planner has been.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from types import MappingProxyType

from condor_templates.exit_codes import ExitCode

MARK = "# A shim of `bridle hook install`; `bridle hook uninstall` takes it away."
"""The second line of each: by it a shim knows another one, and does not call it."""

_HEAD = """\
#!/bin/sh
{mark}
# {why}
name={name}
bridle={bridle}

# The next program of this name in PATH; none of our own, or two shims would call each other for ever.
real=
set -f
was=$IFS
IFS=:
for place in $PATH; do
    file=${{place:-.}}/$name
    [ -f "$file" ] && [ -x "$file" ] || continue
    second=
    {{ read -r first && read -r second; }} 2>/dev/null <"$file"
    case $second in '{mark}'*) continue ;; esac
    real=$file
    break
done
IFS=$was
set +f

go_on() {{
    [ -n "$real" ] && exec "$real" "$@"
    echo "bridle: $name: no other program of this name is in PATH; put the directory that has it into PATH" >&2
    exit 127
}}

[ "${{BRIDLE_HOOK:-on}}" != off ] || go_on "$@"
"""

_IS_PLANNED = """\

# Only what the planner has made concerns the hook.
planned=
only_made=
dagman=
for word in "$@"; do
    case $word in
    -[Nn][Oo]_[Ss]*) only_made=yes ;;
    executable=*/pegasus-dagman) dagman=yes ;;
    *{ending})
        folder=.
        case $word in */*) folder=${{word%/*}} ;; esac
        [ -e "$folder/braindump.yml" ] || [ -e "$folder/braindump.txt" ] && planned=yes
        ;;
    esac
done
[ -n "$planned" ] && [ -n "$real" ] && [ -x "$bridle" ] || go_on "$@"
"""

_ASK = """\

# Where the planner has its submit file made, bridle has a part only when that is there: it need not start twice.
code={again}
[ -n "$only_made" ] && [ -n "$dagman" ] || {{
    "$bridle" hook ask --parent "$PPID" -- "$name" "$real" "$@" </dev/null
    code=$?
}}
case $code in
{stop}) exit 2 ;;
{again}) ;;
130) exit 130 ;;
*) go_on "$@" ;;
esac

"$real" "$@" || exit
"$bridle" hook ask --again -- "$name" "$real" "$@" </dev/null || :
exit 0
"""

_ACT = """\

[ -x "$bridle" ] || go_on "$@"
"$bridle" hook ask -- "$name" "$real" "$@" </dev/null
code=$?
case $code in
{again}) go_on "$@" ;;
0) exit 0 ;;
{stop}) exit 2 ;;
esac
# Nothing was done; but of one that was killed, that is not known.
[ $code -gt 128 ] && exit $code
go_on "$@"
"""

_DRAW = """\

# It knows few commands of DAGMan: of a DAG that has its monitor, it is to draw the planner's.
link=
for word in "$@"; do
    case $word in
    *.dag)
        folder=.
        case $word in */*) folder=${{word%/*}} ;; esac
        if [ -z "$link" ] && [ -e "$word.planned" ] && grep -q '^# >>> bridle: begin' "$word"; then
            link=$folder/.bridle-$$.dag
            if ln -s "${{word##*/}}.planned" "$link"; then word=$link; else link=; fi
        fi
        ;;
    esac
    set -- "$@" "$word"
    shift
done
[ -n "$link" ] && [ -n "$real" ] || go_on "$@"
trap 'rm -f "$link"' EXIT
trap 'exit 130' HUP INT TERM
"$real" "$@"
"""

_WHY: Mapping[str, str] = MappingProxyType(
    {
        "condor_submit_dag": "Of what pegasus-plan has made, the DAG gets its monitor; see bridle help hook.",
        "condor_submit": "Before pegasus-run starts a DAGMan anew, the database is caught up; see bridle help hook.",
        "pegasus-run": "It does what `bridle run` does; see bridle help hook.",
        "pegasus-remove": "It does what `bridle remove --no-wait` does; see bridle help hook.",
        "pegasus-graphviz": "It draws the planner's DAG, where bridle has added lines; see bridle help hook.",
    }
)
PROGRAMS = tuple(_WHY)

_ENDINGS = {"condor_submit_dag": ".dag", "condor_submit": ".dag.condor.sub"}


def shim(name: str, bridle: str) -> str:
    """The script for a program; `bridle` is the absolute path of the command.

    >>> shim("pegasus-run", "/opt/my bridle/bin/bridle").splitlines()[4]
    "bridle='/opt/my bridle/bin/bridle'"
    """
    head = _HEAD.format(mark=MARK, why=_WHY[name], name=name, bridle=shlex.quote(bridle))
    codes = {"stop": int(ExitCode.SHIM_STOP), "again": int(ExitCode.SHIM_AGAIN)}
    if name in _ENDINGS:
        return head + _IS_PLANNED.format(ending=_ENDINGS[name]) + _ASK.format(**codes)
    return head + (_DRAW if name == "pegasus-graphviz" else _ACT).format(**codes)


def is_shim(data: bytes) -> bool:
    """Whether a file is one of ours.

    >>> is_shim(shim("condor_submit", "/bin/bridle").encode()), is_shim(b"#!/bin/sh\\n")
    (True, False)
    """
    return data.split(b"\n", 2)[1:2] == [MARK.encode()]
