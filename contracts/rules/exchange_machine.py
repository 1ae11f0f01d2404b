"""An exchange of two assets that stand on two channels, as tables.

The first channel locks its asset. The second one decides, alone and once: it settles, handing its own asset
over in the same transaction, or it is called off. Then the first follows what is proven of the second. So the
two assets move both or neither, whatever crashes, whoever is late, and however the two clocks differ.
"""

FIRST = (
    ("-", "lock", "giver", "the asset is free and its own; the other channel is followed here",
     "LOCKED", "Exchange.Locked"),
    ("LOCKED", "claim", "anyone", "proof that the other channel settled", "CLAIMED",
     "Exchange.Claimed"),
    ("LOCKED", "release", "anyone", "proof that it was called off there", "RELEASED",
     "Exchange.Released"),
)  # fmt: skip

SECOND = (
    ("-", "settle", "giver", "before the last moment; proof that the other asset is locked; the own "
     "asset is free", "SETTLED", "Exchange.Settled"),
    ("-", "call_off", "anyone", "the giver at any time, anyone else after the last moment",
     "CALLED_OFF", "Exchange.CalledOff"),
)  # fmt: skip
