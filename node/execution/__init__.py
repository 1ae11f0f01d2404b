"""Certified blocks become state: what is decided without contracts, and the workers that run contracts.

`executor` takes blocks in order, `planner` says what of a block needs a contract, `engine` keeps one worker
process alive, `worker` is that process: it is started with nothing and locks itself.
"""
