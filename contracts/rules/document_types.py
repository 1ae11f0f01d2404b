"""Thirty-six trade documents, keyed to the codes of UN/EDIFACT 1001 (document name) and UNTDED (ISO 7372).

TYPES     (code, name, group, may be a transferable record, data elements it must carry)
ELEMENTS  (UNTDED tag, name)

Groups are those of the ICC's analysis of key trade documents: commercial, transport, official, finance. A
filing carries a salted commitment of each element asked for, so that one can be shown without the others.
"""

ELEMENTS = (
    ("1004", "document identifier"),
    ("1154", "reference"),
    ("2380", "date"),
    ("3036", "party name"),
    ("3039", "party identifier"),
    ("3132", "consignee"),
    ("3180", "notify party"),
    ("3225", "location"),
    ("3239", "country of origin"),
    ("3334", "place of loading"),
    ("3392", "place of discharge"),
    ("4053", "delivery terms"),
    ("5025", "amount"),
    ("6060", "quantity"),
    ("6292", "gross mass"),
    ("6345", "currency"),
    ("7002", "goods description"),
    ("7124", "dangerous goods number"),
    ("7224", "number of packages"),
    ("7357", "commodity code"),
    ("8028", "conveyance reference"),
    ("8213", "means of transport"),
    ("8260", "transport equipment"),
)

TYPES = (
    # commercial
    ("220", "purchase order", "commercial", False, ("1004", "2380", "3036", "7002", "5025")),
    ("315", "contract", "commercial", False, ("1004", "2380", "3036", "7002")),
    ("325", "pro-forma invoice", "commercial", False, ("1004", "2380", "3036", "7002", "5025", "6345")),
    ("380", "commercial invoice", "commercial", False,
     ("1004", "2380", "3036", "4053", "5025", "6345", "7002")),
    ("381", "credit note", "commercial", False, ("1004", "1154", "2380", "5025", "6345")),
    ("271", "packing list", "commercial", False, ("1004", "2380", "6292", "7002", "7224")),
    ("351", "despatch advice", "commercial", False, ("1004", "2380", "7002", "7224")),
    ("270", "delivery note", "commercial", False, ("1004", "2380", "3036", "7002", "6060")),
    # transport
    ("705", "bill of lading", "transport", True,
     ("1004", "2380", "3132", "3180", "3334", "3392", "6292", "7002", "8028", "8213")),
    ("766", "multimodal bill of lading", "transport", True,
     ("1004", "2380", "3132", "3180", "3334", "3392", "6292", "7002")),
    ("711", "inland waterway bill of lading", "transport", True,
     ("1004", "2380", "3132", "3334", "3392", "7002")),
    ("710", "sea waybill", "transport", False,
     ("1004", "2380", "3132", "3334", "3392", "7002", "8028", "8213")),
    ("740", "air waybill", "transport", False, ("1004", "2380", "3132", "3334", "3392", "6292", "7002")),
    ("720", "rail consignment note", "transport", False,
     ("1004", "2380", "3132", "3334", "3392", "6292", "7002")),
    ("730", "road consignment note", "transport", False,
     ("1004", "2380", "3132", "3334", "3392", "6292", "7002")),
    ("785", "cargo manifest", "transport", False, ("1004", "2380", "7224", "8028", "8213")),
    ("640", "delivery order", "transport", True, ("1004", "2380", "3132", "7002")),
    ("635", "warehouse warrant", "transport", True, ("1004", "2380", "3036", "3225", "6060", "7002")),
    ("631", "warehouse receipt", "transport", True, ("1004", "2380", "3036", "3225", "6060", "7002")),
    ("624", "forwarder's certificate of receipt", "transport", False, ("1004", "2380", "3132", "7002")),
    ("770", "booking confirmation", "transport", False, ("1004", "2380", "8028", "8260")),
    ("890", "dangerous goods declaration", "transport", False,
     ("1004", "2380", "3036", "7002", "7124", "7224")),
    # official
    ("830", "goods declaration for exportation", "official", False,
     ("1004", "2380", "3039", "5025", "6345", "7357")),
    ("929", "goods declaration for importation", "official", False,
     ("1004", "2380", "3039", "3239", "5025", "6345", "7357")),
    ("811", "export licence", "official", False, ("1004", "2380", "3039", "7357", "6060")),
    ("911", "import licence", "official", False, ("1004", "2380", "3039", "7357", "6060")),
    ("861", "certificate of origin", "official", False, ("1004", "2380", "3036", "3239", "7002")),
    ("865", "certificate of origin, preferential (form GSP)", "official", False,
     ("1004", "2380", "3036", "3239", "7002", "7357")),
    ("851", "phytosanitary certificate", "official", False, ("1004", "2380", "3036", "3239", "7002")),
    ("853", "veterinary certificate", "official", False, ("1004", "2380", "3036", "3239", "7002")),
    ("856", "inspection certificate", "official", False, ("1004", "2380", "7002", "6060")),
    ("955", "ATA carnet", "official", False, ("1004", "2380", "3036", "7002", "5025")),
    # finance
    ("530", "insurance certificate", "finance", False, ("1004", "2380", "3036", "5025", "6345", "7002")),
    ("465", "documentary credit", "finance", False, ("1004", "2380", "3036", "5025", "6345")),
    ("490", "bill of exchange", "finance", True, ("1004", "2380", "3036", "5025", "6345")),
    ("491", "promissory note", "finance", True, ("1004", "2380", "3036", "5025", "6345")),
)  # fmt: skip


def type_of(code: str):
    """The row of a document type, or None."""
    for row in TYPES:
        if row[0] == code:
            return row
    return None
