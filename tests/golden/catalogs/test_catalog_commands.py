"""`bridle tc`, `rc` and `sc` on files: what they find, what they write, and what they leave as it was."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import yaml

from planner_ext.cli import run_command
from tests.conftest import Corpus, wherever
from tests.support.json_documents import check

LINES = b"""\
# my catalog
f.a file:///a site="local"

# the next
"f b" "/data/f=b" pool=x size="3" note="a \\"q\\" \\\\ b"
f.a gsiftp://h/a site="far"
"""
EDITED = """\
# head
x-mine: {a: 1}
pegasus: "5.0"
replicas:
  # of a
  - lfn: "f.a"   # the first
    pfns:
      - pfn: "file:///a"
        site: "local"
  # of b
  - lfn: f.b
    pfns: [{site: local, pfn: /b}]
    metadata: {size: 1.50}
  # of c
  - lfn: f.c
    pfns: [{site: local, pfn: /c}]
x-end: 1
"""
TRANSFORMATIONS = """\
# mine
pegasus: "5.0"
transformations:
- name: keg   # the first
  sites:
  - {name: local, pfn: /bin/keg, type: installed}
# the second
- namespace: ns
  name: keg
  version: "1.0"
  sites:
  - {name: local, pfn: /bin/keg1, type: installed}
  - {name: far, pfn: /bin/keg2, type: stageable, x-mine: kept}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without properties, for a user without any."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    place = tmp_path / "here é"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def bridle(line: str) -> int:
    return run_command(line.split())


def places(path: Path) -> list[tuple[str, str, str]]:
    document = yaml.safe_load(path.read_text())
    return [
        (one["lfn"], place["site"], place["pfn"]) for one in document["replicas"] for place in one["pfns"]
    ]


def test_a_file_becomes_yaml_a_database_and_itself_again(here):
    (here / "rc.txt").write_bytes(LINES)
    for words in ("rc.txt r.yml", "r.yml r.db", "r.db r2.yml", "--to file r2.yml r.txt", "r.txt r3.yml"):
        assert bridle(f"rc convert {words}") == 0
    assert sorted(places(here / "r3.yml")) == sorted(places(here / "r.yml"))
    first = yaml.safe_load((here / "r.yml").read_text())["replicas"]
    assert first[1] == {
        "lfn": "f b",
        "pfns": [{"site": "x", "pfn": "/data/f=b"}],
        "metadata": {"size": "3", "note": 'a "q" \\ b'},
    }
    assert bridle("rc validate --catalog r3.yml") == 0


def test_standard_input_and_output(here, monkeypatch, capfdbinary):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(LINES))))
    assert bridle("rc convert - -") == 0
    assert capfdbinary.readouterr().out.startswith(b"pegasus: 5.0.4\nreplicas:\n- lfn: f.a\n")


def test_changes_of_lines_leave_the_others_as_they_are(here):
    (here / "rc.txt").write_bytes(LINES)
    (here / "rc.txt").chmod(0o640)
    assert bridle("rc insert f.a file:///a --metadata k=v") == 0
    assert bridle("rc insert new /n --site s") == 0
    assert run_command(["rc", "delete", "f b"]) == 0
    assert (here / "rc.txt").read_text() == (
        '# my catalog\nf.a file:///a site="local" k="v"\n\n# the next\nf.a gsiftp://h/a site="far"\nnew /n site="s"\n'
    )
    assert (here / "rc.txt").stat().st_mode & 0o777 == 0o640
    assert bridle("rc delete nothing") == 1


def test_changes_of_yaml_leave_the_others_and_the_comments_as_they_are(here):
    catalog = here / "replicas.yml"
    catalog.write_text(EDITED)
    assert bridle("rc insert f.b /b2 --site far --metadata k=v") == 0
    assert bridle("rc insert new /n") == 0
    assert bridle("rc delete f.c") == 0
    kept = EDITED.partition("  - lfn: f.b")[0]
    assert catalog.read_text() == kept + (
        "  - lfn: f.b\n    pfns:\n    - site: local\n      pfn: /b\n    - site: far\n      pfn: /b2\n"
        "    metadata:\n      size: 1.50\n      k: v\n  # of c\n"
        "  - lfn: new\n    pfns:\n    - site: local\n      pfn: /n\nx-end: 1\n"
    )
    assert bridle("rc insert f.b /b2 --site far") == 0
    assert len(places(catalog)) == 4


