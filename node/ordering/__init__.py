"""Around the consensus core: what comes in before it, the loop that turns it, the log that it stands on.

`intake`, `admission`, `signatures`, `txpool` and `fairness` stand before the core, `core` makes it, `driver`
turns it, `journal` and `wal` remember what it signed.
"""
