"""The formats of catalogs: what each says, in YAML 5.0."""

from __future__ import annotations

import io

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from planner_ext.catalogs.formats import (
    replica_lines,
    replica_yaml,
    site_xml,
    transformation_columns,
    transformation_text,
)
from planner_ext.catalogs.formats.yaml_items import Items
from planner_ext.catalogs.model import yaml_text
from planner_ext.catalogs.model.document import Plain, as_list
from planner_ext.catalogs.model.replica import Place, Replica
from planner_ext.catalogs.model.transformation import items_of
from planner_ext.errors import CatalogError

TEXT = r"""
# of all kinds
tr example::keg:1.0 {
  profile env "APP_HOME" "/tmp/\"my\" scratch"   # for all sites
  site isi-1.x@a { profile ENV "ME" "with"
    profile condor "FOO" "bar" pfn "/path/to/keg" arch "X86_64" os "LINUX" osrelease "fc" osversion "4"
    type "INSTALLED" container "centos" glibc "2.3" metadata "size" "3" }
  site ${SITE}{ pfn "${KEG}" type "STAGEABLE" }
}
tr a+b { site local { pfn "/a" type "installed" } }
cont centos{ type "docker" image "docker:///c" image_site "local" mount "/a:/b:ro" mount "/c:/d"
  dockerfile "http://x" profile env "J" "1" }
"""
AS_YAML = {
    "pegasus": "5.0.4",
    "transformations": [
        {
            "namespace": "example",
            "name": "keg",
            "version": "1.0",
            "profiles": {"env": {"APP_HOME": '/tmp/"my" scratch'}},
            "sites": [
                {
                    "name": "isi-1.x@a",
                    "profiles": {"env": {"ME": "with"}, "condor": {"FOO": "bar"}},
                    "pfn": "/path/to/keg",
                    "arch": "x86_64",
                    "os.type": "linux",
                    "os.release": "fc",
                    "os.version": "4",
                    "type": "installed",
                    "container": "centos",
                    "x-glibc": "2.3",
                    "metadata": {"size": "3"},
                },
                {"name": "${SITE}", "pfn": "${KEG}", "type": "stageable"},
            ],
        },
        {"name": "a+b", "sites": [{"name": "local", "pfn": "/a", "type": "installed"}]},
    ],
    "containers": [
        {
            "name": "centos",
            "type": "docker",
            "image": "docker:///c",
            "image.site": "local",
            "mounts": ["/a:/b:ro", "/c:/d"],
            "x-dockerfile": "http://x",
            "profiles": {"env": {"J": "1"}},
        }
    ],
}


def test_a_text_catalog_is_read_whole():
    assert transformation_text.parse(TEXT, "tc") == AS_YAML


def test_the_text_format_holds_what_it_can_and_refuses_the_rest():
    document = transformation_text.parse(
        TEXT.replace('glibc "2.3"', "").replace('dockerfile "http://x"', ""), "tc"
    )
    assert transformation_text.parse("".join(transformation_text.render(document)), "tc") == document
    items_of(document)[0]["hooks"] = {"shell": []}
    with pytest.raises(CatalogError, match="no place for 'hooks'"):
        list(transformation_text.render(document))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("tr a {\n site b {\n  pfn /x\n }\n}", 3, "a quoted text after `pfn` is wanted, not '/x'"),
        ("tr a {\n site b {\n", 2, "site b of a has no end"),
        ("\nfoo a {}", 2, "`tr` or `cont` is wanted, not 'foo'"),
        ('tr a {\n pfn "/x"\n}', 2, "'pfn' stands outside of a site"),
        ('tr a {\n site b { pfn "x\n" }', 2, "a quoted text does not end in its line"),
        ("tr {", 1, "a name after `tr` is wanted, not '{'"),
    ],
)
def test_an_error_in_a_text_catalog_names_its_line(text, line, what):
    with pytest.raises(CatalogError) as caught:
        transformation_text.parse(text, "tc")
    assert str(caught.value).startswith(f"tc:{line}: {what}; ")


def test_the_columns_of_old_are_read():
    text = (
        "# site  name  pfn  type  system  profiles\n"
        "isi\texample::keg:1.0\t/keg\tINSTALLED\tINTEL32::LINUX:rhel_5:2.3\t"
        'ENV::PATH="/a b;c",X=1;globus::maxtime="5"\n'
        "\nlocal keg /keg STATIC_BINARY null null\nfar keg gsiftp://x/keg static_binary\n"
    )
    first, second = items_of(transformation_columns.parse(text, "tc"))
    assert first["namespace"] == "example"
    assert first["sites"] == [
        {
            "name": "isi",
            "pfn": "/keg",
            "type": "installed",
            "arch": "x86",
            "os.type": "linux",
            "os.release": "rhel",
            "os.version": "5",
            "x-glibc": "2.3",
            "profiles": {"env": {"PATH": "/a b;c", "X": "1"}, "globus": {"maxtime": "5"}},
        }
    ]
    assert [site["type"] for site in second["sites"]] == ["stageable", "stageable"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("isi keg /keg", "the line has 3 columns"),
        ("isi keg /keg BINARY", "'BINARY' is no type"),
        ("isi keg /keg INSTALLED x86", "'x86' is no system"),
        ("isi keg /keg INSTALLED null env:PATH=1", "'env:PATH=1' is no profile"),
    ],
)
def test_an_error_in_columns_names_its_line(line, what):
    with pytest.raises(CatalogError) as caught:
        transformation_columns.parse(f"\n{line}\n", "tc")
    assert str(caught.value).startswith(f"tc:2: {what}")


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), min_size=1
)
KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9.]{0,9}", fullmatch=True).filter(
    lambda key: key not in ("site", "pool", "regex") and not key.startswith("checksum.")
)
REPLICAS = st.builds(
    Replica,
    NAMES,
    st.lists(st.builds(Place, NAMES, NAMES), min_size=1, max_size=1).map(tuple),
    st.booleans(),
    st.sampled_from([{}, {"sha256": "ab"}]),
    st.dictionaries(KEYS, NAMES, max_size=3),
)


