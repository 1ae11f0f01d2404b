"""Sealed records: who has a copy, who may pass it on, how long it is kept, and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.runtime import keys as state_keys
from contracts.runtime import values
from contracts.tables import TABLES
from node.confidential.credentials import commitment
from node.confidential.sealing import Content, SealedCopy, content_of, open_copy, reseal, seal
from node.identity.suite import get_suite
from tests.unit.suite.center_world import CHANNEL, as_json
from tests.unit.suite.conftest import fresh
from tests.unit.suite.walking import Walk, allowed, cases
from tests.unit.suite.world import World, at, digest

SUITE = get_suite("sm")
KEYS = {member: SUITE.generate_key() for member in ("PX", "QB", "NB", "HKMA", "SAFE", "PBC-SZ")}
USER = {"PX": "px-maker", "QB": "qb-ops", "NB": "nb-ops", "HKMA": "hkma", "SAFE": "safe",
        "PBC-SZ": "pbc"}  # fmt: skip
ID, KEPT = "LC-1-INV", "2031-11-17"
SECRETS = {"price": "secret price 8731", "hidden field": "Hidden Buyer Ltd"}
CONTENT = content_of(ID, SECRETS, "invoice.pdf", b"%PDF secret body")
PROTOCOL = digest("destroyed on the fifth floor")
BY_RECORD = {table.record: table for table in TABLES if table.contract == "sealed_record"}


def published(world: World, *members: str, scope: str = "GENERAL") -> World:
    for member in members or ("PX", "QB", "NB", "HKMA"):
        key = KEYS[member].public_key
        world.ok(USER[member], "sealed_record.publish_key", key=key, scope=scope)
    return world


def sealing(to: tuple[str, ...] = ("PX", "QB"), content: Content = CONTENT, **changes: Any) -> Any:
    """Arguments of `seal`; the keys are the members' first."""
    schema = changes.get("schema", "PRESENTATION")
    made: SealedCopy = seal(
        content, CHANNEL, "PX", schema, [KEYS[member].public_key for member in to]
    )
    args = {
        "id": content.held.id, "schema": schema, "root": made.root, "fields": made.fields,
        "digest": made.digest, "size": len(made.ciphertext), "ciphertext": made.ciphertext,
        "keys": [f"{member}/1" for member in to], "wrapped": list(made.wrapped),
    }  # fmt: skip
    return {**args, **changes}


def sealed(world: World, **changes: Any) -> World:
    published(world)
    world.ok("px-maker", "sealed_record.seal", **sealing(**changes))
    return world


def call(world: World, who: str, move: str, **args: Any) -> Any:
    return world.ok(who, f"sealed_record.{move}", **args)


def refused(world: World, code: str, who: str, move: str, **args: Any) -> str:
    return world.refused(code, who, f"sealed_record.{move}", **args)


def opened(world: World, member: str, **args: Any) -> Content:
    found = call(world, USER[member], "open_copy", id=ID, **args)
    (copy,) = found["copies"]
    return open_copy(KEYS[member], copy["wrapped"], found["ciphertext"], found)


def grant_to(world: World, giver: str, taker: str) -> dict[str, Any]:
    found = call(world, USER[giver], "open_copy", id=ID)
    wrapped = reseal(KEYS[giver], found["copies"][0]["wrapped"], KEYS[taker].public_key)
    return {"id": ID, "key": f"{taker}/1", "wrapped": wrapped}


WALK = Walk(
    BY_RECORD["sealed_record"],
    ID,
    {
        "grant": ("px-maker", {"key": "NB/1", "wrapped": bytes(113)}),
        "hold": ("safe", {"order": digest("order")}),
        "lift_hold": ("safe", {}),
        "certify_erasure": ("nobody", {}),
    },
)
KEY_WALK = Walk(
    BY_RECORD["sealing_key"],
    "PX/1",
    {"retire_key": ("px-maker", {}), "destroy_key": ("px-checker", {"basis": PROTOCOL})},
)
DEMAND_WALK = Walk(BY_RECORD["demand"], "PRESENTATION/HKMA", {"lift_demand": ("hkma", {})})


