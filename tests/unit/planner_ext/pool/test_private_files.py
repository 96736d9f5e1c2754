"""A pool's directory is its owner's alone, or is refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner_ext.errors import PoolError
from planner_ext.pool.config import PoolSettings, admits_others, condor_config
from planner_ext.pool.pool import Pool
from planner_ext.pool.private_files import locked, make_private, require_own, write_private
from planner_ext.pool.release import Release

NOWHERE = Release(Path("/nonexistent"), Path("/nonexistent/sbin"))


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], indirect=True)
def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    make_private(tmp_path / "a" / "b")
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]


def test_what_is_written_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    write_private(tmp_path / "key", "one")
    (tmp_path / "key").chmod(0o666)
    write_private(tmp_path / "key", "two")
    assert (mode(tmp_path / "key"), (tmp_path / "key").read_text()) == (0o600, "two")


def test_a_folder_that_others_may_enter_becomes_private(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log").chmod(0o755)
    make_private(tmp_path / "log")
    assert mode(tmp_path / "log") == 0o700


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "key").symlink_to(victim)
    write_private(tmp_path / "key", "secret")
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path / "lock"):
        pass
    assert victim.read_text() == "precious"
    assert not (tmp_path / "key").is_symlink()


@pytest.mark.parametrize("place", ["", "a", "a/pool"])
def test_a_folder_in_which_all_may_write_is_refused(tmp_path: Path, place: str) -> None:
    make_private(tmp_path / "a" / "pool")
    (tmp_path / place).chmod(0o777)
    with pytest.raises(PoolError, match=r"other users may write in it.*chmod go-w"):
        require_own(tmp_path / "a" / "pool")
    (tmp_path / place).chmod(0o755)
    require_own(tmp_path / "a" / "pool")


def test_a_sticky_folder_may_be_above_a_pool_but_not_be_one(tmp_path: Path) -> None:
    make_private(tmp_path / "shared" / "pool")
    (tmp_path / "shared").chmod(0o1777)
    require_own(tmp_path / "shared" / "pool")
    with pytest.raises(PoolError, match="other users may write in it"):
        require_own(tmp_path / "shared")


def test_a_group_of_ones_own_is_no_other_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_private(tmp_path / "pool")
    (tmp_path / "pool").chmod(0o770)
    monkeypatch.setattr("dag_rewriter.directory.trusted_files._is_private_group", lambda _: True)
    require_own(tmp_path / "pool")
    monkeypatch.setattr("dag_rewriter.directory.trusted_files._is_private_group", lambda _: False)
    with pytest.raises(PoolError, match="other users may write in it"):
        require_own(tmp_path / "pool")


def test_where_others_may_write_no_pool_starts_and_nothing_is_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for ask in (lambda: Pool(tmp_path).start(NOWHERE), Pool(tmp_path).status, Pool(tmp_path).stop):
        with pytest.raises(PoolError, match="other users may write in it"):
            ask()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.second_user
def test_what_belongs_to_somebody_else_is_refused(tmp_path: Path) -> None:
    """pool.json names programs, which we would run."""
    (tmp_path / "theirs" / "pool").mkdir(parents=True)
    (tmp_path / "theirs" / "pool" / "pool.json").write_text(
        '{"root": "/", "sbin": "/", "port": 1, "slots": 1}'
    )
    os.chown(tmp_path / "theirs" / "pool", 65534, 65534)
    pool = Pool(tmp_path / "theirs" / "pool")
    for ask in (lambda: pool.start(NOWHERE), pool.status, pool.stop, pool.crash, pool.environment):
        with pytest.raises(
            PoolError, match="belongs to nobody; let nobody do it, or choose another directory"
        ):
            ask()
    os.chown(tmp_path / "theirs" / "pool", 0, 0)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(PoolError, match="belongs to nobody; choose a directory that nobody cannot"):
        pool.status()
    assert [path.name for path in pool.directory.iterdir()] == ["pool.json"]


def test_the_configuration_admits_the_owner_alone() -> None:
    config = condor_config(PoolSettings("/usr", "/usr/sbin", 20000, 4), Path("/pool"), "ada@pool.local")
    allowed = dict(line.split(" = ") for line in config.splitlines() if line.startswith("ALLOW_"))
    assert len(allowed) == 9
    assert set(allowed.values()) == {"ada@pool.local"}
    assert not admits_others(config)
    assert admits_others(config.replace("METHODS = IDTOKENS", "METHODS = FS"))
