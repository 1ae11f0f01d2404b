"""Quotas of members and applications: `counting` is pure, `in_force` holds them for this node.
Governance sets them."""
