"""For every test: property tests draw the same examples in every run, so that a run can be repeated.

New examples are looked for with `pytest --hypothesis-profile=explore`.
"""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, database=None)
settings.register_profile("explore", print_blob=True)
settings.load_profile("repeatable")
