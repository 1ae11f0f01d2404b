"""`city codegen python`: its clients pass mypy, speak to real channels, and no text becomes code."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio
import structlog
from typer.testing import CliRunner

from contracts.bundles import SUITE, load_bundle
from contracts.runtime import values
from contracts.runtime.api import Bundle
from contracts.runtime.native import NativeEngine
from contracts.runtime.testing import MemoryState, TestNatives
from contracts.runtime.values import Record
from contracts.schema import NotASchema, Schema
from node.cli.main import app
from node.client import ContractError, connect
from node.sdk.codegen import python_client
from node.sdk.typed import UNSET, ContractClient, Done
from tests.unit.client.whole import Whole, whole_network

ROOT = Path(__file__).parents[3]
HARD = '''
"""Words that a program must not trip over: \\\\ and ""\\" and a quote at the end\\""""

from sdk import Decimal, Event, dataclass, export, field, require, view


@dataclass
class Done:
    """A record with the name of a type of ours."""

    amount: Decimal = Decimal("0.00")
    count: int = 1
    inner: Done | None = None


@dataclass
class Book(Done):
    title: str


@export
def using(self: int, list: tuple[int, ...] = (1, 2), cast: Decimal = 5, b: bytes = b"\\x00'") -> Done:
    """Says \\"\\"\\" and ends with a quote\\""""
    require(self, "E_A_1", 'a "quoted" text')
    require(self, "E_A1")
    require(self, "E_9")
    return Done()


@view
def list(rows: list[Book], pair: tuple[int, str] = (1, "a"), maybe: str | None = None,
         free: object = None, text: str = "x" "\\n") -> dict[str, tuple[Book, int]]:
    return {}


@export
def nothing():
    pass
'''


def derived(bundle: Bundle) -> bytes:
    return NativeEngine(TestNatives(), MemoryState()).schema(bundle)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients of the suite and of a contract that makes it hard."""
    folder = tmp_path_factory.mktemp("generated")
    bundles = [*(load_bundle(name) for name in (*SUITE, "transfer")), Bundle("hard", 3, HARD)]
    for bundle in bundles:
        schema = Schema.decode(derived(bundle))
        text = python_client(bundle.name, bundle.version, "ab" * 32, schema)
        (folder / f"{bundle.name}_client.py").write_text(text, encoding="utf-8")
    return folder


def test_what_is_written_passes_mypy_strictly_and_a_wrong_use_does_not(written: Path) -> None:
    (written / "use.py").write_text(
        "from transfer_client import BalanceError, Transfer\n\n\n"
        "def pay(bank: Transfer) -> int:\n"
        "    try:\n"
        '        good: bool = bank.transfer(source="a", to="b", amount=1).value\n'
        "    except BalanceError:\n"
        "        good = False\n"
        '    bank.transfer(source="a", to="b", amount="1")\n'
        '    return bank.balance_of(owner="a") + int(good)\n'
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary",
               "--follow-imports=silent", str(written)]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "MYPYPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True
    )
    (found,) = (done.stdout + done.stderr).splitlines()
    assert "use.py:9" in found and 'expected "int"' in found


def test_names_texts_and_defaults_survive(written: Path) -> None:
    module = loaded(written / "hard_client.py")
    assert module.Hard.__doc__.strip().endswith('a quote at the end"')
    assert module.Hard.using_.__doc__.strip() == 'Says """ and ends with a quote"'
    assert [c.contract_code for c in (module.A1Error, module.A1Error_, module.X9Error)] == [
        "E_A1", "E_A_1", "E_9",
    ]  # fmt: skip
    assert module.Hard.records == {"Done": module.Done_, "Book": module.Book}
    book = module.Book(title="t", amount=UNSET)
    assert (book.count, book.inner) == (1, None)
    signature = module.Hard.using_.__kwdefaults__
    assert signature == {"list_": (1, 2), "cast_": UNSET, "b": b"\x00'"}
    assert module.Hard.list_.__kwdefaults__["text"] == "x\n"


