"""CITY-7nnn: oracle, payment proof, registration center."""

from node.errors.entry import Entry

# 7000-7049: payment proofs and the relay that carries them (node/oracle).
PAYMENT: tuple[Entry, ...] = (
    Entry(
        code="CITY-7001",
        name="CENTER_UNREACHABLE",
        kind="unavailable",
        message="the registration center at {url} does not answer: {detail}",
        why="it is not running, or the address or the network is wrong",
        do="check that it runs and that the address is the one in its endpoint.json, then try again",
        message_zh="登记中心 {url} 没有应答:{detail}",
        why_zh="登记中心未运行,或地址、网络有误",
        do_zh="确认登记中心在运行,且地址与其 endpoint.json 一致,然后重试",
    ),
    Entry(
        code="CITY-7002",
        name="CENTER_REFUSED",
        kind="rejected",
        message="the registration center refused: {reason}, {detail}",
        why="only payer, payee or their delegate may ask for a proof, and only of a payment it has accepted",
        do="ask with the wallet key of payer or payee, and check the payment's id and output",
        message_zh="登记中心拒绝:{reason},{detail}",
        why_zh="只有付款人、收款人或其代理才能索取证明,且付款须已被登记中心受理",
        do_zh="使用付款人或收款人的钱包密钥,并核对付款编号和输出序号",
    ),
    Entry(
        code="CITY-7003",
        name="PAYMENT_PROOF_INVALID",
        kind="rejected",
        message="the payment proof does not hold: {reason}, {detail}",
        why="it was checked here before anything was sent to the channel, in the contract's own order",
        do="ask for a fresh proof; if it fails again, report the code to the registration center",
        message_zh="付款证明不成立:{reason},{detail}",
        why_zh="在提交到通道之前,已在本地按合约的检查顺序核验",
        do_zh="重新索取证明;若仍失败,请将代码报告给登记中心",
    ),
    Entry(
        code="CITY-7004",
        name="CENTER_ANSWER_MALFORMED",
        kind="rejected",
        message="the answer of {url} is not that of a registration center: {detail}",
        why="another program listens there, or something between changed the answer",
        do="check the address; compare the log id with the one that the channel has registered",
        message_zh="{url} 的应答不是登记中心的应答:{detail}",
        why_zh="该地址上可能是别的程序,或应答在途中被改动",
        do_zh="检查地址,并与通道中已登记的日志编号核对",
    ),
    Entry(
        code="CITY-7005",
        name="PAYMENT_PROOF_OVERTAKEN",
        kind="conflict",
        message="the payment proof was overtaken {attempts} times by newer tree heads: {reason}",
        why="other payments moved the channel's last known head while this proof was on its way",
        do="try again; nothing was changed and the payment can still be proven",
        message_zh="付款证明被更新的树头超过 {attempts} 次:{reason}",
        why_zh="在此证明提交期间,其他付款推进了通道已知的最新树头",
        do_zh="请重试;状态未被改动,该付款仍可证明",
    ),
)

ENTRIES: tuple[Entry, ...] = PAYMENT
