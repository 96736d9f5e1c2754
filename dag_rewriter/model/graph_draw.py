"""A graph as text for graphviz, and as a picture (SVG). Pure; small graphs only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from dag_rewriter.model.graph import DagGraph

_LETTER, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _PAD = 7.0, 24.0, 16.0, 40.0, 12.0, 8.0
_SWEEPS = 4


def as_dot(graph: DagGraph, labels: Mapping[str, str] | None = None) -> str:
    """For graphviz.

    >>> from dag_rewriter.model.splices import expand
    >>> from dag_rewriter.model.graph import build_graph
    >>> text = b"JOB A a\\nJOB B b\\nPARENT A CHILD B\\n"
    >>> print(as_dot(build_graph(expand("x.dag", lambda name: text))), end="")
    digraph "x.dag" {
      "A";
      "B";
      "A" -> "B";
    }
    """
    labels = labels or {}
    nodes = [f"  {_quoted(name)}{_label(labels.get(name))};" for name in graph.nodes]
    edges = [f"  {_quoted(parent)} -> {_quoted(child)};" for parent, child in graph.edges]
    return "\n".join([f"digraph {_quoted(graph.source)} {{", *nodes, *edges, "}"]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(text: str | None) -> str:
    return "" if text is None else f" [label={_quoted(text)}]"


def as_svg(graph: DagGraph, marked: Collection[str] = ()) -> str:
    """A picture: one row for each level, `marked` nodes (the critical path) in colour."""
    rows = _ordered(graph)
    width = max((_row_width(row) for row in rows), default=0.0) + 2 * _MARGIN
    height = len(rows) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    boxes = _boxes(rows, width)
    lines = [_line(boxes, edge, marked) for edge in graph.edges]
    shapes = [_box(name, boxes[name], name in marked) for row in rows for name in row]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        'font-family="monospace" font-size="12">'
    )
    return "\n".join([head, f"<title>{_text(graph.source)}</title>", *lines, *shapes, "</svg>"]) + "\n"


def _ordered(graph: DagGraph) -> list[list[str]]:
    """The levels, each in the order of its neighbours' places above and below, so that few edges cross."""
    rows = [list(level) for level in graph.levels()]
    above: dict[str, list[str]] = {name: [] for name in graph.nodes}
    below: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for parent, child in graph.edges:
        above[child].append(parent)
        below[parent].append(child)
    for sweep in range(_SWEEPS):
        neighbours, order = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
        place = {name: at / max(1, len(row) - 1) for row in rows for at, name in enumerate(row)}
        for row in order:
            row.sort(key=lambda name: _middle(neighbours[name], place, place[name]))
            place.update((name, at / max(1, len(row) - 1)) for at, name in enumerate(row))
    return rows


def _middle(names: Sequence[str], place: Mapping[str, float], otherwise: float) -> float:
    return sum(place[name] for name in names) / len(names) if names else otherwise


def _width(name: str) -> float:
    return len(name) * _LETTER + 2 * _PAD


def _row_width(row: Sequence[str]) -> float:
    return sum(map(_width, row)) + _GAP_X * (len(row) - 1)


def _boxes(rows: Sequence[Sequence[str]], width: float) -> dict[str, tuple[float, float, float]]:
    """(left, top, width) of each node; rows are centred."""
    boxes = {}
    for number, row in enumerate(rows):
        left = (width - _row_width(row)) / 2
        for name in row:
            boxes[name] = (left, _MARGIN + number * (_HEIGHT + _GAP_Y), _width(name))
            left += _width(name) + _GAP_X
    return boxes


def _line(
    boxes: Mapping[str, tuple[float, float, float]], edge: tuple[str, str], marked: Collection[str]
) -> str:
    (x1, y1, w1), (x2, y2, w2) = boxes[edge[0]], boxes[edge[1]]
    colour = "#c0392b" if edge[0] in marked and edge[1] in marked else "#999"
    return (
        f'<line x1="{x1 + w1 / 2:.1f}" y1="{y1 + _HEIGHT:.1f}" x2="{x2 + w2 / 2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}"/>'
    )


def _box(name: str, box: tuple[float, float, float], is_marked: bool) -> str:
    left, top, width = box
    fill, stroke = ("#fdecea", "#c0392b") if is_marked else ("#eef4fb", "#4a6fa5")
    return (
        f'<g id={_attribute(name)}><rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_HEIGHT:.1f}" '
        f'rx="4" fill="{fill}" stroke="{stroke}"/>'
        f'<text x="{left + width / 2:.1f}" y="{top + 16:.1f}" text-anchor="middle">{_text(name)}</text></g>'
    )


def _clean(text: str) -> str:
    """What XML can hold: bytes that are no UTF-8, and control characters, become a replacement character."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c >= " " else "\ufffd" for c in text)


def _text(text: str) -> str:
    return escape(_clean(text))


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))
