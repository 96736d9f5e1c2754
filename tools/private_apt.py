"""Debian packages without root: an apt of our own state, with the mirror and the keys of the host's apt.

Nothing of the host changes and nothing is installed there: packages are downloaded and unpacked where we say.
Standard library only, for it runs before there is anything else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Source:
    """One entry of the host's apt sources; `keyring` is empty where the entry names no file."""

    uri: str
    suites: tuple[str, ...]
    keyring: str


def parse_deb822(text: str) -> list[Source]:
    """The entries of a .sources file (format: sources.list(5)), without disabled ones and source code.

    >>> parse_deb822("Types: deb\\nURIs: http://m/debian\\nSuites: bookworm sid\\nSigned-By: /k.gpg\\n")
    [Source(uri='http://m/debian', suites=('bookworm', 'sid'), keyring='/k.gpg')]
    """
    sources = []
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith(("#", " ", "\t"))]
        pairs = (line.partition(":") for line in lines)
        field = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if field.get("enabled", "yes").lower() == "no" or "deb" not in field.get("types", "").split():
            continue
        keyring = field.get("signed-by", "")
        suites = tuple(field.get("suites", "").split())
        sources += [Source(uri, suites, keyring) for uri in field.get("uris", "").split()]
    return sources


def parse_one_line(text: str) -> list[Source]:
    """The entries of a .list file (format: sources.list(5)).

    >>> parse_one_line("deb [arch=amd64 signed-by=/k.gpg] http://m/debian bookworm main\\n# deb http://m/old x y")
    [Source(uri='http://m/debian', suites=('bookworm',), keyring='/k.gpg')]
    """
    sources = []
    for match in re.finditer(r"^deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)", text, re.MULTILINE):
        keyring = re.search(r"signed-by=(\S+)", match[1] or "")
        sources.append(Source(match[2], (match[3],), keyring[1] if keyring else ""))
    return sources


def host_source() -> Source:
    """The entry that the host's own Debian comes from; BRIDLE_DEBIAN_MIRROR overrides its URI."""
    entries = []
    apt = Path("/etc/apt")
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))):
        if path.suffix in {".list", ".sources"} and path.is_file():
            parse = parse_deb822 if path.suffix == ".sources" else parse_one_line
            entries += parse(path.read_text())
    release = host_release()
    own = [entry for entry in entries if release in entry.suites]
    mirror = os.environ.get("BRIDLE_DEBIAN_MIRROR")
    if mirror:
        return Source(mirror, (release,), own[0].keyring if own else "")
    if not own:
        sys.exit(f"/etc/apt: no entry for {release}; name a Debian mirror in BRIDLE_DEBIAN_MIRROR")
    return own[0]


def host_release() -> str:
    """The codename of the host's Debian, e.g. bookworm."""
    release = Path("/etc/os-release")
    match = re.search(
        r"^VERSION_CODENAME=(\S+)", release.read_text() if release.exists() else "", re.MULTILINE
    )
    return match[1].strip('"') if match else "stable"


class PrivateApt:
    """An apt whose lists, cache and configuration are in `directory`, for one suite of the host's mirror."""

    def __init__(self, directory: Path, suite: str) -> None:
        for tool in ("apt-get", "apt-config", "dpkg-deb"):
            if shutil.which(tool) is None:
                sys.exit(
                    f"{tool}: not in PATH; this set-up needs a Debian machine (see README.md, Installation)"
                )
        self.directory = directory.resolve()
        for name in ("state/lists/partial", "cache/archives/partial", "debs", "parts"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "state/status").touch()
        source = host_source()
        keyring = source.keyring if source.keyring.startswith("/") else _KEYRING
        line = f"deb [signed-by={keyring}] {source.uri} {suite} main\n"
        (self.directory / "sources.list").write_text(line)
        (self.directory / "apt.conf").write_text(self._configuration())
        self._run("apt-get", "-qq", "update")

    def closure(self, package: str) -> list[str]:
        """The names of all packages that `package` would bring onto an empty machine."""
        simulated = self._run("apt-get", "--simulate", "install", package)
        return re.findall(r"^Inst (\S+)", simulated, re.MULTILINE)

    def download(self, packages: list[str]) -> list[Path]:
        """The .deb files of the packages, checked against the archive's signature."""
        self._run("apt-get", "-qq", "download", *packages)
        return sorted((self.directory / "debs").glob("*.deb"))

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env={**os.environ, "APT_CONFIG": str(self.directory / "apt.conf"), "LC_ALL": "C"},
            cwd=self.directory / "debs",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(command[:4])}: failed:\n{done.stderr.strip()}")
        return done.stdout

    def _configuration(self) -> str:
        # How the host reaches its mirror (proxies, certificates) is all that is taken from its apt.conf.
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
        reach = "".join(re.findall(r"^Acquire::https?::.*\n", dump, re.MULTILINE))
        own = self.directory
        # A machine whose clock is off finds the archive's index "expired"; its signature is still checked.
        return f"""{reach}
Dir::State "{own}/state"; Dir::State::status "{own}/state/status"; Dir::Cache "{own}/cache";
Dir::Etc::sourcelist "{own}/sources.list"; Dir::Etc::sourceparts "{own}/parts";
Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "{own}/parts"; Dir::Etc::parts "{own}/parts";
APT::Install-Recommends "false"; APT::Sandbox::User ""; Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
"""


def unpack(deb: Path, into: Path) -> None:
    """Unpack a .deb; a folder of it that is a symbolic link in `into` (merged /usr) stays one."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as archive:
        command = ["tar", "-x", "-C", str(into), "--keep-directory-symlink", "--no-same-owner"]
        subprocess.run(command, stdin=archive.stdout, check=True)
    if archive.returncode != 0:
        sys.exit(f"{deb}: cannot be unpacked")
