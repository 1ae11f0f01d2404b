"""What members used of a channel: `counting` is pure and the same on every node, `figures` keeps and tells it,
`recount` needs neither; `served` and `statements` count queries, which leave no trace in blocks."""
