"""Which catalog is meant: what the command line names, else what the properties name, as Pegasus finds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from dag_rewriter import files
from planner_ext.errors import CatalogError


class Format(Enum):
    """Of a catalog; `.value` is its word on the command line."""

    FILE = "file"
    TEXT = "text"
    YAML = "yaml"
    XML = "xml"
    SQLITE = "sqlite"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Kind:
    """What Pegasus has of one catalog: its property, the words for a format there, its files in the directory."""

    property: str
    words: Mapping[str, Format]
    defaults: tuple[tuple[str, Format], ...]
    """file names where nothing is said, and their format; the first counts if none is there"""


TRANSFORMATIONS = Kind(
    "pegasus.catalog.transformation",
    {"yaml": Format.YAML, "text": Format.TEXT, "file": Format.FILE},
    (("transformations.yml", Format.YAML), ("tc.txt", Format.TEXT)),
)
REPLICAS = Kind(
    "pegasus.catalog.replica",
    {
        "yaml": Format.YAML,
        "file": Format.FILE,
        "simplefile": Format.FILE,
        "regex": Format.REGEX,
        "jdbcrc": Format.SQLITE,
    },
    (("replicas.yml", Format.YAML), ("rc.txt", Format.FILE)),
)
SITES = Kind(
    "pegasus.catalog.site",
    {"yaml": Format.YAML, "xml": Format.XML, "xml4": Format.XML},
    (("sites.yml", Format.YAML), ("sites.xml", Format.XML)),
)

RLS_IS_DEAD = (
    'RLS is dead: no Pegasus since 4.3 speaks to it. What pegasus-rc-client wrote of it (lines LFN PFN pool="SITE") '
    "is a File: `bridle rc convert --from file EXPORT replicas.yml`, then set pegasus.catalog.replica = YAML"
)
_DEAD = frozenset({"rls", "lrc", "rli"})
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_.]+)\}")


@dataclass(frozen=True, slots=True)
class Catalog:
    """A file, and the format that it was said to have; None: see what is in it."""

    path: Path
    format: Format | None


@dataclass(frozen=True, slots=True)
class Said:
    """Properties that the command line gives: a file, and single ones, which go before all others."""

    conf: Path | None = None
    single: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def find(kind: Kind, given: Said, here: Path, home: Path, environment: Mapping[str, str]) -> Catalog:
    """The catalog that Pegasus would use in that directory. CatalogError for one that bridle cannot use."""
    said = _properties(given, here, home, environment)
    source = f"{kind.property} in the properties"
    word = said.get(kind.property, "").strip()
    if word.rpartition(".")[2].lower() in _DEAD:
        raise CatalogError(source, f"it is {word}", RLS_IS_DEAD)
    file = said.get(f"{kind.property}.file", "").strip()
    wanted = kind.words.get(word.rpartition(".")[2].lower()) if word else None
    if word and wanted is None:
        known = ", ".join(sorted({one.value for one in kind.words.values()}))
        raise CatalogError(source, f"bridle cannot use a catalog of type {word[:80]}", f"it knows {known}")
    if wanted is Format.SQLITE and not file:
        return Catalog(_sqlite_file(said, kind, here), wanted)
    if file:
        return Catalog(here / _expanded(file, home, here, {**environment, **said}), wanted)
    defaults = [(here / name, one) for name, one in kind.defaults if wanted in (None, one)]
    defaults = defaults or [(here / kind.defaults[0][0], kind.defaults[0][1])]
    path, default = next((one for one in defaults if one[0].exists()), defaults[0])
    return Catalog(path, wanted or default)


def _properties(given: Said, here: Path, home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What counts: what is read later goes before what was read earlier, as CommonProperties.java has it."""
    said: dict[str, str] = {}
    for path in (home / ".pegasusrc", here / "pegasus.properties"):
        data = files.read_if_there(path, files.SMALL)
        if data is not None:
            said |= _loaded(path, data)
    if given.conf is not None:
        said |= _loaded(given.conf, files.read(given.conf, files.SMALL))
    # _PEGASUS__CATALOG__REPLICA__FILE is pegasus.catalog.replica.file
    names = [name for name in environment if name.startswith("_PEGASUS")]
    said |= {name[1:].lower().replace("__", "."): environment[name] for name in names}
    return {**said, **given.single}


