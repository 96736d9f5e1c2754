"""XML of strangers: no entities, no network, no depth; every error names line, element and remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.notifications.rule import On, Source
from planner_ext.abstract.dax_xml import load
from planner_ext.abstract.workflow import Executable, Hook, Link, TaskKind, TransformationName, Use
from planner_ext.errors import WorkflowError

HEAD = '<adag xmlns="http://pegasus.isi.edu/schema/DAX" version="3.6" name="w">\n'


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "it is no XML"),
        ("<adag", 1, "it is no XML: unclosed token"),
        ("<adag>\n</adga>", 2, "it is no XML: mismatched tag"),
        ("<a>\n\x01</a>", 2, "it is no XML: not well-formed"),
        ('<?xml version="1.0" encoding="klingon"?><adag/>', 1, "it is no XML: unknown encoding"),
        ("<dax/>", 1, "its root is <dax>, not <adag>"),
        ('<adag xmlns="urn:x"/>', 1, "its root is <adag>, not <adag> of http://pegasus"),
        ('<adag version="2.1" name="x"/>', 1, "adag: it is a DAX 2.1, bridle reads 3.2 to 3.6"),
        ('<adag version="3.1" name="x"/>', 1, "Element 'adag', attribute 'version'"),
        ('<adag version="3.6"/>', 1, "Element 'adag': The attribute 'name' is required but missing; add it"),
        (
            HEAD + "<jop/></adag>",
            2,
            "Element 'jop': This element is not expected. .*; correct its name, or remove it",
        ),
        (HEAD + "<job id='a'/></adag>", 2, "Element 'job': The attribute 'name' is required"),
        (
            HEAD + "<job id='a' nmae='x' name='y'/></adag>",
            2,
            "Element 'job', attribute 'nmae'.*; correct its name",
        ),
        (HEAD + "<invoke>x</invoke></adag>", 2, "Element 'invoke': The attribute 'when'"),
        (
            HEAD + "\n<invoke when='done'>x</invoke></adag>",
            3,
            "Element 'invoke'.*'done' is not.*; write one of those",
        ),
        (HEAD + "<invoke when='end'>\n</invoke></adag>", 2, "invoke has no command; write the command"),
        (HEAD + "some text</adag>", 1, "Element 'adag': Character content.*; remove the text"),
        (HEAD + "<job id='a' name='x'/>\n<dag id='a' file='x'/></adag>", 3, "a second job has the id a"),
        (
            HEAD + "<job id='a' name='x'><stdin name='f'/>\n<stdin name='g'/></job></adag>",
            3,
            "a second stdin of job a",
        ),
        (HEAD + "<child ref='a'>\n<parent ref='b'/></child></adag>", 2, "child: there is no job a"),
        (
            HEAD + "<job id='a' name='x'/><child ref='a'>\n<parent ref='b'/></child></adag>",
            3,
            "parent: there is no job b",
        ),
        (
            f"<adag version='3.6' name='{'x' * 11_000_000}'/>",
            1,
            "it is no XML: Resource limit exceeded[^\n]*; ",
        ),
        ("<a>" * 1_000_000, 1, "element a is nested more than 32 deep"),
    ],
)
def test_an_error_names_line_element_and_remedy(text: str, line: int, what: str) -> None:
    with pytest.raises(WorkflowError, match=rf"^my\.xml:{line}: {what}") as caught:
        load(text.encode(), "my.xml")
    assert caught.value.hint


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DOCTYPES = [
    f'<!DOCTYPE adag [<!ENTITY l0 "ha">{LAUGHS}]>\n<adag version="3.6" name="&l11;"/>',
    f'<!DOCTYPE adag [<!ENTITY l0 "ha">{LAUGHS}]>\n<adag><invoke when="end">&l11;</invoke></adag>',
    '<!DOCTYPE adag [<!ENTITY f SYSTEM "file:///etc/passwd">]>\n<adag><invoke>&f;</invoke></adag>',
    '<!DOCTYPE adag [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>\n<adag version="3.6" name="x"/>',
    '<!DOCTYPE adag SYSTEM "http://127.0.0.1:1/x.dtd">\n<adag version="3.6" name="x"/>',
    '<!DOCTYPE adag>\n<adag version="3.6" name="x"/>',
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", DOCTYPES)
def test_no_dtd_is_read_and_no_entity_is_expanded(text: str, encoding: str) -> None:
    with pytest.raises(WorkflowError, match=r"^my\.xml:1: it has a DOCTYPE, which no DAX needs; remove it"):
        load(text.encode(encoding), "my.xml")


def test_schema_locations_are_not_followed() -> None:
    where = 'xsi:schemaLocation="http://pegasus.isi.edu/schema/DAX http://127.0.0.1:1/x.xsd"'
    text = HEAD.replace(" version", f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" {where} version')
    assert load((text + "</adag>").encode(), "x").name == "w"


PIECES = st.sampled_from(["<adag>", "<job>", "</job>", "&x;", "<![CDATA[", "]]>", "<!--", "x"])


@given(st.binary() | st.lists(PIECES).map("".join).map(str.encode))
def test_nothing_but_a_workflow_error_comes_of_any_bytes(data: bytes) -> None:
    with pytest.raises(WorkflowError):
        load(data, "x")


def test_lines_beyond_what_libxml2_counts_are_known() -> None:
    text = (
        HEAD
        + "\n" * 70_000
        + "<invoke when='end'>x</invoke>\n<job id='a' name='x'/>\n<job id='a' name='x'/></adag>"
    )
    with pytest.raises(WorkflowError, match=r"^x:70004: a second job has the id a"):
        load(text.encode(), "x")
    workflow = load(text.replace("<job id='a' name='x'/>", "").encode(), "x")
    assert workflow.hooks == (Hook(On.END, "x"),)
    assert workflow.hooks[0].source == Source("x", 70_002)


# As the Java API (edu.isi.pegasus.planner.dax) writes them: comments, index and count, `link` at stdin.
JAVA = """<?xml version="1.0" encoding="UTF-8"?>
<!-- generator: java -->
<adag xmlns="http://pegasus.isi.edu/schema/DAX" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://pegasus.isi.edu/schema/DAX http://pegasus.isi.edu/schema/dax-3.6.xsd"
  version="3.6" name="w" index="0" count="1">
