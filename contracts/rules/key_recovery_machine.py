"""A party that lost its key gets another one and stays who it is, as tables (JR/T 0184 13.x, 13.5.6).

Rows as in `rules.instrument`. The order: guardians are named beforehand; when a key is lost the bank that
attested the party identifies the person anew, by two officers; guardians approve; the party is locked for a
while, in which whoever still has the old key may object; then the new key is entered by the channel's
configuration and says so itself. What the party holds stays where it is.
"""

LOCK_HOURS = 72
OPEN_DAYS = 30  # for identification and guardians
GUARDIANS_MIN = 2
GUARDIANS_MAX = 9

GUARDIANS = (
    ("-", "name_guardians", "party:maker", "2 to 9 other parties, more than half of them must approve",
     "NAMED", "Guardians.Named"),
    ("NAMED|ACTIVE", "name_guardians", "party:maker", "no reset is open; those in force stay meanwhile",
     "=", "Guardians.Named"),
    ("NAMED|ACTIVE", "confirm_guardians", "party:checker", "the same words; four eyes", "ACTIVE",
     "Guardians.Confirmed"),
)  # fmt: skip

RESET = (
    ("-", "request_reset", "bank:kyc, party:checker",
     "names the lost and the new identity; guardians are active, no other reset is open", "REQUESTED",
     "Reset.Requested"),
    ("REQUESTED", "identify_holder", "bank:kyc", "another officer of the attesting bank; digest of the report",
     "IDENTIFIED", "Reset.Identified"),
    ("IDENTIFIED", "approve_reset", "any:checker",
     "a guardian, once; with enough of them the party is locked for 72 hours", "IDENTIFIED|LOCKED",
     "Reset.Approved"),
    ("REQUESTED|IDENTIFIED|LOCKED", "veto_reset", "anyone", "the old key, or a checker of the party", "VETOED",
     "Reset.Vetoed"),
    ("LOCKED", "release_reset", "anyone", "72 hours are over", "RELEASED", "Reset.Released"),
    ("RELEASED", "confirm_reset", "anyone", "sent with the new key, for the same party", "RECOVERED",
     "Reset.Recovered"),
    ("REQUESTED|IDENTIFIED|LOCKED|RELEASED", "withdraw_reset", "bank:kyc", "grounds", "WITHDRAWN",
     "Reset.Withdrawn"),
    ("REQUESTED|IDENTIFIED", "lapse_reset", "anyone", "30 days are over", "LAPSED", "Reset.Lapsed"),
)  # fmt: skip
