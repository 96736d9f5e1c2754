"""DAGs, good and bad: `bridle check`, condor_dagman and condor_dag_checker are asked what they think of each.

A value is the DAG, or all files by name (x.dag is the DAG). a.sub, b.sub, c.sub and d.config are always there.
"""

from __future__ import annotations

TWO = "JOB A a.sub\nJOB B b.sub\n"

GOOD: dict[str, str | dict[str, str]] = {
    "plain": TWO + "PARENT A CHILD B\n",
    "any-case": "job A a.sub\nJoB B b.sub\nparent A child B\nabort_dag_on A 3 return 1\nPre-Skip A 1\n",
    "edges-before-nodes": "PARENT A CHILD B\nRETRY B 2\n" + TWO,
    "comments": "# note \\\n\n  // too\n" + TWO,
    "continued": "JOB A \\\n# between\n\n  a.sub\nJOB B b.sub\nPARENT A \\\r\n CHILD B\n",
    "dropped-at-the-end": TWO + "RETRY A \\\n",
    "quotes": 'JOB A \'a.sub\'\nJOB B b.sub DIR "."\nVARS A x=\'1 "2"\' y=3 +z="4"\n',
    "all-settings": TWO + "RETRY A 3x UNLESS-EXIT 2\nPRIORITY A -5\nCATEGORY A c\nMAXJOBS c 1\nPRE_SKIP A 1\n"
    'ABORT-DAG-ON A 3 RETURN 0\nVARS A PREPEND x="1"\nVARS B append y="1"\nDONE B\nSAVE_POINT_FILE A s\n'
    "SCRIPT DEFER 4 60 PRE A /bin/true\nSCRIPT DEBUG f ALL POST A /bin/true\nSCRIPT HOLD A /bin/true x\n",
    "whole-dag": TWO
    + "CONFIG d.config\nDOT x.dot UPDATE\nNODE_STATUS_FILE s 30 ALWAYS-UPDATE\nJOBSTATE_LOG j\n"
    "ENV SET A=b;C=d\nENV GET HOME\nSET_JOB_ATTR x = 1\n",
    "environment": TWO
    + 'ENV SET A=one two;B=;\nENV SET |C=1|D=2\nENV SET "E=\'a b\' F=""q"" "\nENV SET \'G=1\'\nENV SET ;H=1; ;I=2\n',
    "all-nodes": TWO
    + "SERVICE S c.sub\nFINAL F c.sub\nRETRY ALL_NODES 2\nPRIORITY all_nodes 7\nCATEGORY ALL_NODES c\n"
    'VARS All_Nodes x="1"\nSCRIPT POST ALL_NODES /bin/true\nABORT-DAG-ON ALL_NODES 3\nPRE_SKIP ALL_NODES 1\n',
    "inline": "JOB A {\n executable = /bin/true\n queue\n} NOOP\nJOB B @=end\nexecutable = /bin/true\n@end DIR .\n",
    "named": "JOB A common\nSUBMIT-DESCRIPTION common {\nexecutable = /bin/true\n}\nJOB B common NOOP\n",
    "service": TWO
    + 'SERVICE S c.sub\nVARS S x="1"\nSCRIPT PRE S /bin/true\nABORT-DAG-ON S 1\nPRE_SKIP S 1\n',
    "final": TWO + 'FINAL F c.sub\nVARS F x="1"\nSCRIPT POST F /bin/true\n',
    "final-that-is-a-dag": TWO + "FINAL F x.dag.condor.sub\n",
    "provisioner": TWO + 'PROVISIONER P c.sub\nVARS P x="1"\n',
    "subdag": {
        "x.dag": "SUBDAG EXTERNAL S s.dag\nRETRY S 1\nCATEGORY S c\nMAXJOBS c 1\n",
        "s.dag": "JOB A a.sub\n",
    },
    "splice": {
        "x.dag": "JOB A a.sub\nSPLICE S s.dag\nPARENT A CHILD S\nJOB B b.sub\nPARENT S CHILD B\n",
        "s.dag": "JOB X a.sub\nJOB Y b.sub\nPARENT X CHILD Y\nRETRY ALL_NODES 1\n",
    },
    "splice-in-a-directory": {
        "x.dag": "SPLICE S s.dag DIR sub\n",
        "sub/s.dag": "JOB X x.sub\n",
        "sub/x.sub": "queue\n",
    },
    "nested-splices": {"x.dag": "SPLICE S s.dag\n", "s.dag": "SPLICE T t.dag\n", "t.dag": "JOB X a.sub\n"},
    "same-splice-twice": {
        "x.dag": "SPLICE S s.dag\nSPLICE T s.dag\nPARENT S CHILD T\n",
        "s.dag": "JOB X a.sub\n",
    },
    "service-in-a-splice": {"x.dag": "SPLICE S s.dag\n", "s.dag": "JOB X a.sub\nSERVICE M b.sub\n"},
    "include": {
        "x.dag": "JOB A a.sub\nINCLUDE i.dag\nPARENT A CHILD B\nRETRY B 2\n",
        "i.dag": "JOB B b.sub\n",
    },
    "include-about-us": {"x.dag": TWO + "INCLUDE i.dag\n", "i.dag": 'PARENT A CHILD B\nVARS A x="1"\n'},
    "pins": {
        "x.dag": "SPLICE S s.dag\nSPLICE T t.dag\nCONNECT S T\n",
        "s.dag": "JOB X a.sub\nPIN_OUT X 1\n",
        "t.dag": "JOB Y a.sub\nPIN_IN Y 1\n",
    },
    "weak": TWO + "WEAK PARENT A CHILD B\n",
    "tolerance": TWO + "TOLERANCE A 3\nTOLERANCE B 30% FAIL-FAST\n",
    "several": TWO + "JOB C c.sub\nJOB D a.sub\nPARENT A B CHILD C D\nPARENT A A CHILD C\n",
    "latin-1": {"x.dag": "JOB n\udce4me a.sub\n"},
    "two-priorities": TWO + "PRIORITY A 1\nPRIORITY A 2\n",
    "two-categories": TWO + "CATEGORY A x\nCATEGORY A y\nMAXJOBS x 1\nMAXJOBS x 2\n",
    "final-done": TWO + "FINAL F c.sub DONE\n",
    "service-done-word": TWO + "SERVICE F c.sub DONE\n",
    "configuration": {
        "x.dag": TWO + "CONFIG e.config\n",
        "e.config": "# DAGMan's\nDAGMAN_USE_STRICT : 0\nuse FEATURE : GPUs\nX = a \\\n  b\nX @=end\n a b\n@end\n"
        "include : d.config\nif defined X\n  Y = 1\nelse\n  Y = 2\nendif\nwarning : it is read\n",
    },
    "nothing": "# no command\n",
}