<!-- Section 1: Metadata attributes for the workflow (can be empty) -->
   <metadata key="name">diamond</metadata>
<!-- Section 2: Invokes - Adds notifications for a workflow (can be empty) -->
   <invoke when="start">/pegasus/libexec/notification/email -t notify@example.com</invoke>
   <file name="f.a"><metadata key="size">1024</metadata><pfn url="file:///in/f.a" site="local"/></file>
   <executable namespace="ns" name="keg" version="4.0" installed="true" arch="x86" os="linux" glibc="3.3">
      <profile namespace="globus" key="walltime">2</profile>
      <metadata key="project">pegasus</metadata>
      <pfn url="/bin/keg" site="TestCluster"><profile namespace="pegasus" key="x">y</profile></pfn>
      <invoke when="on_error">/bin/tell keg</invoke>
   </executable>
   <executable namespace="ns" name="keg" version="4.0" installed="false">
      <pfn url="http://x/keg" site="web"/><invoke when="on_error">/bin/tell keg</invoke></executable>
   <transformation namespace="ns" name="keg" version="4.0">
      <uses name="config.ini" executable="false"/><uses namespace="ns" name="lib" version="1.0" executable="true"/>
      <invoke when="at_end">/bin/tell compound</invoke></transformation>
   <job id="j1" namespace="ns" name="keg" version="4.0" node-label="first">
      <argument>-a keg -i <file name="f.a"/>   -o
         <file name="f.b"/></argument>
      <profile namespace="condor" key="universe">vanilla</profile>
      <stdin name="f.a" link="input"/>
      <uses name="f.a" link="input"><metadata key="time">day</metadata></uses>
      <uses name="f.b" link="output" transfer="optional" register="false" optional="true" size="10"/>
      <uses namespace="ns" name="keg" version="4.0" executable="true"/>
      <invoke when="at_end">/bin/tell 'a &lt; b' &amp;</invoke>
   </job>
   <dax id="j2" file="inner.dax"><uses name="inner.dax" link="input"/><invoke when="all">/bin/tell dax</invoke></dax>
   <dag id="j3" file="hand.dag"><invoke when="never">/bin/tell dag</invoke></dag>
   <child ref="j2"><parent ref="j1" edge-label="x"/></child>
