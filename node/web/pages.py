"""HTML of the status page. Every text passes through `escape`; no script, and nothing from elsewhere."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b2733}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}a{color:#0b5cad}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem .3rem 0;
border-bottom:1px solid #dde3ea;vertical-align:top;overflow-wrap:anywhere}th{white-space:nowrap}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{background:#f4f6f8;padding:1rem;overflow-x:auto}
.foot{margin-top:2.5rem;color:#5b6b7b;font-size:13px}.ok{color:#14713d}.wait{color:#a33}
"""

# Names of the status's fields in both languages; a field without one is shown under its own name.
LABELS = {
    "name": "Node 节点",
    "channel": "Channel 通道",
    "channel_id": "Channel id 通道标识",
    "height": "Height 高度",
    "applied_height": "Executed 已执行",
    "block_time_ms": "Block time 区块时间",
    "time_ms": "Clock 时钟",
    "state": "State 状态",
    "ready": "Ready 就绪",
    "role": "Role 角色",
    "view": "View 视图",
    "view_active": "View active 视图生效",
    "view_since_ms": "View since 视图开始",
    "leader": "Leader 主节点",
    "peers": "Peers 对端",
    "validators": "Validators 验证节点",
    "quorum": "Quorum 法定数",
    "consensus": "Consensus 共识",
    "trust": "Trust 信任假设",
    "faults_tolerated": "Faults tolerated 可容错数",
    "waiting": "Waiting 等待中",
    "pool": "Pool 交易池",
    "pool_bytes": "Pool bytes 交易池字节",
    "violations": "Violations 违规",
    "reason": "Reason 原因",
    "state_root": "State root 状态根",
    "receipts_root": "Receipts root 回执根",
    "block_hash": "Block hash 区块哈希",
    "engine": "Engine 引擎",
    "sandbox": "Engine sandbox 引擎沙箱",
    "crypto": "Cryptography 密码",
    "transactions": "Transactions 交易",
    "timestamp_ms": "Time 时间",
    "tx_id": "Transaction 交易",
    "index": "Position 序号",
    "header": "Header 区块头",
    "certificate": "Certificate 证书",
    "call": "Call 调用",
    "receipt": "Receipt 回执",
    "public_key": "Public key 公钥",
    "signature": "Signature 签名",
    "code": "Code 代码",
    "message": "What happened 情况",
    "why": "Why 原因",
    "do": "Next step 下一步",
}


def status_page(status: Mapping[str, Any], blocks: list[dict[str, Any]]) -> str:
    rows = [
        (
            _link(f"/blocks/{block['height']}", str(block["height"])),
            escape(_time(block["timestamp_ms"])),
            escape(str(block["transactions"])),
            f"<code>{escape(block['block_hash'])}</code>",
        )
        for block in reversed(blocks)
    ]
    header = tuple(LABELS[k] for k in ("height", "timestamp_ms", "transactions", "block_hash"))
    body = _facts(status) + "<h2>Blocks 区块</h2>" + _table(header, rows)
    title = f"{status.get('name', 'City node')} · {status.get('channel', '')}"
    return _page(title, body, "/", "/api/v1/status", "city node status", refresh_s=5)


def block_page(block: Mapping[str, Any]) -> str:
    height = block["height"]
    rows = [(_link(f"/transactions/{id_}", id_),) for id_ in block["tx_ids"]]
    body = _facts({k: v for k, v in block.items() if k != "tx_ids"})
    if rows:
        body += _table((LABELS["tx_id"],), rows)
    path = f"/blocks/{height}"
    return _page(f"Block 区块 {height}", body, path, f"/api/v1{path}", f"city block show {height}")


def transaction_page(view: Mapping[str, Any]) -> str:
    path = f"/transactions/{view['tx_id']}"
    command = f"city tx show {view['tx_id']}"
    return _page(
        f"Transaction 交易 {view['tx_id'][:16]}…", _facts(view), path, f"/api/v1{path}", command
    )


def error_page(error: Mapping[str, Any], path: str) -> str:
    shown = {k: error[k] for k in ("message", "why", "do")}
    title = f"{error['code']} {error['name']}"
    return _page(title, _facts(shown), path, "/api/v1/status", f"city explain {error['code']}")


def _page(
    title: str, body: str, permalink: str, json_path: str, command: str, refresh_s: int = 0
) -> str:
    refresh = f'<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'{refresh}<title>{escape(title)}</title><link rel="stylesheet" href="/style.css"></head>'
        f"<body><p>{_link('/', 'Citychain')}</p><h1>{escape(title)}</h1>{body}"
        f'<p class="foot">Permalink 永久链接 {_link(permalink, permalink)} · '
        f"JSON {_link(json_path, json_path)} · CLI 命令行 <code>{escape(command)}</code></p>"
        "</body></html>"
    )


def _facts(facts: Mapping[str, Any]) -> str:
    rows = [(escape(LABELS.get(key, key)), _value(key, value)) for key, value in facts.items()]
    return _table((), rows)


def _value(key: str, value: Any) -> str:
    if key.endswith("_ms") and isinstance(value, int):
        return escape(_time(value))
    if key == "height" and isinstance(value, int):
        return _link(f"/blocks/{value}", str(value))
    if isinstance(value, bool):
        word, style = ("yes 是", "ok") if value else ("no 否", "wait")
        return f'<span class="{style}">{word}</span>'
    if isinstance(value, Mapping | list):
        return f"<pre>{escape(json.dumps(value, ensure_ascii=False, indent=1))}</pre>"
    return escape("" if value is None else str(value))


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of cells that are HTML already."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(quote(path, safe="/?=&"))}">{escape(text)}</a>'


def _time(ms: int) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return str(ms)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