BAD: dict[str, str | dict[str, str]] = {
    "unknown-command": TWO + "PRIORTY A 1\n",
    "no-file": "JOB A\n",
    "reserved": "JOB parent a.sub\n",
    "plus-in-a-name": "JOB a+b a.sub\n",
    "what-is-this": "JOB A a.sub WHAT\n",
    "open-quote": "JOB A 'a.sub\n",
    "no-end": "JOB A {\nexecutable = /bin/true\n",
    "no-end-word": "JOB A @=\nqueue\n@\n",
    "twice": TWO + "JOB A c.sub\n",
    "node-and-splice": {"x.dag": "SPLICE A s.dag\nJOB A a.sub\n", "s.dag": "JOB X a.sub\n"},
    "splice-and-node": {"x.dag": "JOB A a.sub\nSPLICE A s.dag\n", "s.dag": "JOB X a.sub\n"},
    "two-finals": TWO + "FINAL F c.sub\nFINAL G c.sub\n",
    "two-provisioners": TWO + "PROVISIONER F c.sub\nPROVISIONER G c.sub\n",
    "dag-as-a-job": "JOB A y.dag.condor.sub\n",
    "unknown-parent": TWO + "PARENT C CHILD A\n",
    "unknown-child": TWO + "PARENT A CHILD C\n",
    "unknown-retry": TWO + "RETRY C 1\n",
    "unknown-done": TWO + "DONE C\n",
    "unknown-category": TWO + "CATEGORY C c\n",
    "unknown-save-point": TWO + "SAVE_POINT_FILE C s\n",
    "case-of-a-name": TWO + "RETRY a 1\n",
    "no-child": TWO + "PARENT A CHILD\n",
    "no-parent": TWO + "PARENT CHILD A\n",
    "cut": TWO + "PARENT A CHI",
    "weak-child": TWO + "WEAK A CHILD B\n",
    "retry-negative": TWO + "RETRY A -1\n",
    "retry-word": TWO + "RETRY A many\n",
    "retry-unless": TWO + "RETRY A 1 UNLESS 2\n",
    "priority-word": TWO + "PRIORITY A high\n",
    "number-too-big": TWO + "PRIORITY A 3000000000\n",
    "maxjobs-negative": TWO + "MAXJOBS c -1\n",
    "pre-skip-range": TWO + "PRE_SKIP A 256\n",
    "return-range": TWO + "ABORT-DAG-ON A 1 RETURN 256\n",
    "tolerance-negative": TWO + "TOLERANCE A -1\n",
    "vars-nothing": TWO + "VARS A x\n",
    "vars-queue": TWO + 'VARS A Queue_x="1"\n',
    "vars-open": TWO + 'VARS A x="1\n',
    "script-without-type": TWO + "SCRIPT A /bin/true\n",
    "script-nothing": TWO + "SCRIPT PRE A\n",
    "service-retry": TWO + "SERVICE S c.sub\nRETRY S 1\n",
    "service-priority": TWO + "SERVICE S c.sub\nPRIORITY S 1\n",
    "service-category": TWO + "SERVICE S c.sub\nCATEGORY S c\n",
    "service-parent": TWO + "SERVICE S c.sub\nPARENT A CHILD S\n",
    "service-done": TWO + "SERVICE S c.sub\nDONE S\n",
    "service-save-point": TWO + "SERVICE S c.sub\nSAVE_POINT_FILE S s\n",
    "final-retry": TWO + "FINAL F c.sub\nRETRY F 1\n",
    "final-priority": TWO + "FINAL F c.sub\nPRIORITY F 1\n",
    "final-category": TWO + "FINAL F c.sub\nCATEGORY F c\n",
    "final-child": TWO + "FINAL F c.sub\nPARENT F CHILD A\n",
    "final-abort": TWO + "FINAL F c.sub\nABORT-DAG-ON F 1\n",
    "final-done-line": TWO + "FINAL F c.sub\nDONE F\n",
    "provisioner-retry": TWO + "PROVISIONER P c.sub\nRETRY P 1\n",
    "provisioner-parent": TWO + "PROVISIONER P c.sub\nPARENT A CHILD P\n",
    "done-all-nodes": TWO + "DONE ALL_NODES\n",
    "all-nodes-without-any": "SERVICE S c.sub\nRETRY ALL_NODES 1\n",
    "cycle": TWO + "JOB C c.sub\nPARENT A CHILD B\nPARENT B CHILD C\nPARENT C CHILD B\n",
    "cycle-of-all": TWO + "PARENT A CHILD B\nPARENT B CHILD A\n",
    "own-child": TWO + "PARENT A CHILD A\n",
    "cycle-through-groups": TWO + "JOB C c.sub\nJOB D a.sub\nPARENT A B CHILD C D\nPARENT D CHILD A\n",
    "cycle-through-a-splice": {
        "x.dag": "JOB A a.sub\nSPLICE S s.dag\nPARENT A CHILD S\nPARENT S CHILD A\n",
        "s.dag": "JOB X a.sub\n",
    },
    "cycle-in-a-splice": {"x.dag": "SPLICE S s.dag\n", "s.dag": TWO + "PARENT A CHILD B\nPARENT B CHILD A\n"},
    "final-in-a-splice": {"x.dag": "SPLICE S s.dag\n", "s.dag": "JOB X a.sub\nFINAL F b.sub\n"},
    "no-splice": "SPLICE S s.dag\n",
    "no-splice-directory": {"x.dag": "SPLICE S s.dag DIR sub\n", "s.dag": "JOB X a.sub\n"},
    "no-include": TWO + "INCLUDE i.dag\n",
    "bad-splice": {"x.dag": "SPLICE S s.dag\n", "s.dag": "JOB X a.sub\nRETRY Y 1\n"},
    "bad-include": {"x.dag": TWO + "INCLUDE i.dag\n", "i.dag": "JOB A a.sub\n"},
    "splice-of-itself": "JOB A a.sub\nSPLICE S x.dag\n",
    "includes-in-a-ring": {"x.dag": TWO + "INCLUDE i.dag\n", "i.dag": "INCLUDE x.dag\n"},
    "retry-on-a-splice": {"x.dag": "SPLICE S s.dag\nRETRY S 1\n", "s.dag": "JOB X a.sub\n"},
    "retry-in-a-splice": {"x.dag": "SPLICE S s.dag\nRETRY S+X 1\n", "s.dag": "JOB X a.sub\n"},
    "edge-into-a-splice": {
        "x.dag": "JOB A a.sub\nSPLICE S s.dag\nPARENT A CHILD S+X\n",
        "s.dag": "JOB X a.sub\n",
    },
    "splice-after-an-include": {
        "x.dag": "JOB A a.sub\nSPLICE S s.dag\nINCLUDE i.dag\nPARENT A CHILD S\n",
        "s.dag": "JOB X a.sub\n",
        "i.dag": "JOB B b.sub\n",
    },
    "used-before-its-include": {"x.dag": "RETRY B 1\nINCLUDE i.dag\n", "i.dag": "JOB B b.sub\n"},
    "reject": TWO + "REJECT\n",
    "pin-without-a-splice": {"x.dag": "SPLICE S s.dag\nCONNECT S T\n", "s.dag": "JOB X a.sub\nPIN_OUT X 1\n"},
    "pins-do-not-match": {
        "x.dag": "SPLICE S s.dag\nSPLICE T t.dag\nCONNECT S T\n",
        "s.dag": "JOB X a.sub\nPIN_OUT X 1\n",
        "t.dag": "JOB Y a.sub\nPIN_IN Y 1\nPIN_IN Y 2\n",
    },
    "pin-of-nobody": TWO + "PIN_IN C 1\n",
    "pin-zero": TWO + "PIN_IN A 0\n",
    "two-configs": {"x.dag": TWO + "CONFIG d.config\nCONFIG e.config\n", "e.config": ""},
    "same-config-twice": TWO + "CONFIG d.config\nCONFIG ./d.config\n",
    "config-that-is-none": {"x.dag": TWO + "CONFIG e.config\n", "e.config": "DAGMAN_USE_STRICT 0\n"},
    "no-config": TWO + "CONFIG none.config\n",
    "empty-splice-as-a-parent": {
        "x.dag": "JOB A a.sub\nSPLICE S s.dag\nPARENT S CHILD A\n",
        "s.dag": "# nothing\n",
    },
    "script-debug-stream": TWO + "SCRIPT DEBUG f SOME PRE A /bin/true\n",
    "subdag-without-external": "SUBDAG S s.dag\n",
    "env-nothing": TWO + "ENV SET\n",
    "env-without-a-value": TWO + "ENV SET MODE\n",
    "env-stray-separator": TWO + "ENV SET MODE=1;LEVEL\n",
    "env-other-separator": TWO + "ENV SET |MODE=1|LEVEL\n",
    "env-without-a-name": TWO + "ENV SET MODE=1;=2\n",
    "env-quoted-without-a-value": TWO + 'ENV SET "MODE=1 LEVEL"\n',
    "env-quote-without-an-end": TWO + 'ENV SET "MODE=1\n',
    "env-inner-quote-without-an-end": TWO + 'ENV SET "MODE=\'a b"\n',
    "env-behind-the-quote": TWO + 'ENV SET "MODE=1" LEVEL=2\n',
    "dot-nothing": TWO + "DOT\n",
}

