"""What a DAG means: nodes, edges, splices put in, levels, graph. Pure."""
