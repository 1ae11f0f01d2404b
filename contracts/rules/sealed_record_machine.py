"""The life of sealed records and of the keys they are sealed to, as tables (domain/trade-finance.md 2.21).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. A schema says what kind of paper a
record is, which module it belongs to and which authorities may be given a copy; how long it is kept is the
dated rule `retention:` of the schema.
"""

GENERAL = "GENERAL"  # scope of a key for everything that is not a case of its own
RECIPIENTS_MAX = 16  # keys a record is sealed to when it is made
KEYS_MAX = 64  # with all that are granted later
FIELDS_MAX = 64
CIPHERTEXT_MAX = 32768  # bytes on the ledger; larger ones stand elsewhere, their digest here
SIZE_MAX = 1073741824
WRAPPED_BYTES = 113  # a 16-byte data key under SM2: C1, C3, C2
HOLDS_MAX = 8

# (schema, module, authorities that may be given a copy)
SCHEMAS = (
    ("PARTY-PAPERS", "M0 party", ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA")),
    ("HIDDEN-AMOUNTS", "M1 private receivable", ("PBC", "NFRA")),
    ("INVOICE", "M1 receivable, M5 registry", ("PBC", "NFRA", "TAX")),
    ("FINANCING-TERMS", "M2 financing", ("PBC", "NFRA")),
    ("FORFAITING", "M3 forfaiting", ("PBC", "NFRA", "SAFE", "HKMA")),
    ("CREDIT-TERMS", "M4 credit", ("NFRA", "SAFE", "HKMA")),
    ("PRESENTATION", "M4 presentation", ("NFRA", "SAFE", "HKMA")),
    ("DISCREPANCIES", "M4 presentation", ("NFRA", "SAFE", "HKMA")),
    ("BILL-PAPERS", "M6 bill", ("PBC", "NFRA")),
    ("TAX-PAPERS", "M7 tax form", ("TAX", "SAFE")),
    ("ACCOUNT-PAPERS", "M8 trade account", ("SAFE",)),
    ("CROSS-BORDER", "M9 cross-border", ("PBC", "SAFE")),
    ("GUARANTEE-TERMS", "M10 guarantee", ("NFRA", "SAFE", "HKMA")),
    ("CREDENTIAL", "M11 e-credential", ()),
    ("TRADE-DOCUMENT", "M12 documents and records", ("CUS",)),
    ("INVOICE-CONTENT", "M13 e-invoice", ("TAX",)),
    ("ORDER", "M15 regulator", ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA")),
    ("EVIDENCE", "M16 dispute", ()),
    ("OTHER", "any", ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA")),
)  # fmt: skip
AUTHORITIES = ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA")
SCREEN = "sealed"  # of the regulator contract: a copy is opened against its receipt

SEALING_KEY = (
    ("-", "publish_key", "owner, owner:regulator, owner:tax, owner:customs, owner:court, owner:arbiter",
     "an SM2 key; it takes over from the active one of its scope", "ACTIVE", "Sealed.KeyPublished"),
    ("ACTIVE", "retire_key", "owner, owner:regulator, owner:tax, owner:customs, owner:court, "
     "owner:arbiter", "nothing more is sealed to it; what was, still opens", "RETIRED",
     "Sealed.KeyRetired"),
    ("ACTIVE|RETIRED", "destroy_key", "owner:checker, owner:regulator, owner:tax, owner:customs, "
     "owner:court, owner:arbiter",
     "all that is sealed to it may go: retention has run out and nothing is held", "DESTROYED",
     "Sealed.KeyDestroyed"),
)  # fmt: skip

SEALED_RECORD = (
    ("-", "seal", "owner, owner:regulator, owner:tax, owner:customs, owner:court, owner:arbiter",
     "root of its fields, ciphertext, active keys of its scope, kept at least as the schema's rule says",
     "SEALED", "Sealed.Sealed"),
    ("SEALED", "grant", "any", "a recipient passes the data key on to another active key", "=",
     "Sealed.Granted"),
    ("SEALED", "hold", "any:regulator", "digest of the order; nothing it is sealed to is destroyed",
     "=", "Sealed.Held"),
    ("SEALED", "lift_hold", "any:regulator", "by the authority that placed it", "=",
     "Sealed.HoldLifted"),
    ("SEALED", "certify_erasure", "anyone", "every key it is sealed to is destroyed", "ERASED",
     "Sealed.Erased"),
)  # fmt: skip

DEMAND = (
    ("-", "demand_copies", "authority:regulator, authority:tax, authority:customs",
     "competent for the schema, with an active key", "IN_FORCE", "Sealed.CopiesDemanded"),
    ("IN_FORCE", "lift_demand", "authority:regulator, authority:tax, authority:customs", "-",
     "LIFTED", "Sealed.DemandLifted"),
)  # fmt: skip


def schema_row(name: str):
    """The row of a schema, or None."""
    for row in SCHEMAS:
        if row[0] == name:
            return row
    return None
