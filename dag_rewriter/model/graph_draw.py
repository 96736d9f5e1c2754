"""A graph as text for graphviz, and as a picture (SVG). Pure; small graphs only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from condor_templates.state_words import StateWord
from dag_rewriter.model.graph import DagGraph
from dag_rewriter.model.layout import HEIGHT, MARGIN, Box, lay_out

_LETTER, _PAD, _LEGEND = 7.3, 8.0, 26.0
_PLAIN = "#eef4fb"
STATE_COLOURS = {
    StateWord.DONE.value: "#a7dbc8",
    StateWord.RUNNING.value: "#9fd0ee",
    StateWord.QUEUED.value: "#d5dbe1",
    StateWord.HELD.value: "#f0c27a",
    StateWord.INTERRUPTED.value: "#f3d9a4",
    StateWord.AGAIN.value: "#fff3c4",
    StateWord.FAILED.value: "#f2a097",
    StateWord.NOT_STARTED.value: "#ffffff",
}
"""The fill of a box whose node is in that state: light enough for the name on it, told apart by people with colour
blindness."""


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


def as_svg(graph: DagGraph, marked: Collection[str] = (), states: Mapping[str, str] | None = None) -> str:
    """A picture: one row for each level, `marked` nodes (the critical path) in bold red.

    `states` says where nodes stand, in the words of STATE_COLOURS: their boxes have a colour for it, and there is a
    legend.
    """
    states = states or {}
    widths = {name: len(name) * _LETTER + 2 * _PAD for name in graph.nodes}
    layout = lay_out(graph.levels(), graph.edges, widths)
    legend = [word for word in STATE_COLOURS if word in states.values()]
    width = max(layout.width, sum(map(_legend_width, legend)) + 2 * MARGIN)
    height = layout.height + (_LEGEND if legend else 0)
    lines = [_line(layout.lines[edge], set(edge) <= set(marked)) for edge in graph.edges]
    shapes = [
        _box(name, box, states.get(name, ""), is_marked=name in marked) for name, box in layout.boxes.items()
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="12">'
    )
    title = f"<title>{_text(graph.source)}</title>"
    return "\n".join([head, title, *lines, *shapes, *_legend(legend, layout.height), "</svg>"]) + "\n"


def _line(points: Sequence[tuple[float, float]], is_marked: bool) -> str:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    look = 'stroke="#b3261e" stroke-width="2"' if is_marked else 'stroke="#8a929a"'
    return f'<polyline points="{way}" fill="none" {look}/>'


def _box(name: str, box: Box, state: str, *, is_marked: bool) -> str:
    fill = STATE_COLOURS.get(state, _PLAIN)
    stroke = 'stroke="#b3261e" stroke-width="2"' if is_marked else 'stroke="#4a6fa5"'
    hover = f"<title>{_text(name)}: {_text(state)}</title>" if state else ""
    return (
        f'<g id={_attribute(name)}>{hover}<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" '
        f'height="{HEIGHT:.1f}" rx="4" fill="{fill}" {stroke}/>'
        f'<text x="{box.middle:.1f}" y="{box.top + 16:.1f}" text-anchor="middle">{_text(name)}</text></g>'
    )


def _legend_width(word: str) -> float:
    return len(word) * _LETTER + 40


def _legend(words: Sequence[str], top: float) -> Iterator[str]:
    left = MARGIN
    for word in words:
        yield (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="14" height="14" fill="{STATE_COLOURS[word]}" stroke="#4a6fa5"/>'
            f'<text x="{left + 20:.1f}" y="{top + 12:.1f}">{_text(word)}</text>'
        )
        left += _legend_width(word)


def _clean(text: str) -> str:
    """What XML can hold: bytes that are no UTF-8, and control characters, become a replacement character."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c >= " " else "\ufffd" for c in text)


def _text(text: str) -> str:
    return escape(_clean(text))


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))