@pytest.mark.parametrize(("state", "move"), cases(WALK))
def test_a_record_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    WALK.check_state(sealed(world), state, move)


@pytest.mark.parametrize(("state", "move"), allowed(WALK))
def test_a_record_is_moved_only_by_whom_its_table_names(
    world: World, state: str, move: str
) -> None:
    WALK.check_persons(sealed(world, to=("PX",)), state, move)


@pytest.mark.parametrize(("state", "move"), cases(KEY_WALK))
def test_a_key_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    KEY_WALK.check_state(published(world), state, move)
    if KEY_WALK.table.allows(state, move):
        KEY_WALK.check_persons(world, state, move)


@pytest.mark.parametrize(("state", "move"), cases(DEMAND_WALK))
def test_a_demand_moves_only_as_its_table_says(world: World, state: str, move: str) -> None:
    published(world)
    call(world, "hkma", "demand_copies", schema="PRESENTATION")
    DEMAND_WALK.check_state(world, state, move)
    if DEMAND_WALK.table.allows(state, move):
        DEMAND_WALK.check_persons(world, state, move)


# ---- who reads -----------------------------------------------------------------------------------


def test_recipients_open_their_copy_and_nobody_else_gets_one(world: World) -> None:
    sealed(world)
    assert opened(world, "QB") == opened(world, "PX") == CONTENT
    for who in ("nb-ops", "lg", "nobody", "safe", "hkma"):
        refused(world, "E_NOT_PARTY", who, "open_copy", id=ID)
        refused(world, "E_NOT_PARTY", who, "get", id=ID)
    assert call(world, "qb-ops", "get", id=ID)["recipients"] == ["PX", "QB"]
    shown = call(world, "lg", "status", id=ID)
    assert shown.pop("root") == CONTENT.root and "QB" not in str(shown)
    assert [row["id"] for row in call(world, "qb-ops", "list_records")] == [ID]
    assert call(world, "lg", "list_records") == []


def test_nothing_of_the_content_stands_on_the_ledger(world: World) -> None:
    sealed(world)
    sent = json.dumps(as_json(sealing())).encode()
    ledger = sent + b"".join(key + value for key, value in world.state.items())
    for secret in (
        *SECRETS,
        *SECRETS.values(),
        "%PDF",
        "invoice.pdf",
        "secret body",
        "JVBERiBzZWNy",
    ):
        assert secret.encode() not in ledger
    assert CONTENT.root in ledger


def test_a_recipient_passes_its_copy_on_and_that_is_on_record(world: World) -> None:
    sealed(world)
    refused(world, "E_NOT_PARTY", "nb-ops", "grant", id=ID, key="NB/1", wrapped=bytes(113))
    call(world, "qb-ops", "grant", **grant_to(world, "QB", "NB"))
    assert world.events == ["Sealed.Granted"]
    assert opened(world, "NB") == CONTENT
    assert call(world, "px-maker", "get", id=ID)["recipients"] == ["PX", "QB", "NB"]
    refused(world, "E_DUPLICATE", "qb-ops", "grant", id=ID, key="NB/1", wrapped=bytes(113))


def test_an_authority_opens_its_copy_against_a_receipt_that_the_owner_counts(world: World) -> None:
    sealed(world, to=("PX", "QB", "HKMA"))
    assert call(world, "hkma", "get", id=ID)["recipients"][-1] == "HKMA"
    refused(world, "E_NO_RECEIPT", "hkma", "open_copy", id=ID)
    view = {"purpose": digest("review 17"), "subject": "PX"}
    other = world.ok("hkma", "regulator.open_view", screen="case", **view)
    refused(world, "E_NO_RECEIPT", "hkma", "open_copy", id=ID, receipt=other)
    foreign = world.ok("safe", "regulator.open_view", screen="sealed", **view)
    refused(world, "E_NO_RECEIPT", "hkma", "open_copy", id=ID, receipt=foreign)
    mine = world.ok("hkma", "regulator.open_view", screen="sealed", **view)
    assert opened(world, "HKMA", receipt=mine) == CONTENT
    assert world.ok("px-maker", "regulator.looks", subject="PX") == {"HKMA": 2, "SAFE": 1}


