"""Reads kickstart records of Pegasus 4 (invocation records 2.x, XML). The only module here that imports lxml.

What may stand in a record was printed by anybody's program: the parser expands no entity, reads no other file and
no network, and takes no document type; a text node or a depth beyond libxml2's own limits is an error.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from monitord_job.kickstart.records import (
    Damage,
    Invocation,
    OutputFile,
    decimal,
    epoch,
    signal_words,
    uname,
    whole,
)
from monitord_job.text.unprintable import escape, excerpt, mask, unmask

_ANY = "{*}"


def read_record(offset: int, record: bytes) -> Invocation | Damage:
    """The record from `<invocation` to `</invocation>`."""
    text = _text(record)
    try:
        return _from_element(offset, etree.fromstring(mask(text).encode(), _parser()))
    except (etree.XMLSyntaxError, ArithmeticError, ValueError) as error:
        return Damage(offset, f"not a kickstart record: {error}", excerpt(text))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _text(record: bytes) -> str:
    try:
        return record.decode()
    except UnicodeDecodeError:
        return record.decode("latin-1")  # what kickstart 4 declared


def _from_element(offset: int, record: etree._Element) -> Invocation:
    main = _child(record, "mainjob")
    usage, status = _child(main, "usage"), _child(main, "status")
    machine = _first(record, "uname")
    signalled = _child(status, "signalled")
    return Invocation(
        offset=offset,
        transformation=_word(record, "transformation"),
        derivation=_word(record, "derivation"),
        resource=_word(record, "resource"),
        hostaddr=_word(record, "hostaddr"),
        hostname=_word(record, "hostname"),
        user=_word(record, "user"),
        start=epoch(_word(main, "start")),
        duration=_number(main, "duration"),
        utime=_number(usage, "utime"),
        stime=_number(usage, "stime"),
        maxrss=_whole(usage, "maxrss"),
        raw=_whole(status, "raw"),
        signal=signal_words(_content(signalled), _word(signalled, "signal")),
        executable=_word(_first(main, "file"), "name"),
        cwd=_content(_child(record, "cwd")),
        node_name=_word(machine, "nodename"),
        uname=uname(*(_word(machine, part) for part in ("system", "release", "machine"))),
        ram_total=_whole(_first(_child(record, "machine"), "ram"), "total"),
        stdout=_printed(record, "stdout"),
        stderr=_printed(record, "stderr"),
        outputs=tuple(_outputs(record)),
    )


def _outputs(record: etree._Element) -> Iterator[OutputFile]:
    for call in record.iterfind(f"{_ANY}statcall[@id='final']"):
        lfn, info, checksum = _word(call, "lfn"), _child(call, "statinfo"), _child(call, "checksum")
        if lfn and info is not None:
            attributes = [(key, _word(info, key)) for key in ("user", "size", "ctime")]
            attributes += [(f"checksum.{key}", _word(checksum, key)) for key in ("type", "value", "timing")]
            present = tuple((key, value) for key, value in attributes if value is not None)
            yield OutputFile(lfn, present, _number(checksum, "timing"))


def _printed(record: etree._Element, stream: str) -> str | None:
    return _content(record.find(f"{_ANY}statcall[@id='{stream}']/{_ANY}data"))


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    return None if element is None else element.find(_ANY + name)


def _first(element: etree._Element | None, name: str) -> etree._Element | None:
    return None if element is None else element.find(f".//{_ANY}{name}")


def _content(element: etree._Element | None) -> str | None:
    return unmask("".join(element.itertext())) or None if element is not None else None


def _word(element: etree._Element | None, name: str) -> str | None:
    value = None if element is None else element.get(name)
    return escape(value) if value else None


def _number(element: etree._Element | None, name: str) -> float | None:
    return decimal(_word(element, name))


def _whole(element: etree._Element | None, name: str) -> int | None:
    return whole(_word(element, name))
