"""What another user tries on a pool by HTCondor's Python bindings: a program of its own, that tells what came of it.

Arguments: an attack, the address of the daemon. Exit code 0: it worked; 1: refused, with HTCondor's words.
"""

from __future__ import annotations

import sys

import classad2
import htcondor2

AD_TYPES = {
    "schedd": htcondor2.DaemonTypes.Schedd,
    "collector": htcondor2.DaemonTypes.Collector,
    "startd": htcondor2.DaemonTypes.Startd,
    "master": htcondor2.DaemonTypes.Master,
    "negotiator": htcondor2.DaemonTypes.Negotiator,
}
MY_TYPES = {"schedd": "Scheduler", "collector": "Collector", "startd": "Machine", "master": "DaemonMaster"}


def location(daemon: str, address: str) -> classad2.ClassAd:
    return classad2.ClassAd(
        {
            "MyAddress": address,
            "Name": daemon,
            "Machine": "localhost",
            "MyType": MY_TYPES.get(daemon, "Negotiator"),
            "CondorVersion": htcondor2.version(),
        }
    )


def schedd_of(address: str) -> htcondor2.Schedd:
    return htcondor2.Schedd(location("schedd", address))


def ask(address: str) -> None:
    found = schedd_of(address).query()
    if not found:
        raise SystemExit(1)


def history(address: str) -> None:
    list(schedd_of(address).history("true", []))


def submit(address: str) -> None:
    job = htcondor2.Submit({"executable": "/bin/true", "universe": "local", "log": "intruder.log"})
    schedd_of(address).submit(job)


def spool(address: str) -> None:
    job = htcondor2.Submit({"executable": "/bin/true", "universe": "local"})
    schedd_of(address).submit(job, spool=True)


def remove(address: str) -> None:
    done = schedd_of(address).act(htcondor2.JobAction.Hold, "true")
    if not done["TotalSuccess"]:
        raise SystemExit(1)


def edit(address: str) -> None:
    schedd_of(address).edit("true", "Cmd", '"/bin/false"')


def advertise(address: str) -> None:
    ad = classad2.ClassAd(
        {"MyType": "Machine", "Name": "slot1@intruder", "Machine": "intruder", "State": "Unclaimed"}
    )
    htcondor2.Collector(location("collector", address)).advertise([ad], "UPDATE_STARTD_AD")


def list_all(address: str) -> None:
    if not htcondor2.Collector(location("collector", address)).query():
        raise SystemExit(1)


def reconfigure(address: str) -> None:
    htcondor2.send_command(location("master", address), htcondor2.DaemonCommands.Reconfig)


def off(address: str) -> None:
    htcondor2.send_command(location("master", address), htcondor2.DaemonCommands.OffFast)


def set_parameter(address: str) -> None:
    htcondor2.RemoteParam(location("master", address))["INTRUDER"] = "yes"


ATTACKS = {
    "ask": ("schedd", ask),
    "history": ("schedd", history),
    "submit": ("schedd", submit),
    "spool": ("schedd", spool),
    "hold": ("schedd", remove),
    "edit": ("schedd", edit),
    "list_all": ("collector", list_all),
    "advertise": ("collector", advertise),
    "reconfigure": ("master", reconfigure),
    "set_parameter": ("master", set_parameter),
    "off": ("master", off),
}
"""Name -> which daemon's address it wants, the attack; ordered so that each leaves something to the next."""


if __name__ == "__main__":
    try:
        ATTACKS[sys.argv[1]][1](sys.argv[2])
    except (htcondor2.HTCondorException, RuntimeError, OSError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
