"""ISO 20022 for a bank that stays on its rails: what the chain settled becomes a payment message, and what
the bank's
rails report comes back to a match.

message   reading any message: safely parsed, then the usage rules of its service (cbpr-usage-rules)
pay       a settled obligation as pacs.008 or pacs.009
match     camt.054 and pacs.002 against what is expected
rails     which rail a payment takes: by border and threshold
"""
