"""What ordering is made of whichever engine runs: `consensus.pbft` and `consensus.raft.ordering` both stand on
it, and it knows neither.

`rules` (what both are told of their channel), `chain` (the committed end and its executed roots), `requests`
(what waits, and since when), `blocks` (blocks by reference on their way to completeness).
"""
