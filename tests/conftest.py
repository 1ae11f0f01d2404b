"""For every test: nothing that a run does not fix decides what it finds.

Property tests draw the same examples in every run. New ones are looked for with
`pytest --hypothesis-profile=explore`. What the shell says of colours, width, language and networks is gone.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

# How long an example takes is the machine's business: no deadline, no complaint about slow drawing.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, database=None, **PATIENT)
settings.register_profile("explore", print_blob=True, **PATIENT)
settings.load_profile("repeatable")

# Also drawn are constants of the modules loaded so far: what a worker had run before would decide what the next
# test draws. Who explores keeps them. The package has no setting for it.
found_in_modules = providers._get_local_constants
none_found = providers.Constants()


def constants() -> providers.Constants:
    return none_found if settings.default.derandomize else found_in_modules()


providers._get_local_constants = constants

OF_TESTS = (
    "CITY_DIFFERENTIAL",
    "CITY_SIMULATION_SEEDS",
    "CITY_FAULTS_HUB",
    "CITY_PYTHON",
    "CITY_PORTS",
)
OF_SHELLS = (
    *("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM"),
    *("MYPY_FORCE_COLOR", "MYPY_FORCE_TERMINAL_WIDTH", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
    *("GITHUB_ACTIONS", "COLUMNS", "LINES", "LANGUAGE", "LC_ALL", "LC_MESSAGES"),
)
for name in set(os.environ):
    if name in OF_SHELLS or (name.startswith("CITY_") and name not in OF_TESTS):
        del os.environ[name]
os.environ["LANG"] = "C.UTF-8"
