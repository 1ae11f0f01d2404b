"""CITY-4nnn: contracts: check, run, gas."""

from node.errors.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "CITY-4050",
        "ENGINE_NOT_STARTED",
        "unavailable",
        "The contract engine cannot run here: {reason}.",
        "Contracts run in a locked WebAssembly worker with a native crypto library; a node that cannot "
        "lock it, or lacks the library, would run them unsafely or not like the others.",
        "See city node status. On a system without seccomp, set engine.sandbox to best-effort for "
        "development only.",
        "合约引擎无法在此运行：{reason}。",
        "合约在带原生密码库的受限 WebAssembly 进程中运行；无法加锁或缺少密码库时不安全或不一致。",
        "请运行 city node status；无 seccomp 的系统仅限开发时可设 engine.sandbox 为 best-effort。",
    ),
    Entry(
        "CITY-4001",
        "CONTRACT_REFUSED",
        "rejected",
        "{contract}.{method} refused: {reason} {detail}",
        "The contract's own rule was not met; nothing was changed.",
        "read what the code means: city explain {reason}; the contract's calls: city contract show {contract}",
        "{contract}.{method} 拒绝：{reason} {detail}",
        "未满足合约自身的规则；没有任何改变。",
        "查看代码含义：city explain {reason}；合约的方法：city contract show {contract}",
    ),
    Entry(
        "CITY-4002",
        "OUT_OF_GAS",
        "rejected",
        "{contract}.{method} used up its gas limit of {gas_limit}",
        "Each call is bounded by the limit that its signer set; nothing was changed.",
        "simulate the call and set twice what it used",
        "{contract}.{method} 用尽了 {gas_limit} 的燃料上限",
        "每次调用受签名者设定的上限约束；没有任何改变。",
        "先模拟调用，再设为所用量的两倍",
    ),
    Entry(
        "CITY-4003",
        "CONTRACT_FAILED",
        "rejected",
        "{contract}.{method} failed in the engine: {reason} {detail}",
        "The engine stopped the call, on every node alike; nothing was changed.",
        "check the arguments; if they are right, report it to the contract's author",
        "{contract}.{method} 在引擎中失败：{reason} {detail}",
        "引擎在所有节点上一致地中止了调用；没有任何改变。",
        "检查参数；若无误，请报告合约作者",
    ),
    Entry(
        "CITY-4010",
        "SOURCE_NOT_HERE",
        "not-found",
        "this installation does not hold the source of {contract}",
        "The channel runs the bundle with digest {digest}; what lies here is another one or none.",
        "install the release that the channel was made from",
        "本安装不含合约 {contract} 的源码",
        "通道运行的合约包摘要为 {digest}；本地的不同或不存在。",
        "请安装创建该通道的版本",
    ),
    Entry(
        "CITY-4004",
        "CALL_MALFORMED",
        "usage",
        "{contract}.{method} cannot be called like this: {detail}",
        "The call names a method or arguments that the contract does not have ({reason}); nothing was changed.",
        "list its calls and their arguments: city contract show {contract}; numbers are written name:=1",
        "无法这样调用 {contract}.{method}：{detail}",
        "调用的方法或参数与合约不符（{reason}）；没有任何改变。",
        "查看其方法与参数：city contract show {contract}；数字写作 名称:=1",
    ),
)
