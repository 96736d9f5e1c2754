#!/bin/sh
# condor_rm for a DAGMan whose DAG has a monitor (DAGMAN_CONDOR_RM_EXE): it removes what it is told to, but the monitor,
# unless that is held. It leaves by itself, when all is stored and delivered. DAGMan says which jobs by DAGManJobId==N
# (23.9 to 25.14).
for word in "$@"; do
    shift
    case $word in DAGManJobId==*) word="$word&&(BridleMonitor=!=True||JobStatus=?=5)" ;; esac
    set -- "$@" "$word"
done
condor_rm "$@"
# To have found no job but the monitor is no error, and of any other DAGMan does nothing but write a line.
exit 0