</adag>
"""


def test_the_documents_of_the_java_api() -> None:
    workflow = load(JAVA.encode(), "java.dax")
    assert [(hook.on, hook.source.line) for hook in workflow.hooks] == [(On.START, 9)]
    (keg,) = workflow.transformations
    assert keg.name == TransformationName("keg", "ns", "4.0")
    assert keg.executables == (
        Executable("TestCluster", "/bin/keg"),
        Executable("web", "http://x/keg", installed=False),
    )
    assert keg.hooks == (Hook(On.ERROR, "/bin/tell keg"), Hook(On.END, "/bin/tell compound"))
    assert keg.requires == ("ns::lib:1.0",)
    job, dax, dag = workflow.tasks
    assert job.arguments == "-a keg -i f.a -o f.b"
    assert job.hooks == (Hook(On.END, "/bin/tell 'a < b' &"),)
    assert job.uses == (
        Use("f.a", Link.INPUT, metadata=(("time", "day"),)),
        Use("f.b", Link.OUTPUT, stage_out=True, register=False, size="10"),
    )
    assert (job.stdin, job.stdout, job.label) == ("f.a", None, "first")
    assert (dax.kind, dax.file, dax.uses, dax.hooks) == (
        TaskKind.DAX,
        "inner.dax",
        (),
        (Hook(On.ALL, "/bin/tell dax"),),
    )
    assert (dag.kind, dag.hooks) == (TaskKind.DAG, (Hook(On.NEVER, "/bin/tell dag"),))
    assert workflow.edges == (("j1", "j2"),)
    assert workflow.files[0].places == (("local", "file:///in/f.a"),)


# As the Perl API of Pegasus 3 and 4 writes them: a namespace prefix if asked for, metadata with a type.
PERL = """<?xml version="1.0" encoding="UTF-8"?>
<!-- generator: Perl -->
<d:adag xmlns:d="http://pegasus.isi.edu/schema/DAX" name="w" version="3.3" index="0" count="1">
  <!-- part 1: included replica catalog -->
  <d:file name="f.a"><d:metadata key="size" type="int">1</d:metadata>
    <d:pfn url="file:///in/f.a" site="local" /></d:file>
  <d:executable name="keg" os="linux" arch="x86_64" installed="false"><d:pfn url="file:///bin/keg" /></d:executable>
  <d:job id="ID1" name="keg" node-label="x">
    <d:argument>-i <d:file name="f.a" /></d:argument>
    <d:uses name="f.a" link="input" optional="false" register="true" transfer="true" />
    <d:invoke when="on_success">tell</d:invoke>
  </d:job>
  <d:invoke when="all">tell wf</d:invoke>
</d:adag>
"""


@pytest.mark.parametrize("version", ["3.2", "3.3", "3.4", "3.5", "3.6"])
def test_the_documents_of_the_perl_api(version: str) -> None:
    workflow = load(PERL.replace('"3.3"', f'"{version}"').encode(), "perl.dax")
    assert workflow.hooks == (Hook(On.ALL, "tell wf"),)
    assert workflow.tasks[0].hooks == (Hook(On.SUCCESS, "tell"),)
    assert workflow.tasks[0].uses == (Use("f.a", Link.INPUT, stage_out=True, register=True),)
    assert workflow.transformations[0].executables == (
        Executable("local", "file:///bin/keg", installed=False),
    )


def test_a_document_without_a_namespace_is_taken_as_the_planner_takes_it() -> None:
    text = '<adag version="3.6" name="w"><!-- x --><invoke when="end">a<!-- y -->b</invoke></adag>'
    assert load(text.encode(), "x").hooks == (Hook(On.END, "ab"),)
