"""The graph of a DAG; the only importer of networkx."""

from __future__ import annotations

import networkx as nx

__all__ = ["nx"]
