"""What a kickstart record tells of the machine (machine/linux.c) and of its network address (getif.c)."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterator

SIOCGIFADDR = 0x8915
_STATES = {"R": "running", "S": "sleeping", "D": "sleeping", "I": "sleeping", "Z": "zombie"}
_CLASSES = ("running", "sleeping", "zombie", "other")


def network_lines() -> Iterator[str]:
    """interface and hostaddr of the first interface that is not loopback, else of loopback."""
    names = [name for _, name in socket.if_nameindex()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for name in sorted(names, key=lambda name: name == "lo"):
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, request)
            except OSError:
                continue
            yield f"interface: {name}"
            yield f"hostaddr: {socket.inet_ntoa(answer[20:24])}"
            return


def machine_lines() -> Iterator[str]:
    """Memory in kB, processors, load, and the processes by state."""
    system = os.uname()
    yield f"page-size: {os.sysconf('SC_PAGE_SIZE')}"
    yield f"uname_system: {system.sysname.lower()}"
    yield f"uname_nodename: {system.nodename}"
    yield f"uname_release: {system.release}"
    yield f"uname_machine: {system.machine}"
    memory = _key_values("/proc/meminfo")
    for name, key in (
        ("ram_total", "MemTotal"),
        ("ram_free", "MemFree"),
        ("ram_shared", "Shmem"),
        ("ram_buffer", "Buffers"),
        ("swap_total", "SwapTotal"),
        ("swap_free", "SwapFree"),
    ):
        yield f"{name}: {memory.get(key, '0').split()[0]}"
    processor = _key_values("/proc/cpuinfo")
    yield f"cpu_count: {os.cpu_count() or 1}"
    yield f"cpu_speed: {float(processor.get('cpu MHz', '0')):.0f}"
    yield f"cpu_vendor: {processor.get('vendor_id', 'unknown')}"
    yield f"cpu_model: {processor.get('model name', 'unknown')}"
    for name, load in zip(("load_min1", "load_min5", "load_min15"), os.getloadavg(), strict=True):
        yield f"{name}: {load:.2f}"
    yield from _process_lines()


def _key_values(path: str) -> dict[str, str]:
    """`key : value` lines of a /proc file; the first of each key."""
    values: dict[str, str] = {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, colon, value = line.partition(":")
            if colon:
                values.setdefault(key.strip(), value.strip())
    return values


def _process_lines() -> Iterator[str]:
    procs = dict.fromkeys(_CLASSES, 0)
    tasks = dict.fromkeys(_CLASSES, 0)
    virtual = resident = 0
    page_kb = os.sysconf("SC_PAGE_SIZE") // 1024
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:  # ended meanwhile
            continue
        state = _STATES.get(fields[0].decode(), "other")
        procs[state] += 1
        tasks[state] += int(fields[17])
        virtual += int(fields[20]) // 1024
        resident += int(fields[21]) * page_kb
    yield f"procs_total: {sum(procs.values())}"
    yield from (f"procs_{state}: {procs[state]}" for state in _CLASSES)
    yield f"procs_vmsize: {virtual}"
    yield f"procs_rss: {resident}"
    yield f"task_total: {sum(tasks.values())}"
    yield from (f"task_{state}: {tasks[state]}" for state in _CLASSES)
