"""A node that lacks something comes back: blocks from peers, snapshots, the chain below a snapshot; and
the same served to others."""
