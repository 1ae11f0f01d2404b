"""For every test: property tests draw the same examples in every run, so that a run can be repeated.

New examples are looked for with `pytest --hypothesis-profile=explore`.
"""

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business: no deadline, no complaint about slow drawing.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, database=None, **PATIENT)
settings.register_profile("explore", print_blob=True, **PATIENT)
settings.load_profile("repeatable")
