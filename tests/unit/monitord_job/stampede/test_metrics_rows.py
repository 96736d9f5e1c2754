"""Metrics files as rows."""

import json

from hypothesis import given
from hypothesis import strategies as st

from monitord_job.stampede.metrics_rows import MetricSource, metric_rows
from monitord_job.stampede.rows import MetricRow, QuarantineRow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())))
def test_any_file_gives_rows_or_one_quarantine_row(data):
    rows = metric_rows(MetricSource.DAGMAN, "x.dag.metrics", data)
    assert all(isinstance(row, MetricRow) for row in rows) or [type(row) for row in rows] == [QuarantineRow]


def test_keys_are_flat_and_what_counts_has_a_number():
    data = b'{"a": {"b": 2, "c": [1, 2]}, "d": true, "e": null, "f": "9", "g": 1.79541162929E9, "h": {}}'
    assert [tuple(row)[1:] for row in metric_rows(MetricSource.BRIDLE, "x", data)] == [
        ("a.b", "2", 2.0),
        ("a.c", "[1, 2]", None),
        ("d", "true", 1.0),
        ("e", None, None),
        ("f", "9", None),
        ("g", "1795411629.29", 1795411629.29),
        ("h", "{}", None),
    ]
