"""Facts and numbers of a committee of seven: what the contract takes, what it refuses, and who is slashed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consensus.encoding import encode
from consensus.oracle_report import FactPayload, Observation, config_digest, observation_digest
from deploy.regcenter.client import Wallet
from deploy.regcenter.hashing import sm3
from node.errors import CityError
from node.oracle.committee import fact_report, number_report
from node.oracle.journal import Journal
from node.oracle.service import load_service, service_names
from tests.unit.oracle.committee_world import Committee, committee_chain, signers
from tests.unit.suite.center_world import Money

CUSTOMS, DECLARATION = "customs", "530120260001234567"


@pytest.fixture
def committee() -> Committee:
    found = Committee(committee_chain())
    assert found.configure() == config_digest(sm3, found.config)
    found.define(CUSTOMS, "fact")
    found.define(
        "fx", "number", max_age_ms=60_000, heartbeat_ms=3_600_000, deviation_bps=25,
        low=600_000_000, high=800_000_000,
    )  # fmt: skip
    return found


async def fact(
    committee: Committee, value: str = "CLEARED", at: tuple[int, int] = (1, 1)
) -> dict[str, Any]:
    committee.values = [value] * 7
    return await fact_report(committee.oracles, CUSTOMS, DECLARATION, at)


def told(committee: Committee, method: str, report: dict[str, Any], code: str = "") -> Any:
    if code:
        return committee.chain.refused(code, "LG", "oracle", method, **report)
    return committee.chain.ok("LG", "oracle", method, **report)


def answer(committee: Committee, **changes: Any) -> dict[str, Any]:
    args = {"feed": CUSTOMS, "subject": DECLARATION, **changes}
    return dict(committee.chain.ok("LG", "oracle", "fact", **args))


async def test_five_equal_words_of_seven_make_a_fact_and_four_do_not(committee: Committee) -> None:
    assert answer(committee)["status"] == "hold"
    committee.values = ["CLEARED"] * 5 + ["HELD", None]
    report = await fact_report(committee.oracles, CUSTOMS, DECLARATION, (1, 1))
    assert report["signers"] == [0, 1, 2, 3, 4]
    four = {**report, "signers": report["signers"][:4], "signatures": report["signatures"][:4]}
    told(committee, "report_fact", four, "E_ORACLE_QUORUM")
    assert told(committee, "report_fact", report) == "CLEARED"
    assert answer(committee) == {
        "status": "ok", "value": "CLEARED", "observed_ms": committee.chain.now_ms,
    }  # fmt: skip
    committee.values = ["CLEARED"] * 4 + ["HELD"] * 3
    with pytest.raises(CityError, match="CITY-7006"):
        await fact_report(committee.oracles, CUSTOMS, DECLARATION, (1, 2))


async def test_a_fact_that_is_too_old_holds_and_never_counts_as_the_last_known(
    committee: Committee,
) -> None:
    told(committee, "report_fact", await fact(committee))
    committee.chain.now_ms += 60_001
    assert answer(committee) == {"status": "hold", "value": "", "observed_ms": 0}
    told(committee, "report_fact", await fact(committee, at=(1, 2)))
    assert answer(committee)["status"] == "ok"
    committee.chain.now_ms += 10
    assert answer(committee, max_age_ms=9)["status"] == "hold"


async def test_every_wrong_report_is_refused_with_its_code(committee: Committee) -> None:
    good = await fact(committee)
    swapped = [good["signatures"][1], good["signatures"][0], *good["signatures"][2:]]
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("E_ORACLE_DIGEST", {"digest": bytes(32)}),
        ("E_ORACLE_UNAUTHORISED", {"signers": [0, 1, 2, 3, 4, 5, 7]}),
        ("E_ORACLE_REPEATED", {"signers": [0, 1, 2, 3, 4, 5, 5]}),
        ("E_ORACLE_SIGNATURE", {"signatures": swapped}),
        ("E_ORACLE_SIGNATURE", {"signatures": good["signatures"][:-1]}),
        ("E_ORACLE_SIGNATURE", {"value": "HELD"}),
        ("E_ORACLE_SIGNATURE", {"round": 2}),
        ("E_ORACLE_SIGNATURE", {"subject": "530120260001234568"}),
        ("E_ORACLE_FEED", {"feed": "fx"}),
        ("E_ORACLE_FEED", {"feed": "unknown"}),
    ]
    for code, change in wrong:
        told(committee, "report_fact", {**good, **change}, code)
    fresh = Committee(committee.chain, keys=committee.signers)
    told(committee, "report_fact", await fact(fresh, at=(1, 0)), "E_ORACLE_STALE")
    told(committee, "report_fact", good)
    told(committee, "report_fact", good, "E_ORACLE_STALE")
    newer = await fact(committee, at=(2, 5))
    told(committee, "report_fact", newer)
    again = Committee(committee.chain, keys=committee.signers)
    told(committee, "report_fact", await fact(again, at=(2, 4)), "E_ORACLE_STALE")
    late = await fact(again, at=(2, 6))
    committee.chain.now_ms += 60_001
    told(committee, "report_fact", late, "E_ORACLE_STALE")


async def test_a_change_of_keys_voids_what_is_under_way(committee: Committee) -> None:
    under_way = await fact(committee)
    following = Committee(committee.chain, number=2)
    following.configure()
    told(committee, "report_fact", under_way, "E_ORACLE_DIGEST")
    told(committee, "report_fact", await fact(following))
    for role in ("maker", "admin"):
        committee.chain.refused(
            "E_ROLE", "QB", "oracle", "configure", role, names=["a"] * 7, keys=[], f=2,
            custodian="QB",
        )  # fmt: skip


@pytest.mark.parametrize("f,count,repeat", [(2, 6, False), (0, 7, False), (2, 7, True)])
def test_a_committee_that_cannot_stand_its_liars_is_refused(
    f: int, count: int, repeat: bool
) -> None:
    chain, keys = committee_chain(), [s.public_key for s in signers(count)]
    chain.refused("E_ORACLE_NONE", "LG", "oracle", "status")
    if repeat:
        keys[1] = keys[0]
    chain.refused(
        "E_ORACLE_CONFIG", "PBC", "oracle", "configure", "regulator",
        names=[str(i) for i in range(count)], keys=keys, f=f, custodian="QB",
    )  # fmt: skip


async def numbers(committee: Committee, values: list[Any], round_: int) -> dict[str, Any]:
    committee.values = values
    return await number_report(committee.oracles, "fx", (1, round_))


async def test_the_median_counts_inside_its_bounds_and_two_liars_move_nothing(
    committee: Committee,
) -> None:
    rate = 717_000_000
    report = await numbers(committee, [rate, rate + 1, rate + 2, rate + 3, rate + 4, 1, 10**12], 1)
    assert told(committee, "report_number", report) == rate + 2
    high = await numbers(committee, [900_000_000] * 7, 2)
    told(committee, "report_number", high, "E_ORACLE_BOUNDS")
    near = await numbers(committee, [rate + 100] * 7, 3)
    told(committee, "report_number", near, "E_ORACLE_EARLY")
    moved = await numbers(committee, [rate + rate // 400 + 5] * 7, 4)  # 25 basis points
    told(committee, "report_number", moved)
    committee.chain.now_ms += 3_600_000
    beat = await numbers(committee, [rate + rate // 400 + 6] * 7, 5)
    told(committee, "report_number", beat)
    committee.chain.now_ms += 3_600_001
    assert committee.chain.ok("LG", "oracle", "number", feed="fx")["status"] == "hold"


async def test_four_numbers_are_no_quorum(committee: Committee) -> None:
    report = await numbers(committee, [700_000_000] * 5 + [None] * 2, 1)
    four = {
        name: part[:4] if name in ("signers", "signatures", "values", "observed_ms") else part
        for name, part in report.items()
    }
    told(committee, "report_number", four, "E_ORACLE_QUORUM")
    told(committee, "report_number", {**report, "values": report["values"][:4]},
         "E_ORACLE_SIGNATURE")  # fmt: skip


def signed(committee: Committee, index: int, value: str) -> tuple[bytes, bytes]:
    payload = encode(FactPayload(value, committee.chain.now_ms))
    digest = config_digest(sm3, committee.config)
    topic = f"{CUSTOMS}/{DECLARATION}"
    said = Observation(committee.config.channel_id, topic, digest, 1, 9, payload)
    return payload, committee.signers[index].sign(observation_digest(sm3, said))


async def test_who_says_two_things_in_one_round_loses_its_bond_and_its_voice(
    committee: Committee, tmp_path: Path
) -> None:
    chain = committee.chain
    money = Money(tmp_path / "center", lambda: chain.now_ms)
    chain.ok("PBC", "dcep", "register_log", "regulator", root_key=money.center.root_key)
    custodian, oracle = Wallet.generate(), Wallet.generate()
    chain.bind("QB", custodian)
    reference = chain.ok(
        "LG", "oracle", "prepare_bond", name="oracle-3", amount_fen=10_000_000, salt=bytes(16)
    )
    paid = money.pay(oracle, custodian.address, 10_000_000, reference)
    bond = {"name": "oracle-3", "proof": money.proof_bytes(oracle, paid.txid)}
    assert chain.ok("LG", "oracle", "post_bond", **bond) == 10_000_000
    chain.refused("E_NO_REFERENCE", "LG", "oracle", "post_bond", **bond)
    two = [signed(committee, 3, value) for value in ("CLEARED", "HELD")]
    fault = {
        "topic": f"{CUSTOMS}/{DECLARATION}", "epoch": 1, "round": 9, "signer": 3,
        "payloads": [p for p, _ in two], "signatures": [s for _, s in two],
    }  # fmt: skip
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("E_ORACLE_NO_FAULT", {"payloads": [two[0][0]] * 2}),
        ("E_ORACLE_SIGNATURE", {"signatures": [two[0][1]] * 2}),
        ("E_ORACLE_SIGNATURE", {"signer": 2}),
        ("E_ORACLE_SIGNATURE", {"round": 8}),
        ("E_ORACLE_UNAUTHORISED", {"signer": 7}),
    ]
    for code, change in wrong:
        chain.refused(code, "HL", "oracle", "report_misbehaviour", **{**fault, **change})
    assert chain.ok("HL", "oracle", "report_misbehaviour", **fault) == 10_000_000
    chain.refused("E_DUPLICATE", "HL", "oracle", "report_misbehaviour", **fault)
    row = chain.ok("LG", "oracle", "status")["oracles"][3]
    assert (row["bond_fen"], row["slashed"]) == (0, True)
    told(committee, "report_fact", await fact(committee), "E_ORACLE_UNAUTHORISED")
    committee.values[3] = None
    told(committee, "report_fact",
         await fact_report(committee.oracles, CUSTOMS, DECLARATION, (1, 2)))  # fmt: skip


async def test_an_oracle_signs_one_thing_a_round_also_after_a_restart(
    committee: Committee, tmp_path: Path
) -> None:
    topic, path = f"{CUSTOMS}/{DECLARATION}", tmp_path / "signed"
    committee.values[0] = "CLEARED"
    first = await committee.oracle(0, path).observe(topic, 1, 4)
    with path.open("ab") as file:
        file.write(b'{"topic": "cut sh')
    committee.values[0] = "HELD"
    again = committee.oracle(0, path)
    assert (await again.observe(topic, 1, 4)).payload == first.payload
    with pytest.raises(CityError, match="CITY-7011"):
        await again.observe(topic, 1, 3)
    assert (await again.observe(topic, 1, 5)).payload != first.payload


def test_a_journal_that_something_else_wrote_to_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"[1]\n")
    with pytest.raises(CityError, match="CITY-7010"):
        list(Journal(path))


# ---- services ------------------------------------------------------------------------------------


def test_every_service_definition_is_one() -> None:
    assert set(service_names()) == {
        "payment-status", "customs-release", "tax-form-status", "court-order", "fx-mid",
    }  # fmt: skip
    for name in service_names():
        found = load_service(name)
        assert found.name == name and len(found.digest) == 32
    with pytest.raises(CityError, match="CITY-7008"):
        load_service("../secrets")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"pair": "CNY/HKD"}',
        b'{"pair": "CNY/HKD", "rate_e8": 1.5, "source": "x"}',
        b'{"pair": "CNY/HKD", "rate_e8": NaN, "source": "x"}',
        b'{"pair": "CNY/HKD", "rate_e8": 0, "source": "x"}',
        b'{"pair": "cny/hkd", "rate_e8": 1, "source": "x"}',
        b'{"pair": "CNY/HKD", "rate_e8": 1, "rate_e8": 2, "source": "x"}',
        b'{"pair": "CNY/HKD", "rate_e8": 1, "source": "x", "more": 1}',
        b'{"a":' * 5000,
        b'"' + b"x" * 70_000 + b'"',
    ],
)
def test_a_malformed_answer_is_no_answer(answer: bytes) -> None:
    with pytest.raises(CityError, match="CITY-7007"):
        load_service("fx-mid").read_answer(answer)


@pytest.mark.parametrize(
    "name,good,bad",
    [
        ("customs-release", {"declaration": "5" * 18, "state": "CLEARED"}, {"state": "GONE"}),
        ("tax-form-status", {"form": "TF-2026-000001", "state": "USED"}, {"remaining_minor": 5}),
        (
            "court-order",
            {"order": "SZ-1", "state": "IN_FORCE", "kind": "FREEZE"},
            {"kind": "ARREST"},
        ),
    ],
)
def test_each_attested_fact_has_its_schema(
    name: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    service = load_service(name)
    assert service.kind == "fact" and service.read_answer(json.dumps(good).encode()) == good
    for broken in ({**good, **bad}, {**good, "more": 1}, {"state": good["state"]}):
        with pytest.raises(CityError, match="CITY-7007"):
            service.read_answer(json.dumps(broken).encode())


def test_a_good_answer_is_read_and_a_strange_question_is_not_asked() -> None:
    service = load_service("fx-mid")
    assert service.read_answer(b'{"pair": "CNY/HKD", "rate_e8": 1, "source": "x"}')["rate_e8"] == 1
    service.check_question({"pair": "CNY/HKD"})
    with pytest.raises(CityError, match="CITY-7007"):
        service.check_question({"pair": "CNY/HKD", "shell": "rm"})


async def test_both_engines_say_the_same_of_reports(committee: Committee) -> None:
    wasm = committee_chain("wasm")
    wasm.state.update(committee.chain.state)
    wasm.now_ms, wasm.height = committee.chain.now_ms, committee.chain.height
    good = await fact(committee)
    for report in (replace_signers(good), {**good, "value": "HELD"}, good, good):
        native = committee.chain.call("LG", "oracle", "report_fact", **report)
        assert wasm.call("LG", "oracle", "report_fact", **report) == native


def replace_signers(report: dict[str, Any]) -> dict[str, Any]:
    return {**report, "signers": report["signers"][:4], "signatures": report["signatures"][:4]}