@pytest.mark.parametrize(
    "text",
    [
        '{"pegasus": "5.0", "replicas": [{"lfn": "a", "pfns": [{"site": "s", "pfn": "/a"}]}], "x-k": 1}',
        'pegasus: "5.0"\nreplicas:\n- lfn: a\n  pfns:\n  - &p {site: s, pfn: /a}\nx-k: 1',
        'pegasus: "5.0"\nreplicas:\n-\n  lfn: a\n  pfns: [{site: s, pfn: /a}]\nx-k: 1',
        'x-k: 1\npegasus: "5.0"\nreplicas:\n- lfn: a\n  pfns: [{site: s, pfn: /a}]',
    ],
)
def test_yaml_of_any_layout_is_changed(here, text):
    catalog = here / "replicas.yml"
    catalog.write_text(text)
    assert bridle("rc insert b /b") == 0
    assert bridle("rc delete a") == 0
    assert bridle("rc insert c /c --regex") == 0
    assert places(catalog) == [("b", "local", "/b"), ("c", "local", "/c")]
    assert yaml.safe_load(catalog.read_text())["x-k"] == 1
    assert bridle("rc delete b") == 0
    assert bridle("rc delete c") == 0
    assert places(catalog) == []
    assert bridle("rc validate") == 0


def test_many_come_and_go_by_file(here):
    count = 1200  # more than SQLite takes in one statement at its least
    (here / "many.txt").write_text("".join(f'f.{i} /f/{i} site="s{i % 3}"\n' for i in range(count)))
    for name in ("rc.txt", "r.yml", "r.db"):
        assert bridle(f"rc insert --catalog {name} f.7 /f/7 --site s1") == 0
        assert bridle(f"rc insert --catalog {name} --from-file many.txt") == 0
        assert bridle(f"rc convert {name} all.yml") == 0
        found = places(here / "all.yml")
        assert len(set(found)) == len(found) == count
        (here / "gone.txt").write_text("".join(f"f.{i}\n" for i in range(0, count, 2)))
        assert bridle(f"rc delete --catalog {name} --from-file gone.txt") == 0
        assert bridle(f"rc convert {name} all.yml") == 0
        assert len(places(here / "all.yml")) == count // 2


def test_bad_input_loses_nothing(here, capfd):
    (here / "replicas.yml").write_text(EDITED)
    (here / "bad.txt").write_text("f.x /x\nf.y\n")
    (here / "tc.txt").write_text("tr keg {\n site x { pfn }\n}\n")
    (here / "out.yml").write_text("mine\n")
    before = sorted(path.name for path in here.iterdir())
    for line, where in (
        ("rc insert --from-file bad.txt", "bad.txt:2: "),
        ("rc convert bad.txt out.yml", "bad.txt:2: "),
        ("tc convert tc.txt out.yml", "tc.txt:2: "),
        ("rc convert --to sqlite bad.txt out.yml", "bad.txt:2: "),
        ("tc remove keg --catalog tc.txt", "tc.txt: it is in the old format text"),
    ):
        assert bridle(line) == 2
        said = capfd.readouterr().err
        assert said.startswith(f"bridle: {where}")
        assert said.count("\n") == 1
    assert (here / "replicas.yml").read_text() == EDITED
    assert (here / "out.yml").read_text() == "mine\n"
    assert sorted(path.name for path in here.iterdir()) == before


def test_transformations_come_and_go_and_the_rest_stays(here):
    catalog = here / "transformations.yml"
    catalog.write_text(TRANSFORMATIONS)
    assert bridle("tc add ns::keg:1.0 /bin/keg3 --site new --arch x86_64 --profile env.A=b") == 0
    assert bridle("tc remove ns::keg:1.0 --site local") == 0
    assert bridle("tc add other /bin/other --site local --type stageable") == 0
    head, comment, tail = catalog.read_text().partition("# the second\n")
    assert head + comment == TRANSFORMATIONS.partition("- namespace")[0]
    assert yaml.safe_load(tail) == [
        {
            "namespace": "ns",
            "name": "keg",
            "version": "1.0",
            "sites": [
                {"name": "far", "pfn": "/bin/keg2", "type": "stageable", "x-mine": "kept"},
                {
                    "name": "new",
                    "pfn": "/bin/keg3",
                    "type": "installed",
                    "arch": "x86_64",
                    "profiles": {"env": {"A": "b"}},
                },
            ],
        },
        {"name": "other", "sites": [{"name": "local", "pfn": "/bin/other", "type": "stageable"}]},
    ]
    before = catalog.read_text()
    assert bridle("tc add other /bin/other --site local --type stageable") == 0
    assert catalog.read_text() == before
    assert bridle("tc remove nothing") == 1
    assert bridle("tc validate") == 0


def test_a_catalog_is_made_where_there_is_none_and_found_by_name(here, capfd):
    assert bridle("tc add ns::keg:1.0 /bin/keg --site local") == 0
    assert bridle("tc lookup keg --json") == 0
    assert (
        json.loads(capfd.readouterr().out.partition("\n")[2])["transformations"][0]["site"]["pfn"]
        == "/bin/keg"
    )
    assert bridle("tc lookup ns::keg:2.0") == 1
    assert (here / "transformations.yml").is_file()