@given(REPLICAS)
def test_a_line_is_read_as_it_was_written(replica):
    (line,) = replica_lines.render(replica)
    assert replica_lines.parse_line(line.encode()) == replica


@given(REPLICAS)
def test_an_entry_of_yaml_is_read_as_it_was_written_also_by_a_library(replica):
    text = "".join(replica_yaml.render([replica], iter(())))
    (read,) = replica_yaml.read(Items(io.BytesIO(text.encode()), "rc", "replicas"), "rc")
    assert (read.lfn, read.places, read.said) == (replica.lfn, replica.places, replica.said)
    assert yaml.safe_load(text)["replicas"] == [replica_yaml.document_of(replica)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=12,
    )
)
def test_any_value_is_written_as_yaml_that_a_library_reads_as_it(value):
    text = "".join(yaml_text.lines({"value": value}))
    assert yaml.safe_load(text) == {"value": value}


def test_numbers_stay_as_they_are_written():
    assert "".join(yaml_text.lines({"a": Plain("1.50"), "b": "1.50"})) == 'a: 1.50\nb: "1.50"\n'


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"f.a", "it is no entry of a replica catalog"),
        (b"f.a http://x?a=b", "it is no entry of a replica catalog"),
        (b'f.a /a site="local', "it is no entry of a replica catalog from character 7 on"),
        (b"f.a /a site", "it is no entry of a replica catalog from character 7 on"),
    ],
)
def test_a_bad_line_is_named(line, what):
    with pytest.raises(CatalogError) as caught:
        list(replica_lines.read(io.BytesIO(b"# head\n\n" + line + b"\n"), "rc"))
    assert str(caught.value).startswith(f"rc:3: {what}; ")


def test_a_line_or_a_text_without_an_end_is_refused_before_it_fills_the_memory():
    with pytest.raises(CatalogError, match=r"rc:1: the line has more than"):
        list(replica_lines.read(io.BytesIO(b"a" * (2 << 20)), "rc"))
    with pytest.raises(CatalogError, match=r"rc:2: a text has more than"):
        list(Items(io.BytesIO(b"replicas:\n- lfn: " + b"a" * (2 << 20)), "rc", "replicas"))


SITES = """<?xml version="1.0"?>
<!-- of all kinds -->
<sitecatalog xmlns="http://pegasus.isi.edu/schema/sitecatalog" version="4.1">
 <site handle="isi" arch="x86_64" os="LINUX" osrelease="" glibc="2.3">
  <grid type="gt5" contact="isi/fork" scheduler="Fork" jobtype="auxillary" total-nodes="5"/>
  <directory path="/scratch" type="shared-scratch" free-size="1GB">
   <file-server operation="get" url="http://isi/scratch">
    <profile namespace="pegasus" key="transfer.arguments">-s &amp; -e</profile>
   </file-server>
   <file-server url="gsiftp://isi/scratch"/>
  </directory>
  <profile namespace="env" key="HOME">/home</profile>
  <metadata key="kind">cloud</metadata>
  <replica-catalog type="LRC" url="rlsn://isi"><alias name="x"/></replica-catalog>
 </site>
</sitecatalog>
"""


def test_a_site_catalog_in_xml_is_read_whole():
    (site,) = as_list(site_xml.parse(SITES.encode(), "sites.xml")["sites"])
    assert site == {
        "name": "isi",
        "arch": "x86_64",
        "os.type": "linux",
        "x-glibc": "2.3",
        "grids": [
            {
                "type": "gt5",
                "contact": "isi/fork",
                "scheduler": "fork",
                "jobtype": "auxillary",
                "totalNodes": "5",
            }
        ],
        "directories": [
            {
                "path": "/scratch",
                "type": "sharedScratch",
                "freeSize": "1GB",
                "sharedFileSystem": False,
                "fileServers": [
                    {
                        "operation": "get",
                        "url": "http://isi/scratch",
                        "profiles": {"pegasus": {"transfer.arguments": "-s & -e"}},
                    },
                    {"url": "gsiftp://isi/scratch", "operation": "all"},
                ],
            }
        ],
        "profiles": {"env": {"HOME": "/home"}},
        "x-metadata": [{"key": "kind", "text": "cloud"}],
        "x-replica-catalog": [{"type": "LRC", "url": "rlsn://isi", "x-alias": [{"name": "x"}]}],
    }


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("<sitecatalog>\n<site>", 2, "it is no XML"),
        ("<adag/>", 1, "its root is <adag>, not <sitecatalog>"),
        ('<sitecatalog version="3.0"/>', 1, "it is a site catalog 3.0, bridle reads 4.x"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>\n<sitecatalog/>', 1, "it has a DOCTYPE"),
        ("<sitecatalog>" + "<x>" * 20, 1, "<x> is nested more than 16 deep"),
        (
            "<sitecatalog>\n<directory/></sitecatalog>",
            2,
            "<directory> stands in <sitecatalog>, not in <site>",
        ),
    ],
)
def test_an_error_in_a_site_catalog_names_its_line(text, line, what):
    with pytest.raises(CatalogError) as caught:
        site_xml.parse(text.encode(), "s.xml")
    assert str(caught.value).startswith(f"s.xml:{line}: {what}")
