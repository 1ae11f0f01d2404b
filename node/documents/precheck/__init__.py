"""Machine pre-check of documents presented under a credit: advice before the bank decides (UCP 600 art. 14(a)).

    case      what is checked: the credit's terms, the presentation, its documents, read strictly from JSON
    registry  a check: its id, the article it rests on, and one pure function from a case to findings
    timing, drafts, invoices, transport, insurance, others   the checks
    CHECKS    all of them, in the order in which they are listed

A finding is advice only: the bank examines, and signs its decision on the chain.
"""

from node.documents.precheck import (  # noqa: F401
    drafts,
    insurance,
    invoices,
    others,
    timing,
    transport,
)
from node.documents.precheck.case import Case, read_case
from node.documents.precheck.registry import CHECKS, Check, Finding, examine

__all__ = ["CHECKS", "Case", "Check", "Finding", "examine", "read_case"]