def test_a_schema_is_for_its_authorities_and_a_demanded_copy_is_not_left_out(world: World) -> None:
    published(world, "PX", "QB", "NB", "HKMA", "SAFE", "PBC-SZ")
    refused(world, "E_AUTHORITY", "px-maker", "seal", **sealing(("PX", "PBC-SZ")))
    refused(world, "E_AUTHORITY", "pbc", "demand_copies", schema="PRESENTATION")
    refused(world, "E_NOT_PARTY", "qb-ops", "demand_copies", schema="PRESENTATION")
    call(world, "hkma", "demand_copies", schema="PRESENTATION")
    refused(world, "E_STATE", "hkma", "demand_copies", schema="PRESENTATION")
    assert "HKMA" in refused(world, "E_COPY", "px-maker", "seal", **sealing())
    asked = {"schema": "PRESENTATION", "members": ["QB"]}
    found = call(world, "px-maker", "recipients", **asked)
    assert [one["member"] for one in found["keys"]] == ["PX", "QB", "HKMA"]
    call(world, "px-maker", "seal", **sealing(("PX", "QB", "HKMA")))
    call(world, "hkma", "lift_demand", id="PRESENTATION/HKMA")
    call(world, "px-maker", "seal", **sealing(content=content_of("LC-2", {"a": "b"})))
    call(world, "hkma", "demand_copies", schema="PRESENTATION")


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_CODE", {"id": "a b"}),
        ("E_CODE", {"schema": "POEM"}),
        ("E_CODE", {"scope": "x"}),
        ("E_DIGEST", {"root": bytes(31)}),
        ("E_DIGEST", {"fields": 0}),
        ("E_DIGEST", {"digest": digest("another")}),
        ("E_DIGEST", {"size": 1}),
        ("E_DIGEST", {"locator": "https://papers.example/1"}),
        ("E_TEXT", {"ciphertext": b""}),
        ("E_TEXT", {"ciphertext": b"", "locator": "x" * 201}),
        ("E_SEALING_KEY", {"keys": []}),
        ("E_SEALING_KEY", {"wrapped": [bytes(113)]}),
        ("E_KEY", {"wrapped": [bytes(112), bytes(113)]}),
        ("E_NOT_FOUND", {"keys": ["PX/1", "QB/2"]}),
        ("E_DUPLICATE", {"keys": ["PX/1", "PX/1"]}),
        ("E_DATE", {"retain_until": "2031-02-30"}),
        ("E_RETENTION", {"retain_until": "2031-11-16"}),
        ("E_RETENTION", {"retain_until": "2200-01-01"}),
    ],
)
def test_a_record_that_does_not_hold_is_not_put_on_the_ledger(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    published(world)
    refused(world, code, "px-maker", "seal", **sealing(**changes))


def test_every_schema_has_a_rule_of_how_long_it_is_kept(world: World) -> None:
    published(world)
    for number, row in enumerate(call(world, "lg", "schemas")):
        content = content_of(f"S-{number}", {"a": "b"})
        call(world, "px-maker", "seal", **sealing(content=content, schema=row["schema"]))
        rule = call(world, "lg", "status", id=f"S-{number}")["rule"]
        assert rule == f"retention:{row['schema']}/0"


def test_a_number_is_used_once_and_only_traders_and_officers_seal(world: World) -> None:
    sealed(world)
    refused(world, "E_DUPLICATE", "qb-ops", "seal", **sealing())
    refused(world, "E_NOT_PARTY", "px-reader", "seal", **sealing(id="LC-9"))
    refused(world, "E_KEY", "px-maker", "publish_key", key=bytes(65))


def test_a_larger_ciphertext_stands_elsewhere_under_its_digest(world: World) -> None:
    published(world)
    large = content_of("LC-1-BL", {"carrier": "COSCO"}, "bl.pdf", b"b" * 40_000)
    args = sealing(content=large)
    refused(world, "E_DIGEST", "px-maker", "seal", **args)
    away = {**args, "ciphertext": b"", "locator": "sftp://papers.example/LC-1-BL"}
    call(world, "px-maker", "seal", **away)
    found = call(world, "qb-ops", "open_copy", id="LC-1-BL")
    assert found["ciphertext"] == b"" and found["locator"].startswith("sftp")
    whole = open_copy(KEYS["QB"], found["copies"][0]["wrapped"], args["ciphertext"], found)
    assert whole == large


# ---- keys, retention, erasure --------------------------------------------------------------------


def test_a_rotated_key_opens_what_was_sealed_to_it_and_takes_nothing_new(world: World) -> None:
    sealed(world)
    again = SUITE.generate_key()
    assert call(world, "qb-ops", "publish_key", key=again.public_key) == "QB/2"
    assert call(world, "lg", "get_key", id="QB/1")["state"] == "RETIRED"
    assert opened(world, "QB") == CONTENT
    more = sealing(content=content_of("LC-2", {"a": "b"}))
    refused(world, "E_SEALING_KEY", "px-maker", "seal", **more)
    call(world, "px-maker", "seal", **{**more, "keys": ["PX/1", "QB/2"]})
    assert [key["state"] for key in call(world, "lg", "list_keys", member="QB")] == [
        "RETIRED", "ACTIVE",
    ]  # fmt: skip


def test_a_key_is_not_destroyed_while_what_it_opens_must_be_kept(world: World) -> None:
    sealed(world)
    message = refused(world, "E_RETENTION", "px-checker", "destroy_key", id="PX/1", basis=PROTOCOL)
    assert KEPT in message
    assert call(world, "lg", "status", id=ID)["rule"] == "retention:PRESENTATION/0"
    refused(world, "E_NOT_PARTY", "px-maker", "destroy_key", id="PX/1", basis=PROTOCOL)
    world.now_ms = at("2031-11-18")
    call(world, "safe", "hold", id=ID, order=digest("order 9"))
    refused(world, "E_LEGAL_HOLD", "safe", "hold", id=ID, order=digest("order 9"))
    call(world, "hkma", "hold", id=ID, order=digest("order 10"))
    call(world, "safe", "lift_hold", id=ID)
    refused(world, "E_LEGAL_HOLD", "px-checker", "destroy_key", id="PX/1", basis=PROTOCOL)
    refused(world, "E_NOT_FOUND", "safe", "lift_hold", id=ID)
    call(world, "hkma", "lift_hold", id=ID)
    refused(world, "E_DIGEST", "px-checker", "destroy_key", id="PX/1", basis="")
    assert call(world, "px-checker", "destroy_key", id="PX/1", basis=PROTOCOL) == "DESTROYED"


def test_a_record_granted_under_a_hold_is_held_for_the_new_key_too(world: World) -> None:
    sealed(world)
    call(world, "safe", "hold", id=ID, order=digest("order"))
    call(world, "qb-ops", "grant", **grant_to(world, "QB", "NB"))
    world.now_ms = at("2031-11-18")
    refused(world, "E_LEGAL_HOLD", "nb-checker", "destroy_key", id="NB/1", basis=PROTOCOL)
    call(world, "safe", "lift_hold", id=ID)
    assert call(world, "nb-checker", "destroy_key", id="NB/1", basis=PROTOCOL) == "DESTROYED"


def test_an_erasure_is_certified_once_every_key_is_destroyed(world: World) -> None:
    sealed(world)
    world.now_ms = at("2031-11-18")
    call(world, "px-checker", "destroy_key", id="PX/1", basis=PROTOCOL)
    message = refused(world, "E_SEALING_KEY", "nobody", "certify_erasure", id=ID)
    assert "QB/1" in message
    refused(world, "E_STATE", "lg", "erasure", id=ID)
    call(world, "qb-checker", "destroy_key", id="QB/1", basis=PROTOCOL)
    assert call(world, "nobody", "certify_erasure", id=ID) == "ERASED"
    told = call(world, "lg", "erasure", id=ID)
    assert told["root"] == CONTENT.root and told["erased_on"] == "2031-11-18"
    assert [(key["owner"], key["destroyed_on"]) for key in told["keys"]] == [
        ("PX", "2031-11-18"), ("QB", "2031-11-18"),
    ]  # fmt: skip
    refused(world, "E_STATE", "px-maker", "open_copy", id=ID)
    assert state_keys.state_key("sealed_record", "ciphertext", ID) not in world.state
    leaves = [commitment(field) for field in CONTENT.held.fields]
    first = CONTENT.held.fields[0]
    opening = [[first.name, first.value, first.salt.hex()]]
    assert call(world, "lg", "check_opening", id=ID, opened=opening, hidden=leaves[1:])


def test_one_case_is_erased_by_its_own_keys_and_the_others_stay(world: World) -> None:
    published(world)
    published(world, "PX", "QB", scope="LC-1")
    refused(world, "E_SCOPE", "px-maker", "seal", **sealing(scope="LC-1"))
    case = sealing(scope="LC-1", keys=["PX/2", "QB/2"])
    call(world, "px-maker", "seal", **case)
    call(world, "px-maker", "seal", **sealing(content=content_of("LC-2", {"a": "b"}),
                                              retain_until="2040-01-01"))  # fmt: skip
    refused(world, "E_SCOPE", "px-maker", "seal",
            **sealing(content=content_of("LC-3", {"a": "b"}), keys=["PX/2", "QB/2"]))  # fmt: skip
    world.now_ms = at("2031-11-18")
    call(world, "px-checker", "destroy_key", id="PX/2", basis=PROTOCOL)
    call(world, "qb-checker", "destroy_key", id="QB/2", basis=PROTOCOL)
    assert call(world, "nobody", "certify_erasure", id=ID) == "ERASED"
    refused(world, "E_SEALING_KEY", "nobody", "certify_erasure", id="LC-2")
    refused(world, "E_RETENTION", "px-checker", "destroy_key", id="PX/1", basis=PROTOCOL)


def test_opened_fields_are_checked_against_the_root(world: World) -> None:
    sealed(world)
    leaves = [commitment(field) for field in CONTENT.held.fields]
    price = next(field for field in CONTENT.held.fields if field.name == "price")
    rest = [leaf for leaf in leaves if leaf != commitment(price)]
    fits = [["price", price.value, price.salt.hex()]]
    assert call(world, "lg", "check_opening", id=ID, opened=fits, hidden=rest)
    lie = [["price", "1", price.salt.hex()]]
    for wrong, hidden in ((lie, rest), (fits, rest[1:]), ([], leaves), ([["price"]], rest)):
        refused(world, "E_OPENING", "lg", "check_opening", id=ID, opened=wrong, hidden=hidden)


# ---- other contracts name a record by its root ---------------------------------------------------


def test_whatever_takes_a_documents_digest_takes_a_records_root(world: World) -> None:
    sealed(world)
    root = CONTENT.root.hex()
    world.ok(
        "lg", "invoice_registry.lodge", document=root, kind="delivery", buyer="PX", amount_fen=1,
        currency="CNY", issued_on="2026-11-16",
    )  # fmt: skip
    assert world.ok("lg", "invoice_registry.get_document", document=root)["document"] == root
    world.now_ms = at("2026-12-11")
    world.ok(
        "px-maker", "credit.apply", id="LC-1", issuing="FB", beneficiary="LG", amount_fen=800,
        expiry="2027-01-31", latest_shipment="2027-01-05", advising="QB", terms=root,
    )  # fmt: skip
    world.issue()
    world.ok("px-maker", "remedy.raise_dispute", leaf_id="EC-2026-SZ-000001", grounds="goods",
             evidence=root)  # fmt: skip
    assert world.ok("pbc", "remedy.get_dispute", leaf_id="EC-2026-SZ-000001")["evidence"] == root


# ---- histories -----------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Whatever is sealed, granted, held, destroyed: no key goes while a record must be kept or is held."""

    opened: World

    @initialize()
    def begin(self) -> None:
        self.world = published(fresh(self.opened), "PX", "QB", "NB")
        self.count = 0

    @rule(to=st.sampled_from([("PX",), ("PX", "QB"), ("PX", "QB", "NB")]),
          years=st.integers(6, 9))  # fmt: skip
    def put(self, to: tuple[str, ...], years: int) -> None:
        year = int(call(self.world, "lg", "list_keys", member="PX")[0]["since"][:4]) + years
        self.count += 1
        args = sealing(to, content_of(f"R-{self.count}", {"a": "b"}), retain_until=f"{year}-12-31")
        self.attempt("px-maker", "seal", **args)

    @rule(number=st.integers(1, 4), member=st.sampled_from(["QB", "NB"]))
    def grant(self, number: int, member: str) -> None:
        self.attempt("px-maker", "grant", id=f"R-{number}", key=f"{member}/1", wrapped=bytes(113))

    @rule(number=st.integers(1, 4), who=st.sampled_from(["safe", "hkma"]), lift=st.booleans())
    def order(self, number: int, who: str, lift: bool) -> None:
        args = {} if lift else {"order": digest("order")}
        self.attempt(who, "lift_hold" if lift else "hold", id=f"R-{number}", **args)

    @rule(member=st.sampled_from(["px-checker", "qb-checker", "nb-checker"]))
    def destroy(self, member: str) -> None:
        id = f"{self.world.users[member][0]}/1"
        self.attempt(member, "destroy_key", id=id, basis=PROTOCOL)

    @rule(number=st.integers(1, 4))
    def certify(self, number: int) -> None:
        self.attempt("nobody", "certify_erasure", id=f"R-{number}")

    @rule(years=st.integers(1, 4))
    def wait(self, years: int) -> None:
        self.world.now_ms += years * 365 * 86_400_000

    def attempt(self, who: str, move: str, **args: Any) -> None:
        result = self.world.run(who, f"sealed_record.{move}", **args)
        assert result.outcome in ("ok", "revert"), (move, result.code, result.message)
        if result.outcome == "ok":
            call(self.world, who, move, **args)

    @invariant()
    def what_must_be_kept_can_be_opened(self) -> None:
        if not hasattr(self, "world"):
            return
        keys = {f"{m}/1": self.stored("sealing_key", f"{m}/1") for m in ("PX", "QB", "NB")}
        records = [self.stored("sealed_record", f"R-{n}") for n in range(1, self.count + 1)]
        today = self.world.now_ms
        for found in filter(None, records):
            states = {keys[key]["state"] for key in found["keys"]}
            if found["holds"] or today < at("1970-01-01") + found["retain_until"] * 86_400_000:
                assert "DESTROYED" not in states, found
            if found["state"] == "ERASED":
                assert states == {"DESTROYED"}
        for id, key in keys.items():
            held = [r for r in filter(None, records) if r["holds"] and id in r["keys"]]
            assert key["holds"] == len(held)

    def stored(self, table: str, key: str) -> Any:
        data = self.world.state.get(state_keys.state_key("sealed_record", table, key))
        return None if data is None else values.decode(data).fields


def test_no_history_destroys_what_must_be_kept(opened: World) -> None:
    Histories.opened = opened
    machine = settings(max_examples=8, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)
