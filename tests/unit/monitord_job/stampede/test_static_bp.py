"""The planner's static.bp."""

from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.logs.events import Malformed
from monitord_job.stampede.static_bp import StaticEvent, _exactly, _plainly, parse
from monitord_job.stampede.static_rows import rows_of_lines, static_rows

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\r"))


def escaped(text: str) -> str:
    """As the planner quotes a value."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


@given(st.dictionaries(st.from_regex(r"[a-z][a-z._]{0,9}", fullmatch=True), TEXT))
def test_values_come_back_whatever_is_in_them(fields):
    fields = {key: value for key, value in fields.items() if key not in ("ts", "event")}
    line = "ts=1970-01-01T00:00:00Z event=job.info " + " ".join(
        f'{k}="{escaped(v)}"' for k, v in fields.items()
    )
    event = parse(line.encode())
    assert isinstance(event, StaticEvent)
    assert (event.name, event.fields) == ("job.info", fields)


@given(st.binary())
def test_no_line_raises(line):
    assert parse(line) is None or isinstance(parse(line), StaticEvent | Malformed)


def test_a_cut_line_is_no_event():
    cut = parse(b'ts=1970-01-01T00:00:00Z event=job.info job.id="merge" submit_file="00/00/mer')
    assert isinstance(cut, Malformed)


def test_an_empty_line_is_nothing():
    assert parse(b"") is None


PIECES = st.sampled_from(
    [
        "ts=1",
        "event=x",
        " ",
        "  ",
        "\t",
        "\u00a0",
        "\x1c",
        "=",
        '"',
        '""',
        "a",
        "b.c",
        '="',
        '" ',
        ' k="',
        "\\",
        "\u00e9",
        "\n",
    ]
)


def exactly(text: str) -> StaticEvent:
    fields, end = _exactly(text)
    assert not text[end:].strip()
    del fields["ts"]
    return StaticEvent(fields.pop("event"), (*fields,), (*fields.values(),))


@given(st.lists(PIECES, max_size=14))
def test_the_fast_way_says_what_the_exact_one_says_or_nothing(pieces):
    text = "ts=1 event=x " + "".join(pieces)
    for line in (text, "".join(pieces)):
        event = _plainly(line)
        if event is not None:
            assert event == exactly(line)


def test_the_fast_way_reads_what_the_planner_writes():
    line = 'ts=1970-01-01T00:31:49.042787Z event=task.info xwf.id=16f4 task.id="w 1" argv="" type="1" '
    assert _plainly(line) == exactly(line)


VALUES = st.text(st.sampled_from('ab =.\\"\t\r\u00e9\x1c'), max_size=4)
LINES = st.one_of(
    st.builds(
        'ts={} event=job.edge xwf.id=u parent.job.id="{}" child.job.id="{}" '.format, st.integers(), VALUES, VALUES
    ),
    st.builds(
        'ts=1 event=task.info xwf.id=u task.id="{}" transformation="t" argv="{}" type_desc="c"'.format, VALUES, VALUES
    ),
    st.builds('ts=1 event=task.info argv={} task.id="{}" transformation="t" type_desc="c"'.format, VALUES, VALUES),
    st.builds('ts=1 event=task.info xwf.id=u task.id="{}" transformation="t" type_desc="c" '.format, VALUES),
    st.builds(
        'ts=1 event=job.info xwf.id=u job.id="{}" submit_file="s" type_desc="c" clustered="0" max_retries="{}" '
        'executable="e" argv="" task_count="1" '.format, VALUES, st.sampled_from(["0", "3", "x"]),
    ),
    st.builds('ts=1 event=static.meta.start xwf.id="{}" x="{}"'.format, VALUES, VALUES),
    st.sampled_from(["", "garbage", "ts=1 event=job.edge"]),
)  # fmt: skip


@given(st.lists(st.tuples(LINES, st.integers(1, 4)), min_size=1), st.integers(1, 5), st.binary(max_size=2))
def test_lines_that_are_alike_are_read_as_one_by_one(runs, size, odd):
    lines = [line.encode() for line, times in runs for _ in range(times)]
    lines.append(lines[-1][:20] + odd.replace(b"\n", b"") + lines[-1][20:])
    pieces = [lines[at : at + size] for at in range(0, len(lines), size)]
    assert list(static_rows(pieces, "x.static.bp", {})) == list(rows_of_lines(lines, "x.static.bp"))
