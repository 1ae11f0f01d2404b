"""A center that dies in the middle of a write: the whole batch is there afterwards, or nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consensus.encoding import encode
from deploy.regcenter import center as center_module
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.errors import CenterError
from deploy.regcenter.limits import day_of
from deploy.regcenter.requests import (
    BookQuery,
    NetQuery,
    RotateQuery,
    SettleQuery,
    StatementQuery,
    WithdrawQuery,
)
from tests.unit.regcenter.test_devices import Offline
from tests.unit.regcenter.test_institutions import Payers
from tests.unit.suite.center_world import NOW


class Died(BaseException):
    """The process ends here."""


class World(Payers):
    """Institutions with a payment on its way; `offline` holds a voucher that was not settled."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "center")
        self.ask(self.li, self.book(self.first, self.second, self.zhao, 700))


class Devices(Offline):
    def voucher(self) -> bytes:
        return encode(self.hand(self.one, self.two, 300))


def instructions(world: World) -> dict[str, Callable[[], Any]]:
    return {
        "transfer": lambda: world.send(world.wallet, world.coin, (world.other.address, 600)),
        "book": lambda: world.instruction(
            world.wang, BookQuery(world.first.address, world.first.address, world.li.address, 5)
        ),
        "withdraw": lambda: world.instruction(world.wang, WithdrawQuery(world.first.address, 5)),
        "net": lambda: world.instruction(world.root, NetQuery(1)),
        "statement": lambda: world.instruction(world.first, StatementQuery(day_of(NOW))),
        "rotate": lambda: world.instruction(world.root, RotateQuery(0)),
    }


NAMES = ("transfer", "book", "withdraw", "net", "statement", "rotate")


def killed(center: Center, operation: Any) -> None:
    """The write fails; what is in memory is not trusted any more."""
    with pytest.raises(Died):
        center.process([operation])
    with pytest.raises(CenterError) as refusal:
        center.process([operation])
    assert refusal.value.code == "RC_CLOSED"
    center.close()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_there_when_it_died_before_the_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    center = world.money.center
    before = list(center.store.items(b""))

    def dies(writes: object) -> None:
        raise Died

    operation = instructions(world)[name]()
    monkeypatch.setattr(center.store, "write", dies)
    killed(center, operation)
    again = Center.open(tmp_path / "center", lambda: NOW)
    assert list(again.store.items(b"")) == before
    world.money.center = again
    world.money.process(operation)
    audit(again)
    again.close()


@pytest.mark.parametrize("name", NAMES)
def test_all_of_it_is_there_when_it_died_after_the_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file beside the store is then one head behind, which is no rollback."""
    world = World(tmp_path)
    center = world.money.center

    def dies(path: Path, data: bytes) -> None:
        raise Died

    operation = instructions(world)[name]()
    with monkeypatch.context() as patched:
        patched.setattr(center_module, "_replace_file", dies)
        killed(center, operation)
    again = Center.open(tmp_path / "center", lambda: NOW)
    (answer,) = again.process([operation])
    expected = (
        "RC_ROTATION" if name == "rotate" else None
    )  # done: the answer is that of the first time
    assert getattr(answer, "code", None) == expected
    audit(again)
    again.close()


def test_a_voucher_is_settled_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Devices(tmp_path)
    center, voucher = world.money.center, world.voucher()
    operation = world.instruction(world.other, SettleQuery(voucher))

    def dies(writes: object) -> None:
        raise Died

    monkeypatch.setattr(center.store, "write", dies)
    killed(center, operation)
    world.money.center = Center.open(tmp_path / "center", lambda: NOW)
    assert world.balance(Wallet(world.two.signer)) == 0
    assert world.ask(world.other, SettleQuery(voucher))["status"] == "SETTLED"
    assert world.balance(Wallet(world.two.signer)) == 300
    audit(world.money.center)
    world.money.center.close()