class Asked:
    """A network's façade that keeps what it was asked and gives what it was told."""

    def __init__(self, value: object) -> None:
        self.value, self.calls = value, []

    def query(self, *words: object, **options: object) -> object:
        self.calls.append((*words, options))
        return self


def test_records_go_out_as_objects_and_come_back_as_dataclasses(written: Path) -> None:
    module = loaded(written / "hard_client.py")
    good = {"amount": 5, "count": 2, "inner": None, "title": "t"}
    old = Record("Book", {"title": "stored long ago"})
    net = Asked({"a": (Record("Book", good), [old])})
    found = module.Hard(net).using(timeout=3).list_(rows=[module.Book(title="t")])
    assert found == {"a": (module.Book(**good), [old])}
    ((name, method, args, options),) = net.calls
    assert (name, method, options) == ("hard", "list", {"timeout": 3, "version": 3})
    assert args["rows"] == [{"count": 1, "inner": None, "title": "t"}]
    assert args["pair"] == [1, "a"] and args["text"] == "x\n"


@pytest.mark.parametrize("default", [5.5, ["x"], {"a": 1}, ("a", ["b"])])
def test_a_default_that_no_contract_can_have_is_refused(default: object) -> None:
    schema = values.decode(derived(load_bundle("transfer")))
    field = {"name": "x", "hint": "int", "required": False, "default": default}
    schema["methods"][0]["parameters"] = [field]
    with pytest.raises((NotASchema, values.ValueEncodingError)):
        Schema.decode(values.encode(schema))


def test_no_text_of_a_schema_becomes_code(tmp_path: Path) -> None:
    evil = '"""\nimport os; os.abort()\n"""\\'
    schema = values.decode(derived(load_bundle("transfer")))
    schema["doc"] = schema["methods"][0]["doc"] = schema["methods"][0]["returns"] = evil
    schema["methods"][0]["parameters"][0]["hint"] = "__import__('os').abort()"
    schema["errors"] = [{"code": 'E_X"\nimport os; os.abort()\n"', "message": evil}]
    with pytest.raises(NotASchema):
        Schema.decode(values.encode(schema))
    schema["errors"] = [{"code": "E_X", "message": evil}]
    read = Schema.decode(values.encode(schema))
    with pytest.raises(NotASchema):
        python_client('x"\nimport os', 1, "ab", read)
    text = python_client("transfer", 1, "ab", read)
    (tmp_path / "evil_client.py").write_text(text, encoding="utf-8")
    module = loaded(tmp_path / "evil_client.py")
    assert "os.abort()" in module.Transfer.__doc__
    assert module.Transfer.open_account.__annotations__["owner"] == "object"


@pytest_asyncio.fixture
async def net4(tmp_path: Path, monkeypatch) -> AsyncIterator[Whole]:
    with structlog.testing.capture_logs():
        async with whole_network(tmp_path) as whole:
            monkeypatch.setenv("CITY_CONTEXT", whole.context)
            monkeypatch.setenv("CITY_USER", "buyer")
            yield whole


async def test_a_written_client_sends_asks_and_is_refused_by_code(
    net4: Whole, tmp_path: Path
) -> None:
    file = tmp_path / "counter_client.py"
    words = ["codegen", "python", "counter", "-o", str(file)]
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert done.exit_code == 0, done.output
    module = loaded(file)

    def use() -> None:
        with connect(net4.context, user="buyer") as net:
            counter = module.Counter(net)
            assert isinstance(counter, ContractClient)
            done = counter.add(name="a", by=5)
            assert isinstance(done, Done) and (done.value, done.block > 0) == (5, True)
            assert done.events[0].fields == {"name": "a", "total": 5}
            assert counter.read(name="a") == 5
            again = counter.using(request_id="order-1")
            assert again.add(name="a", by=1).value == again.add(name="a", by=1).value == 6
            with pytest.raises(module.NotPositiveError) as refused:
                counter.add(name="a", by=0)
            assert isinstance(refused.value, ContractError)
            assert refused.value.reason == "E_NOT_POSITIVE" and "only upwards" in str(refused.value)

    await asyncio.to_thread(use)
