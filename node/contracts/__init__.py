"""A channel's contracts on this node: which version runs, what may be called with what, what a
change would do."""