def _loaded(path: Path, data: bytes) -> Mapping[str, str]:
    import javaproperties

    try:
        return javaproperties.loads(data.decode("utf-8", "backslashreplace"))
    except javaproperties.InvalidUEscapeError as error:
        raise CatalogError(
            str(path), f"it is not a properties file: {error}", "correct that escape"
        ) from error


def _expanded(text: str, home: Path, here: Path, environment: Mapping[str, str]) -> str:
    """Java's own names, and those of the environment; what is neither stays."""
    known = {"user.home": str(home), "user.dir": str(here), "user.name": environment.get("USER", "")}
    return _VARIABLE.sub(lambda match: known.get(match[1]) or environment.get(match[1]) or match[0], text)


def _sqlite_file(said: Mapping[str, str], kind: Kind, here: Path) -> Path:
    name = f"{kind.property}.db.url"
    url = said.get(name, "").strip()
    file = url.removeprefix("jdbc:").removeprefix("sqlite:")
    if not url.removeprefix("jdbc:").startswith("sqlite:") or not file:
        what = f"{name} is no SQLite database" if url else f"{name} is not set"
        hint = "write jdbc:sqlite:/PATH; of a server, export with pegasus-rc-client and name that file with --catalog"
        raise CatalogError("the properties", what, hint)
    return here / (file[2:] if file.startswith("///") else file)


_ENDINGS = {
    ".yml": Format.YAML,
    ".yaml": Format.YAML,
    ".json": Format.YAML,
    ".xml": Format.XML,
    ".xml4": Format.XML,
    ".db": Format.SQLITE,
    ".sqlite": Format.SQLITE,
    ".sqlite3": Format.SQLITE,
}
_YAML = re.compile(rb"(?:---|%YAML|[{\"'\[]|[A-Za-z][\w.-]*:(?:\s|$))").match
_TEXT = re.compile(rb"(?:tr|cont)\s+\S+\s*(?:\{|$)", re.IGNORECASE).match
_REGEX = re.compile(rb"\sregex=\"?true\b").search


def guess(name: str, head: bytes, kind: Kind) -> Format:
    r"""The format of a catalog by its first bytes, else by its name.

    >>> guess("tc", b"# old\ntr keg {\n", TRANSFORMATIONS), guess("rc", b"f.a /f.a\n", REPLICAS)
    (<Format.TEXT: 'text'>, <Format.FILE: 'file'>)
    """
    allowed = set(kind.words.values())
    if head.startswith(b"SQLite format 3\x00"):
        return _one_of(Format.SQLITE, allowed, name)
    bare = (line.strip() for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    first = next((line for line in bare if line and not line.startswith(b"#")), b"")
    if first.startswith(b"<"):
        return _one_of(Format.XML, allowed, name)
    if _YAML(first):
        return _one_of(Format.YAML, allowed, name)
    if Format.TEXT in allowed and _TEXT(first):
        return Format.TEXT
    if Format.REGEX in allowed and _REGEX(head):
        return Format.REGEX
    if Format.FILE in allowed and first:
        return Format.FILE
    ending = _ENDINGS.get(Path(name).suffix.lower(), kind.defaults[1][1])
    return ending if ending in allowed else kind.defaults[0][1]


def _one_of(guessed: Format, allowed: set[Format], name: str) -> Format:
    if guessed not in allowed:
        known = ", ".join(sorted(one.value for one in allowed))
        raise CatalogError(
            name, f"it looks like {guessed.value}, which this catalog never is", f"it may be {known}"
        )
    return guessed


def guess_output(name: str, kind: Kind) -> Format:
    """Of a file that is to be written: SQLite by its name, anything else is YAML 5.0."""
    by_name = _ENDINGS.get(Path(name).suffix.lower())
    return Format.SQLITE if by_name is Format.SQLITE and Format.SQLITE in kind.words.values() else Format.YAML
