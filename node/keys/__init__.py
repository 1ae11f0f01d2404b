"""A node's own keys: which are in use, which follow, and how others learn of it."""
