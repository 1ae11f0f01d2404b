# For editors and mypy: what `from sdk import …` means in a contract.
from contracts.sdk import *  # noqa: F403
