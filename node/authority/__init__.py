"""A member's certification authority: who of the member may act, with which roles, and on which nodes.

`register.py` is its memory (SQLite), `authority.py` its rules, `tokens.py` the one-time words that let a holder
ask by itself, `service.py` and `enrolment.py` both ends of asking over HTTPS.
"""
