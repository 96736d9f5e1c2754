"""Programs that planned jobs of the examples and tests run in place of Pegasus's own.

They write the same files in the same formats (kickstart records 3.0, cluster lines, .meta, the exitcode log),
use nothing but the standard library and start quickly: os.path and no pathlib, few imports. They are tools
for test data: no package of the product imports them.
"""
