"""Kickstart records as kickstart 5.1 writes them, line by line, with values of the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

USAGE = [
    "minflt",
    "majflt",
    "nswap",
    "inblock",
    "outblock",
    "msgsnd",
    "msgrcv",
    "nsignals",
    "nvcsw",
    "nivcsw",
]


@dataclass(frozen=True)
class Made:
    """The values of a record; texts go in as they are, quotes around them are the record's."""

    transformation: str | None = "work"
    derivation: str | None = "w00002"
    resource: str = "condorpool"
    hostname: str | None = "node7"
    hostaddr: str = "192.0.2.2"
    user: str | None = "scientist"
    start: str = "2026-11-23T05:28:54.625+00:00"
    duration: str = "0.011"
    raw: str = "0"
    executable: str = "/opt/pegasus/bin/pegasus-keg"
    arguments: Sequence[str] = ("-a", 'x "y"')
    cwd: str = "/scratch"
    machine: bool = True
    nodename: str = "vm"
    outputs: Sequence[str] = ("done.00002",)
    stdout: str | None = "hello\n"
    stderr: str | None = None
    full: bool = False

    def text(self) -> str:
        """The record."""
        return "".join(line + "\n" for line in self._lines())

    def __bytes__(self) -> bytes:
        return self.text().encode()

    def _lines(self) -> Iterator[str]:
        yield from ("- invocation: True", "  version: 3.0", f"  start: {self.start}", "  duration: 0.041")
        for key in ("transformation", "derivation", "resource"):
            if getattr(self, key) is not None:
                yield f'  {key}: "{getattr(self, key)}"'
        yield from ('  wf-label: "label"', '  wf-stamp: "2026-11-23T05:28:11+00:00"', "  interface: eth0")
        yield f"  hostaddr: {self.hostaddr}"
        if self.hostname is not None:
            yield f"  hostname: {self.hostname}"
        yield from ("  pid: 7", "  uid: 1000")
        if self.user is not None:
            yield f"  user: {self.user}"
        yield from ("  gid: 1000", "  group: users", "  umask: 0o0022", "  mainjob:")
        yield from (f"    start: {self.start}", f"    duration: {self.duration}", "    pid: 8", "    usage:")
        yield from (f"      {line}" for line in self._usage())
        yield from ("    status:", f"      raw: {self.raw}", "      regular_exitcode: 0", "    executable:")
        yield f"      file_name: {self.executable}"
        yield from self._stat()
        yield "    argument_vector:"
        for argument in self.arguments:
            yield '      - "' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
        yield from ("    procs:", "  jobids:", "    condor: 898.0", f"  cwd: {self.cwd}", "  usage:")
        yield from (f"    {line}" for line in self._usage())
        if self.machine:
            yield from ("  machine:", "    page-size: 4096", "    uname_system: linux")
            yield from (f"    uname_nodename: {self.nodename}", "    uname_release: 6.18.44")
            yield from ("    uname_machine: x86_64", "    ram_total: 24684092", "    ram_free: 195")
            yield from ("    cpu_model: Intel(R) Xeon(R) Processor @ 2.80GHz", "    load_min1: 13.41")
        yield "  files:"
        for number, lfn in enumerate(self.outputs):
            yield from (f"    {lfn}:", f'      lfn: "{lfn}"', f"      file_name: /scratch/{number}")
            yield from self._stat()
            yield from ("      output: True", "      sha256: daa18a05", "      checksum_timing: 0.00")
        yield from ("    stdin:", "      file_name: /dev/null", *self._stat())
        for stream in ("stdout", "stderr", "metadata"):
            yield from (f"    {stream}:", f"      temporary_name: /tmp/ks.{stream}", "      descriptor: 4")
            yield from self._stat()
            printed = getattr(self, stream, None)
            if printed is not None:
                yield from ("      data_truncated: false", "      data: |")
                yield from (8 * " " + line for line in printed.split("\n"))
        if self.full:
            yield from (
                "  environment:",
                '    "HOME": "/home/a \\"b\\""',
                "  limits:",
                "    RLIMIT_CPU_soft: unlimited",
            )

    def _usage(self) -> tuple[str, ...]:
        return ("utime: 0.002", "stime: 0.001", "maxrss: 3220", *(f"{key}: 0" for key in USAGE))

    def _stat(self) -> tuple[str, ...]:
        times = (f"      {key}: 2026-11-23T05:28:54+00:00" for key in ("mtime", "atime", "ctime"))
        size = ("      mode: 0o100644", "      size: 177", "      inode: 5705771", "      nlink: 1")
        owner = ("      uid: 1000", "      user: scientist", "      gid: 1000", "      group: users")
        return (*size, "      blksize: 4096", "      blocks: 8", *times, *owner)
