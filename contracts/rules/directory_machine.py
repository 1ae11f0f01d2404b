"""What stands in a consortium's directory, as tables: cities, organisations, nodes, channels, relays.

What is entered is its member's word unless the contract proves it: that a key signed the entry, that a
channel has this genesis, that its validators seal. Nothing is taken out: what is retired stays, with every
version that it had.
"""

CITY = (
    ("-|PROPOSED|RETIRED", "propose_city", "any:admin", "a name, a zone, a jurisdiction", "PROPOSED",
     "Directory.CityProposed"),
    ("PROPOSED", "confirm_city", "any:admin", "another member, and the version that it has read",
     "ACTIVE", "Directory.CityConfirmed"),
    ("ACTIVE", "retire_city", "proposer:admin, confirmer:admin", "no member and no node is there",
     "RETIRED", "Directory.CityRetired"),
)  # fmt: skip

ORGANISATION = (
    ("-|RETIRED", "register_member", "member:admin", "itself; an active city", "ACTIVE",
     "Directory.MemberRegistered"),
    ("ACTIVE", "set_member", "member:admin", "an active city", "=", "Directory.MemberChanged"),
    ("ACTIVE", "retire_member", "member:admin", "it owns no node and no relay", "RETIRED",
     "Directory.MemberRetired"),
)  # fmt: skip

NODE = (
    ("-|RETIRED", "register_node", "owner:admin",
     "its owner is registered; an active city; a name and a key that nobody else has", "ACTIVE",
     "Directory.NodeRegistered"),
    ("ACTIVE", "set_node", "owner:admin", "where it answers, what it offers", "=",
     "Directory.NodeChanged"),
    ("ACTIVE", "set_node_key", "owner:admin", "a key that nobody else has", "=",
     "Directory.NodeKeyAdded"),
    ("ACTIVE", "retire_node", "owner:admin", "it has no part in a living channel", "RETIRED",
     "Directory.NodeRetired"),
)  # fmt: skip

CHANNEL = (
    ("-", "list_channel", "lister:admin",
     "its genesis configuration; every node registered with that key; one of the validators its own",
     "LISTED", "Directory.ChannelListed"),
    ("LISTED|PAUSED", "prove_channel", "anyone", "a header that its validators sealed", "=",
     "Directory.ChannelProven"),
    ("LISTED|PAUSED", "refresh_channel", "anyone", "as foreign_channel knows its validators", "=",
     "Directory.ChannelRefreshed"),
    ("LISTED", "pause_channel", "any:admin", "one of the validators its own", "PAUSED",
     "Directory.ChannelPaused"),
    ("PAUSED", "resume_channel", "any:admin", "one of the validators its own", "LISTED",
     "Directory.ChannelResumed"),
    ("LISTED|PAUSED", "archive_channel", "any:admin", "one of the validators its own", "ARCHIVED",
     "Directory.ChannelArchived"),
)  # fmt: skip

RELAY = (
    ("-|RETIRED", "register_relay", "member:admin", "its member is registered", "ACTIVE",
     "Directory.RelayRegistered"),
    ("ACTIVE", "set_relay", "member:admin", "what it carries", "=", "Directory.RelayChanged"),
    ("ACTIVE", "retire_relay", "member:admin", "", "RETIRED", "Directory.RelayRetired"),
)  # fmt: skip
