"""Reads a planned DAG without losing a byte, rewrites it so that its monitor is one of its jobs, and undoes
it.
"""
