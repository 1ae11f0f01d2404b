"""What a seed may draw. New names go to the end, so that old seeds keep their draws apart from the new."""

BEHAVIOURS = (
    "equivocator",
    "promiscuous",
    "silent",
    "slow",
    "hider",
    "spammer",
    "stale_newview",
    "bad_newview",
    "censor",
    "wrong_roots",
    "fake_height",
    "garbage",
    "replayer",
    "selective",
    "two_faced",
    "repeater",
    "skewed",
    "lazy",
    "hoarder",
    "amnesiac",
)
# Those that attack agreement itself.
LEADERS = (
    "equivocator",
    "equivocator",
    "promiscuous",
    "hider",
    "two_faced",
    "bad_newview",
    "replayer",
)
