"""A small planner of test data: abstract workflows become submit directories in the format of Pegasus 5.1.2.

    from planner import Options, fan, plan
    plan(fan(100), Options(Path("work")))           # -> work/USER/pegasus/fan/run0001

It follows what the real planner wrote (data configuration sharedfs, style condor, cleanup in place) and needs
nothing but the standard library and PyYAML. The jobs that it plans run the programs of `standins`.
No package of the product imports it.
"""

from .abstract import AbstractWorkflow, FileUse, Hook, PlanError, Task, parse, render
from .fan import fan
from .options import Options
from .writer import plan

__all__ = [
    "AbstractWorkflow", "FileUse", "Hook", "Options", "PlanError", "Task", "fan", "parse", "plan", "render",
]  # fmt: skip
