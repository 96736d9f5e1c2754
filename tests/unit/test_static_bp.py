"""The planner's static.bp."""

from hypothesis import given
from hypothesis import strategies as st

from monitord_job.events import Malformed
from monitord_job.static_bp import StaticEvent, _exactly, _plainly, parse

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
