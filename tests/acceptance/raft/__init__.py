"""etcd's published test data for Raft, run against `consensus.raft`.

`python -m tests.acceptance.raft DIR` finds out by its commands what each file under DIR is.
"""
