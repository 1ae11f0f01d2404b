"""py-evm raises the recursion limit of the whole process when it is imported; with that limit the nested JSON
of other tests overflows the stack. So it is imported here once, and the limit put back."""

import contextlib
import sys

_limit = sys.getrecursionlimit()
with contextlib.suppress(ImportError):
    import eth  # noqa: F401
    import eth_tester  # noqa: F401
sys.setrecursionlimit(_limit)