CHECKER_ACCEPTS = frozenset(
    [
        "all-nodes-without-any",
        "config-that-is-none",
        "dag-as-a-job",
        "edge-into-a-splice",
        *("env-without-a-value", "env-stray-separator", "env-other-separator", "env-without-a-name"),
        *("env-quoted-without-a-value", "env-quote-without-an-end", "env-inner-quote-without-an-end"),
        "env-behind-the-quote",
        "empty-splice-as-a-parent",
        "final-abort",
        "final-category",
        "final-done-line",
        "final-priority",
        "final-retry",
        "pin-of-nobody",
        "pin-without-a-splice",
        "pins-do-not-match",
        "pre-skip-range",
        "provisioner-retry",
        "retry-in-a-splice",
        "service-category",
        "service-done",
        "service-priority",
        "service-retry",
        "service-save-point",
        "splice-after-an-include",
        "unknown-save-point",
        "used-before-its-include",
    ]
)
"""What condor_dag_checker 25.14.1 takes and condor_dagman refuses."""

OLDER = (25, 11)
"""condor_dag_checker before that has other options and says less."""


def since(name: str) -> tuple[int, ...]:
    """The first HTCondor whose DAGMan has what the case is about."""
    words = {"weak": (25, 13, 2), "tolerance": (25, 14), "weak-child": (25, 13, 2)}
    # The parser of 25.6 reads what the older one did not, and the other way round: only the newer is asked.
    return words.get(name, (25, 6, 1))
