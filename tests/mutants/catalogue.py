"""Every mutant there is, in the order of the table."""

from __future__ import annotations

from tests.mutants.agreement import AGREEMENT
from tests.mutants.duties import DUTIES
from tests.mutants.epochs import EPOCHS
from tests.mutants.memory import MEMORY
from tests.mutants.mutant import Mutant
from tests.mutants.raft import RAFT
from tests.mutants.raft_ordering import RAFT_ORDERING
from tests.mutants.times import TIMES

MUTANTS: tuple[Mutant, ...] = (*AGREEMENT, *MEMORY, *DUTIES, *EPOCHS, *RAFT, *RAFT_ORDERING, *TIMES)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
assert len(BY_NAME) == len(MUTANTS), "two mutants of one name"
