"""Abstract workflows cost time in proportion to their length, whatever stands there."""

from contextlib import suppress

import pytest

from planner_ext.abstract import dax_xml, workflow_yaml
from planner_ext.errors import WorkflowError
from tests.support.growth import assert_linear

DAX = b'<adag xmlns="http://pegasus.isi.edu/schema/DAX" version="3.6" name="w">\n'


@pytest.mark.parametrize("unit", [b" ", b"a", b"<a>", b"&amp;", b"<!-- ", b"<job id='a' name='x'/>\n"])
@pytest.mark.parametrize("begin", [b"", DAX, b"<adag "])
def test_a_dax(begin, unit):
    def read(data: bytes) -> None:
        with suppress(WorkflowError):
            dax_xml.load(data, "w.dax")

    assert_linear(read, lambda size: begin + unit * (size // len(unit)), 4_000)


@pytest.mark.parametrize("unit", [b" ", b"a", b"[", b"{a: ", b"- ", b"? ", b"&a ", b"- a\n", b"#"])
@pytest.mark.parametrize("begin", [b"", b"pegasus: 5.0\nname: w\njobs:\n", b"pegasus: "])
def test_a_workflow_in_yaml(begin, unit):
    def read(data: bytes) -> None:
        with suppress(WorkflowError):
            workflow_yaml.load(data, "w.yml")

    assert_linear(read, lambda size: begin + unit * (size // len(unit)), 4_000)
