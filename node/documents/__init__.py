"""Documents from the real world: invoices, declarations and parties, read strictly or refused with a code.

Files are hostile until read: bounded in size, no entities, no guesses. Amounts leave here as minor units.
"""

from node.documents.customs import Declaration, parse_declarations
from node.documents.fingerprint import invoice_fingerprint
from node.documents.parties import PartyRecord, parse_parties
from node.documents.ubl import Invoice, InvoiceLine, InvoiceParty, parse_invoice

__all__ = [
    "Declaration",
    "Invoice",
    "InvoiceLine",
    "InvoiceParty",
    "PartyRecord",
    "invoice_fingerprint",
    "parse_declarations",
    "parse_invoice",
    "parse_parties",
]
