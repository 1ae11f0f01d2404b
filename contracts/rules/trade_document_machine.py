"""The life of a customs declaration, of a filed trade document, of an electronic transferable record and of a
query between administrations, as tables (domain/trade-finance.md 2.15).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. Numbers in brackets are articles of
the UNCITRAL Model Law on Electronic Transferable Records.
"""

CUSTOMS_FEED = "customs-release"  # the oracles' feed of what customs decided
CLEARED = "CLEARED"
ITEMS_MAX = 40
CONTROLLERS_MAX = 15
PARTS_MAX = 16
ENDORSEMENTS_MAX = 64

DECLARATION = (
    ("-", "lodge", "declarant:maker", "the number's build, an active party", "LODGED",
     "Declaration.Lodged"),
    ("LODGED|AMENDED", "accept", "customs:customs", "-", "ACCEPTED", "Declaration.Accepted"),
    ("ACCEPTED", "release", "customs:customs", "-", "RELEASED", "Declaration.Released"),
    ("RELEASED", "clear", "customs:customs", "-", "CLEARED", "Declaration.Cleared"),
    ("LODGED|AMENDED|ACCEPTED|RELEASED", "attest", "anyone",
     "2f+1 oracles report that customs cleared it, after its last change", "CLEARED", "Declaration.Attested"),
    ("LODGED|AMENDED|ACCEPTED", "amend", "declarant:checker", "before release: customs looks again",
     "AMENDED", "Declaration.Amended"),
    ("LODGED|AMENDED|ACCEPTED", "withdraw", "declarant:checker", "before release", "WITHDRAWN",
     "Declaration.Withdrawn"),
    ("LODGED|AMENDED|ACCEPTED|RELEASED", "seize", "customs:customs", "an order", "SEIZED",
     "Declaration.Seized"),
    ("SEIZED", "lift_seizure", "customs:customs", "an order", "ACCEPTED",
     "Declaration.SeizureLifted"),
)  # fmt: skip

DOCUMENT = (
    ("-", "file", "filer:maker", "a known type that is no transferable record, its elements",
     "FILED", "TradeDocument.Filed"),
    ("FILED", "certify", "authority:checker", "by whom it names", "CERTIFIED",
     "TradeDocument.Certified"),
    ("FILED", "decline", "authority:checker", "a reason", "DECLINED", "TradeDocument.Declined"),
    ("FILED|CERTIFIED", "open_to", "filer", "one more reader", "=", "TradeDocument.Opened"),
    ("FILED|CERTIFIED", "withdraw_document", "filer:checker", "-", "WITHDRAWN",
     "TradeDocument.Withdrawn"),
)  # fmt: skip

RECORD = (
    ("-", "draft", "issuer:maker", "a transferable type, a register reference used once [10]",
     "DRAFT", "Record.Drafted"),
    ("DRAFT", "issue", "issuer:checker", "another person than the maker", "ISSUED",
     "Record.Issued"),
    ("DRAFT", "cancel", "issuer", "not issued yet", "VOID", "Record.Voided"),
    ("ISSUED|TRANSFERRED", "transfer", "controller",
     "t of n controllers agree; an order record is endorsed [11, 15]", "TRANSFERRED",
     "Record.Transferred"),
    ("ISSUED|TRANSFERRED", "ask", "controller", "t of n agree: to amend, split or go to paper", "=",
     "Record.Asked"),
    ("ISSUED|TRANSFERRED", "refuse", "issuer", "something is asked", "=", "Record.RequestRefused"),
    ("ISSUED|TRANSFERRED", "amend", "issuer:checker", "asked for; shown as amended [16]", "=",
     "Record.Amended"),
    ("ISSUED|TRANSFERRED", "split", "issuer:checker", "asked for; the parts add up", "SPLIT",
     "Record.Split"),
    ("ISSUED|TRANSFERRED", "switch_to_paper", "issuer:checker",
     "asked for; the paper says that it replaces this record, which ceases [18]",
     "SWITCHED_TO_PAPER", "Record.SwitchedToPaper"),
    ("SWITCHED_TO_PAPER", "replace_paper", "issuer:checker",
     "the paper is given up and void; a new record takes its place [17]", "REPLACED",
     "Record.PaperReplaced"),
    ("ISSUED|TRANSFERRED", "surrender", "controller", "t of n agree; to the issuer", "SURRENDERED",
     "Record.Surrendered"),
    ("ISSUED|TRANSFERRED", "exchange_hold", "@exchange",
     "its giver is the one controller; nothing is asked", "IN_EXCHANGE", "Record.Held"),
    ("IN_EXCHANGE", "exchange_move", "@exchange", "for the exchange that holds it: the taker controls it",
     "TRANSFERRED", "Record.Transferred"),
    ("IN_EXCHANGE", "exchange_free", "@exchange", "for the exchange that holds it", "TRANSFERRED",
     "Record.Freed"),
    ("SURRENDERED", "give_back", "issuer:checker", "not performed", "TRANSFERRED",
     "Record.GivenBack"),
    ("SURRENDERED", "accomplish", "issuer:checker", "performed: the goods are delivered",
     "ACCOMPLISHED", "Record.Accomplished"),
)  # fmt: skip

QUERY = (
    ("-", "ask", "requester:maker", "consent or mandate for this purpose", "GRANTED",
     "Query.Granted"),
    ("-", "ask", "requester:maker", "neither: the refusal itself is on record", "REFUSED",
     "Query.Refused"),
    ("GRANTED", "answer", "provider:checker", "consent still holds", "ANSWERED", "Query.Answered"),
    ("GRANTED", "decline", "provider:checker", "a reason", "DECLINED", "Query.Declined"),
    ("GRANTED", "lapse", "anyone", "the consent has ended unanswered", "LAPSED", "Query.Lapsed"),
)  # fmt: skip