def test_the_catalogs_are_those_of_the_properties(here, capfd):
    (here.parent / "home" / ".pegasusrc").write_text(
        "pegasus.catalog.replica = Regex\npegasus.catalog.replica.file = ${user.home}/mine.rc\n"
    )
    (here.parent / "home" / "mine.rc").write_bytes(LINES)
    assert bridle("rc lookup f.a") == 0
    assert "file:///a" in capfd.readouterr().out
    (here / "my.properties").write_text(
        "pegasus.catalog.replica = JDBCRC\npegasus.catalog.replica.file =\n"
        f"pegasus.catalog.replica.db.url = jdbc:sqlite:{here}/r.db\n"
    )
    assert bridle("rc insert --conf my.properties g /g") == 0
    assert (here / "r.db").read_bytes().startswith(b"SQLite format 3")
    (here / "pegasus.properties").write_text("pegasus.catalog.replica = RLS\n")
    assert bridle("rc list") == 2
    assert "RLS is dead" in capfd.readouterr().err


def test_the_command_line_goes_before_the_environment_and_that_before_files(here, capfd, monkeypatch):
    """Pegasus's own order: CommonProperties.java."""
    for name in ("file", "conf", "environment", "single"):
        (here / f"{name}.rc").write_text(f"f /{name}\n")
    named = "pegasus.catalog.replica = File\npegasus.catalog.replica.file = {}.rc\n"
    (here / "pegasus.properties").write_text(named.format("file"))
    (here / "my.properties").write_text(named.format("conf") + "where = single\n")

    def found(words: str = "") -> str:
        assert bridle(f"rc lookup --conf my.properties {words} f") == 0
        return capfd.readouterr().out.split()[1]

    assert found() == "/conf"
    assert (
        found("-Dpegasus.catalog.replica.file=${where}.rc -D pegasus.catalog.replica=SimpleFile") == "/single"
    )
    monkeypatch.setenv("_PEGASUS__CATALOG__REPLICA__FILE", "environment.rc")
    assert found() == "/environment"
    assert found("-D pegasus.catalog.replica.file=single.rc") == "/single"
    assert bridle("rc list -Dpegasus") == 2
    assert "-D 'pegasus' is no KEY=VALUE" in capfd.readouterr().err
    for catalog in ("tc", "sc"):
        assert (
            bridle(
                f"{catalog} validate -Dpegasus.catalog.{'site' if catalog == 'sc' else 'transformation'}.file=none"
            )
            == 2
        )
        assert "none" in capfd.readouterr().err


def test_what_pegasus_would_refuse_is_named_with_its_line(here, capfd):
    (here / "transformations.yml").write_text(
        'pegasus: "5.0"\ntransformations:\n- name: a\n  version: 1.0\n  sites:\n  - name: local\n    type: INSTALLED\n'
        "    pfn: /a\n    colour: red\n    container: none\n- sites: []\n"
    )
    assert bridle("tc validate --json") == 1
    found = json.loads(capfd.readouterr().out)["problems"]
    assert [(one["line"], one["what"]) for one in found] == [
        (4, "version of transformation a is 1.0, which YAML takes for no text"),
        (7, "type of site local of transformation a is 'INSTALLED'"),
        (9, "key 'colour' of site local of transformation a is unknown"),
        (11, "transformation has no name"),
        (11, "transformation has no site"),
        (None, "there is no container none, which a:1.0 runs in"),
    ]
    (here / "rc.txt").write_text("f.a /a\nf.b\nf.c /c regex=true\n")
    assert bridle("rc validate --catalog rc.txt --format file") == 1
    assert [line.split(":")[1] for line in capfd.readouterr().out.splitlines()] == ["2", "3"]


@pytest.mark.parametrize("archive", wherever("planned", ["dax-xml", "names", "pegasus-4.9.3-diamond"]))
def test_catalogs_of_the_planner_say_the_same_in_our_yaml(archive, fresh_corpus: Corpus, here):
    seen = 0
    for path in sorted(fresh_corpus(f"planned/{archive}").rglob("*")):
        client = {"tc": "tc", "transformations": "tc", "rc": "rc", "replicas": "rc", "sites": "sc"}.get(
            path.stem
        )
        if client is None or not path.is_file() or path.suffix not in (".txt", ".yml", ".xml"):
            continue
        out = here / f"{seen}.yml"
        assert run_command([client, "convert", str(path), str(out)]) == 0
        assert run_command([client, "validate", "--catalog", str(out)]) == 0
        if path.suffix == ".yml":
            expected = yaml.safe_load(path.read_text()) | {"pegasus": "5.0.4"}
            assert yaml.safe_load(out.read_text()) == expected
        seen += 1
    assert seen >= 3


def test_replicas_are_one_document(here, capfd):
    assert bridle("rc insert f.a /data/f.a --site local --catalog rc.yml") == 0
    capfd.readouterr()
    for words, code, lfns in (
        ("rc list", 0, ["f.a"]),
        ("rc lookup f.a", 0, ["f.a"]),
        ("rc lookup f.b", 1, []),
    ):
        assert bridle(f"{words} --json --catalog rc.yml") == code
        text = capfd.readouterr().out
        check("-".join(words.split()[:2]), text)
        assert [one["lfn"] for one in json.loads(text)["replicas"]] == lfns
