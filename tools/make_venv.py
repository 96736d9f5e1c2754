"""make_venv.py VENV LOCK [SUITE]: a virtual environment with exactly what LOCK names.

Debian's python3 alone has neither pip nor ensurepip: pip then comes from the package python3-pip-whl of SUITE (the
host's release, if it is not named), unpacked below the environment. Standard library only.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from private_apt import PrivateApt, host_release, unpack

# What comes as source is built with the locked setuptools and hatchling, not with the newest of them.
_PIP = (
    "install",
    "-qq",
    "--no-cache-dir",
    "--no-input",
    "--disable-pip-version-check",
    "--no-build-isolation",
)


def main(venv: Path, lock: Path, suite: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where it is found out
        sys.exit(
            f"{sys.executable} is Python {sys.version.split()[0]}; use 3.11 or newer: make PYTHON=python3.12"
        )
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    environment = {
        name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PIP_USER"}
    }
    with tempfile.TemporaryDirectory(dir=venv) as scratch:
        if importlib.util.find_spec("ensurepip"):
            _python(venv, environment, "-m", "ensurepip")
        else:
            environment.update(_pip_of_debian(venv, Path(scratch), suite))
        # The builder has to be there before what it builds.
        lines = _requirement("setuptools", lock.read_text())
        if lines:
            first = Path(scratch, "setuptools.txt")
            first.write_text(lines)
            _python(venv, environment, "-m", "pip", *_PIP, "--require-hashes", "-r", str(first))
        _python(venv, environment, "-m", "pip", *_PIP, "--require-hashes", "-r", str(lock))


def _python(venv: Path, environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [str(venv / "bin/python"), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(
            f"{venv}/bin/python {' '.join(arguments)}: failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )


def _pip_of_debian(venv: Path, scratch: Path, suite: str) -> dict[str, str]:
    """Install pip into the environment; the variables that it needs to find the certificates, if any."""
    want = ["python3-pip-whl"] + ([] if _has_certificates() else ["ca-certificates"])
    for deb in PrivateApt(scratch / "apt", suite).download(want):
        unpack(deb, scratch)
    wheel = next((scratch / "usr/share/python-wheels").glob("pip-*.whl"))
    extra = {}
    certificates = sorted((scratch / "usr/share/ca-certificates").rglob("*.crt"))
    if certificates:
        bundle = venv / "ca-certificates.pem"
        bundle.write_text("".join(path.read_text() for path in certificates))
        extra = {"PIP_CERT": str(bundle)}
    environment = {**os.environ, **extra, "PYTHONPATH": str(wheel)}
    _python(venv, environment, "-m", "pip", *_PIP, "--no-index", str(wheel))
    return extra


def _has_certificates() -> bool:
    named = any(os.environ.get(name) for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
    # Debian's pip looks at this one file, whatever OpenSSL's default is.
    return (
        named
        or bool(ssl.get_default_verify_paths().cafile)
        or Path("/etc/ssl/certs/ca-certificates.crt").exists()
    )


def _requirement(name: str, lock: str) -> str:
    """The lines of one requirement, its hashes included; empty if the lock does not have it.

    >>> _requirement("b", "a==1 \\\\\\n    --hash=x\\nb==2 \\\\\\n    --hash=y\\n    # via a\\nc==3\\n")
    'b==2 \\\\\\n    --hash=y\\n'
    """
    lines: list[str] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith(f"{name}=="):
            lines.append(line)
        elif lines:
            if not line.startswith("    --hash"):
                break
            lines.append(line)
    return "".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *(sys.argv[3:] or [host_release()]))
