"""An exchange of two assets that stand on two channels, as tables.

The first channel locks its asset. The second one decides, alone and once: it settles, handing its own asset
over in the same transaction, or it is called off. Then the first follows what is proven of the second. So the
two assets move both or neither, whatever crashes, whoever is late, and however the two clocks differ.

Where the second channel takes no transaction any more, the first asset comes free in two ways that let nobody
keep both. `lapse`: block times only grow and nothing settles after the last moment, so a state of a block after
it in which the exchange is not known shows that it will never settle. `waive`: the asset could go to its taker
alone, who may give it up; a day after the last moment, so that no settlement still relies on the lock, however
the clocks differ. Time alone, a vote, or that its nodes archived it are no proof: a channel that went silent
may have settled before, and whoever got the second asset would get the first one back. Such a lock stays.
"""

WAIVE_MS = 86400000  # after the last moment, by the clock of the first channel

FIRST = (
    ("-", "lock", "giver", "the asset is free and its own; the other channel is followed here",
     "LOCKED", "Exchange.Locked"),
    ("LOCKED", "claim", "anyone", "proof that the other channel settled", "CLAIMED",
     "Exchange.Claimed"),
    ("LOCKED", "release", "anyone", "proof that it was called off there", "RELEASED",
     "Exchange.Released"),
    ("LOCKED", "lapse", "anyone", "proof that the last moment had passed there with nothing decided",
     "RELEASED", "Exchange.Released"),
    ("LOCKED", "waive", "taker:checker", "a day after the last moment: its taker gives it up",
     "RELEASED", "Exchange.Released"),
)  # fmt: skip

SECOND = (
    ("-", "settle", "giver", "before the last moment; proof that the other asset is locked; the own "
     "asset is free", "SETTLED", "Exchange.Settled"),
    ("-", "call_off", "anyone", "the giver at any time, anyone else after the last moment",
     "CALLED_OFF", "Exchange.CalledOff"),
)  # fmt: skip
