"""Reading a message: hostile until it has passed. Parsing without entities or network, then the usage rules.

The service in the header says under which year's rules a message was written; that rules file complains of an
older service by name, which is no fault where the older service chose it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cbpr_rules
from lxml import etree

from node.errors import CityError

BYTES_MAX = 256 * 1024
YEARS = {"swift.cbprplus.02": 2025, "swift.cbprplus.03": 2026}
SERVICE_RULE = "Business_Service_Usage"
KINDS = (
    "camt.052", "camt.054", "pacs.002", "pacs.004", "pacs.008", "pacs.009", "pain.001",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """kind: `pacs.008`; definition: `pacs.008.001.08`. root: the Document element."""

    kind: str
    definition: str
    message_id: str
    service: str
    root: Any

    def text(self, path: str) -> str:
        """Text at a path of local names below the document (`GrpHdr/MsgId`), "" for none."""
        found = find(self.root, path)
        return "" if found is None else (found.text or "").strip()


def find(element: Any, path: str) -> Any:
    """The first element at a path of local names, at any depth for the first of them; None for none."""
    steps = "/".join(f"*[local-name()='{name}']" for name in path.split("/"))
    found = element.xpath(f".//{steps}")
    return found[0] if found else None


def find_all(element: Any, path: str) -> list[Any]:
    steps = "/".join(f"*[local-name()='{name}']" for name in path.split("/"))
    return list(element.xpath(f".//{steps}"))


def read_message(data: bytes) -> Message:
    """A message that holds. Raises CityError: CITY-7020 (no such message), CITY-7021 (a usage rule)."""
    if len(data) > BYTES_MAX:
        raise CityError("CITY-7020", detail="longer than 256 KiB")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        data.decode("utf-8")
        envelope = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise CityError("CITY-7020", detail=str(error)[:200]) from error
    written = envelope.getroottree().docinfo
    if written.doctype:
        raise CityError("CITY-7020", detail="a document type is not taken")
    if (written.encoding or "UTF-8").upper() != "UTF-8":
        raise CityError("CITY-7020", detail=f"it is written in {written.encoding}, not in UTF-8")
    header, document = find(envelope, "AppHdr"), find(envelope, "Document")
    if header is None or document is None:
        raise CityError("CITY-7020", detail="no header, or no document")
    definition = _text(header, "MsgDefIdr")
    namespace = etree.QName(document).namespace or ""
    kind = ".".join(namespace.rpartition(":")[2].split(".")[:2])
    service = _text(header, "BizSvc")
    if kind not in KINDS or service not in YEARS:
        raise CityError("CITY-7020", detail=f"{kind or 'no'} message of service {service!r}")
    check_rules(data, YEARS[service])
    return Message(kind, definition, _text(header, "BizMsgIdr"), service, document)


def check_rules(data: bytes, year: int) -> None:
    """The usage rules of a year. Raises CityError CITY-7021 with the first rule that is broken."""
    found = cbpr_rules.validate_string(data.decode("utf-8"), year=year)
    broken = [v for v in found["violations"] if SERVICE_RULE not in v["name"]]
    if broken:
        first = broken[0]
        detail = f"line {first['line']}: {first['detail']}"[:200]
        raise CityError("CITY-7021", rule=first["rule_number"], detail=detail)


def _text(element: Any, path: str) -> str:
    found = find(element, path)
    return "" if found is None else (found.text or "").strip()
