"""An evidence bundle as pages a person can read: what `verify_evidence` found in it, and how to check that.

The pages prove nothing; the bundle does. They carry its digest, printed and as a QR code, so that a page and
a file can be told to belong together. Text is set in STSong-Light, a font for Chinese that PDF readers bring.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import segno

FONT = "STSong-Light"
MARGIN_MM, QR_MM = 16, 30
VALUE_CHARS_MAX = 600
CHECKS = (
    "How to check: city evidence verify FILE --channel-id ID, on any machine, without a network.",
    "核验方法：在任意一台机器上离线运行 city evidence verify 文件 --channel-id 通道标识。",
)


def digest_of(bundle: bytes) -> str:
    """What the pages print and the QR code says: SHA-256 of the file, so that sha256sum tells it too."""
    return "sha256:" + hashlib.sha256(bundle).hexdigest()


def evidence_pdf(view: Mapping[str, Any], bundle: bytes) -> bytes:
    """The pages. view: what `verify_evidence` (node/proofs/reading.py) gave for `bundle`, and no more."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import SimpleDocTemplate

    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out, digest = io.BytesIO(), digest_of(bundle)
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        title=f"Evidence on {view['subject']}",
        subject=digest,
        author=f"channel {view['channel_id']}",
        invariant=1,  # the same bundle gives the same bytes
        **dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), MARGIN_MM * mm),
    )

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.drawString(MARGIN_MM * mm, 9 * mm, digest)
        canvas.drawRightString(A4[0] - MARGIN_MM * mm, 9 * mm, f"{page.page}")

    document.build(_story(view, bundle, digest), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _story(view: Mapping[str, Any], bundle: bytes, digest: str) -> list[Any]:
    head: tuple[str, ...]
    from reportlab.lib.units import mm
    from reportlab.platypus import Image, Spacer

    code = io.BytesIO()
    segno.make(digest, error="m").save(code, kind="png", scale=6, border=2)
    code.seek(0)
    facts = [
        ("Channel 通道", f"{view['channel']} {view['channel_id']}"),
        ("Sealed by 签封", f"at least {view['quorum']} of {view['validators']} validators"),
        ("Bundle 证据包", f"{len(bundle):,} bytes, {digest}"),
    ]
    story = [
        _text(f"Evidence on {view['subject']}", 15),
        _text("证据 · every line below was checked against the bundle", 9),
        Spacer(1, 3 * mm),
        _table([28, 150], ("", ""), facts),
        Image(code, QR_MM * mm, QR_MM * mm, hAlign="LEFT"),
        *(_text(line, 8) for line in CHECKS),
    ]
    if view["transactions"]:
        head = (
            "Block 区块",
            "Time UTC 时间",
            "Call 调用",
            "Sender 发送方",
            "Outcome 结果",
            "Transaction 交易",
        )
        story += [
            Spacer(1, 4 * mm),
            _text(f"Transactions 交易 ({len(view['transactions'])})", 11),
            _table([17, 30, 42, 27, 25, 37], head, list(map(_transaction, view["transactions"]))),
        ]
    if view["states"]:
        head = ("After block 区块后", "Object 对象", "Value 值")
        story += [
            Spacer(1, 4 * mm),
            _text("States 状态", 11),
            _table([24, 48, 106], head, list(map(_state, view["states"]))),
        ]
    if view["payments"]:
        head = ("Amount 金额", "Time UTC 时间", "Coin 币", "Accepted in 交易")
        story += [
            Spacer(1, 4 * mm),
            _text("Payments 付款", 11),
            _table([36, 34, 60, 48], head, list(map(_payment, view["payments"]))),
        ]
    return story


def _text(text: str, size: int) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        f"s{size}", fontName=FONT, fontSize=size, leading=size * 1.4, wordWrap="CJK"
    )
    return Paragraph(escape("".join(c if c.isprintable() else "\ufffd" for c in text)), style)


def _table(widths_mm: Sequence[int], head: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """Rows that run over pages, the head again on each. A head of no words is none."""
    from reportlab.lib import colors
    from reportlab.lib.units import mm
    from reportlab.platypus import Table, TableStyle

    has_head = any(head)
    lines = [head, *rows] if has_head else list(rows)
    cells = [[_text(cell, 8) for cell in line] for line in lines]
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey),
        *([("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black)] if has_head else []),
    ]
    table = Table(cells, [width * mm for width in widths_mm], repeatRows=1 if has_head else 0)
    table.setStyle(TableStyle(style))
    return table


def _time(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # a year that no calendar here has
        return f"{ms} ms"


def _transaction(tx: Mapping[str, Any]) -> tuple[str, ...]:
    outcome = f"{tx['outcome']} {tx['code']}".strip()
    place, when = f"{tx['height']}/{tx['index']}", _time(tx["block_time_ms"])
    return place, when, tx["call"], tx["sender"], outcome, tx["tx_id"]


def _state(state: Mapping[str, Any]) -> tuple[str, str, str]:
    value = "absent 无"
    if state["present"]:
        value = json.dumps(state["value"], ensure_ascii=False)
    if len(value) > VALUE_CHARS_MAX:
        value = value[:VALUE_CHARS_MAX] + "… (all of it: city evidence verify FILE -o json)"
    return str(state["height"]), state["object"], value


def _payment(payment: Mapping[str, Any]) -> tuple[str, ...]:
    amount = f"{payment['amount_fen']:,} fen {payment['ccy']}"
    coin = f"{payment['txid']}:{payment['output']}"
    return amount, _time(payment["time_ms"]), coin, payment["accepted_in"]
