"""Nodes whose submit descriptions stand in the DAG, by what these tell: a million of them share a few telling lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dag_rewriter.model.index import Index


@dataclass(frozen=True, slots=True)
class Telling:
    """The lines of the submit descriptions in a DAG that tell of the job."""

    pieces: tuple[bytes | tuple[bytes, ...], ...] = ()
    """for each piece of `Index.described`: of each node, or what all of its nodes have"""
    texts: Mapping[bytes, bytes] = field(default_factory=dict)
    """of each other description"""

    def lines(self) -> set[bytes]:
        """What any of them tells."""
        several = (told for told in self.pieces if not isinstance(told, bytes))
        return {
            *(told for told in self.pieces if isinstance(told, bytes)),
            *(lines for told in several for lines in told),
            *self.texts.values(),
        }

    def of(self, text: bytes) -> bytes:
        """What a description tells that is in no piece."""
        return self.texts.get(text, text)


UNTOLD = Telling()
"""Where nobody has looked: then each description is one of its own."""


def alike(index: Index, telling: Telling = UNTOLD) -> Iterator[tuple[bytes, Sequence[int]]]:
    """(what they tell, their places) of the nodes of `Index.described`; one node may come after the other."""
    for at, piece in enumerate(index.described):
        told = telling.pieces[at] if telling.pieces else index.descriptions(piece)
        if isinstance(told, bytes):
            yield told, piece.places
        else:
            for place, lines in zip(piece.places, told, strict=True):
                yield lines, (place,)
