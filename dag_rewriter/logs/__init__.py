"""Logs that the rewriter and the monitor both read: HTCondor's user logs, DAGMan's JOBSTATE_LOG. Pure."""
