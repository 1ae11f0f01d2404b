"""A bank's own payment interface, as oracles ask it: a simulator over the reference center, without any
proof."""
