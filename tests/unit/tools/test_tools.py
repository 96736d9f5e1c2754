"""The set-up scripts of tools/ run before anything is installed, so what they parse is tested here."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
SCRIPTS = sorted(path.stem for path in (CHECKOUT / "tools").glob("*.py"))


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    monkeypatch.syspath_prepend(str(CHECKOUT / "tools"))
    return importlib.import_module(request.param)


@pytest.mark.parametrize("tool", SCRIPTS, indirect=True)
def test_the_examples_in_the_docstrings(tool: ModuleType) -> None:
    assert doctest.testmod(tool).failed == 0


@pytest.mark.parametrize("tool", ["private_apt"], indirect=True)
def test_the_sources_of_a_cloud_image(tool: ModuleType) -> None:
    """As Debian 12 has them: a mirror list, a source-code type, comments within, a disabled stanza."""
    text = """\
Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
# why
Suites: bookworm bookworm-updates
Components: main

Enabled: no
Types: deb
URIs: http://off/debian
Suites: bookworm

Types: deb-src
URIs: http://source/debian
Suites: bookworm
"""
    assert tool.parse_deb822(text) == [
        tool.Source("mirror+file:///etc/apt/mirrors/debian.list", ("bookworm", "bookworm-updates"), "")
    ]


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/peer/requirements.txt"])
def test_a_lock_pins_everything_and_names_no_host(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    pinned = re.findall(r"^([A-Za-z0-9][\w.-]*)(.*?) \\$", text, re.MULTILINE)
    assert len(pinned) > 30
    assert all(version.startswith("==") for _, version in pinned)
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text


def test_what_pyproject_asks_for_is_locked() -> None:
    project = (CHECKOUT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)\]", project, re.MULTILINE | re.DOTALL)
    assert block is not None
    asked = {name.lower() for name in re.findall(r'"([A-Za-z][\w.-]*)', block[1])}
    locked = set(
        re.findall(r"^([a-z0-9][\w.-]*)==", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE)
    )
    assert asked
    assert asked <= locked


def test_no_path_of_a_build_machine_is_left_in_the_scripts() -> None:
    files = [*(CHECKOUT / "tools").iterdir(), CHECKOUT / "Makefile", CHECKOUT / "pyproject.toml"]
    texts = {path.name: path.read_text() for path in files if path.is_file()}
    assert not {
        name
        for name, text in texts.items()
        if re.search(r"https?://(?!m/|www\.w3\.org/)|/root/|/home/", text)
    }
    assert sys.executable not in "".join(texts.values())


@pytest.mark.parametrize("tool", ["workplace"], indirect=True)
def test_runs_have_a_place_that_nobody_else_can_change(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "builds" / "bridle"
    checkout.mkdir(parents=True)
    monkeypatch.setattr(tool, "_fits", lambda _checkout: True)
    monkeypatch.setattr(tool, "_ELSEWHERE", tmp_path)
    assert tool.workplace(checkout) == checkout / "build"
    checkout.parent.chmod(0o777)
    elsewhere = tool.workplace(checkout)
    assert (elsewhere.parent, elsewhere.stat().st_mode & 0o777) == (tmp_path, 0o711)
