"""Contracts in chapters: several modules, one contract, whose table of contents is the main module."""

import json
from pathlib import Path

import pytest

from contracts.bundles import load_bundle
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, Bundle, ContractRefused, Transaction
from contracts.runtime.checking import check_file, contract_name, schema_of_file
from contracts.runtime.language.bundle import check_bundle
from contracts.schema import Schema

BOOKS = '''"""What the contract keeps."""

from sdk import Event, Map, dataclass


@dataclass
class Account:
    owner: str
    cents: int


accounts = Map("account", None)
Moved = Event("Moved")
'''
MONEY = '''"""Paying in, and moving money."""

from chapters.books import Account, Moved, accounts
from rules.checks import require_positive
from sdk import export, require


def account(owner):
    found = accounts[owner]
    return Account(owner, 0) if found is None else found


@export
def pay_in(account_of: str, cents: int) -> int:
    """Credits an account."""
    require_positive(cents)
    one = account(account_of)
    one.cents += cents
    accounts[account_of] = one
    return one.cents


@export
def take(one: Account) -> int:
    """A dataclass of another chapter as an argument."""
    accounts[one.owner] = one
    Moved(owner=one.owner, cents=one.cents)
    return one.cents
'''
MAIN = '''"""Accounts.

    money   paying in
"""

from chapters.books import accounts
from chapters.money import pay_in, take
from sdk import view


@view
def cents_of(owner: str) -> int:
    found = accounts[owner]
    return 0 if found is None else found.cents
'''
CHECKS = """from sdk import require


def require_positive(cents):
    require(cents > 0, "E_AMOUNT", "more than nothing")
"""
MODULES = {"chapters.books": BOOKS, "chapters.money": MONEY, "checks": CHECKS}


def whole(main=MAIN, **changes):
    """main: its text. changes: of the chapters, by their names."""
    return main, {**MODULES, **{f"chapters.{name}": text for name, text in changes.items()}}


def in_one_file():
    """The same contract without chapters."""
    body = [part for text in (BOOKS, MONEY, MAIN) for part in text.split('"""\n', 1)[1:]]
    lines = [line for line in "".join(body).split("\n") if not line.startswith("from ")]
    rules = "from rules.checks import require_positive\n"
    sdk = "from sdk import Event, Map, dataclass, export, require, view\n"
    return '"""Accounts."""\n' + rules + sdk + "\n".join(lines), {"checks": CHECKS}


def run(engine, bundle, calls):
    engine.load(bundle)
    txs = tuple(
        Transaction(bytes([at]) * 32, "a", 1, method, json.dumps(args), "s", "m", (), 1_000_000)
        for at, (method, args) in enumerate(calls)
    )
    return engine.block(BlockRequest("", 1, 1, txs, active={"a": 1}))


CALLS = [
    ("pay_in", {"account_of": "x", "cents": 5}),
    ("take", {"one": {"owner": "y", "cents": 7}}),
    ("pay_in", {"account_of": "x", "cents": -1}),
    ("cents_of", {"owner": "x"}),
    ("account", {"owner": "x"}),
    ("require_positive", {"cents": 1}),
]


@pytest.mark.parametrize("which", ["native_engine", "wasm_engine", "fast_engine"])
def test_chapters_do_what_one_file_does_for_the_same_gas(which, request):
    engine = request.getfixturevalue(which)
    chapters = run(engine, Bundle("a", 1, *whole()), CALLS)
    assert [(r.outcome, r.code) for r in chapters] == [
        ("ok", ""), ("ok", ""), ("revert", "E_AMOUNT"), ("ok", ""),
        ("revert", "no-such-method"), ("revert", "no-such-method"),
    ]  # fmt: skip
    assert [r.value for r in chapters[:2]] == [5, 7] and chapters[3].value == 5
    assert run(engine, Bundle("a", 1, *in_one_file()), CALLS) == chapters


def test_the_schema_lists_methods_in_the_order_of_the_main_module(native_engine, wasm_engine):
    bundle = Bundle("a", 1, *whole(MAIN.replace("pay_in, take", "take, pay_in")))
    data = native_engine.schema(bundle)
    assert wasm_engine.schema(bundle) == data
    schema = Schema.decode(data)
    assert [method.name for method in schema.methods] == ["take", "pay_in", "cents_of"]
    assert schema.method("take").parameters[0].hint == "Account"
    assert schema.method("pay_in").doc == "Credits an account." and schema.doc.startswith(
        "Accounts."
    )
    assert schema.events == {"Moved": ("owner", "cents")} and set(schema.errors) == {"E_AMOUNT"}


def test_a_main_module_may_name_an_export_otherwise(native_engine):
    bundle = Bundle("a", 1, *whole(MAIN.replace("pay_in, take", "pay_in as credit, take")))
    calls = [("credit", {"account_of": "x", "cents": 5}), ("pay_in", CALLS[0][1])]
    assert [r.outcome for r in run(native_engine, bundle, calls)] == ["ok", "revert"]


TWICE = MAIN.replace("import pay_in, take", "import pay_in, take\nfrom chapters.more import take")
MORE = "from sdk import export\n\n\n@export\ndef take(n: int) -> int:\n    return n\n"
REFUSED = [
    ("an export that the main module does not name", whole(MAIN.replace(", take", "")),
     [("chapters.money", 24, "CT615")]),
    ("a name from two chapters", whole(TWICE, more=MORE), [("main", 8, "CT613")]),
    ("a name that the main module has too", whole(MAIN.replace("cents_of", "take")),
     [("main", 12, "CT613")]),
    ("a finding inside a chapter", whole(money=MONEY.replace("cents += cents", "cents += 1.5")),
     [("chapters.money", 18, "CT401")]),
    ("a chapter that is not there", whole(MAIN.replace("chapters.money", "chapters.monney")),
     [("main", 7, "CT101")]),
    ("a name that a chapter does not have", whole(MAIN.replace("take", "fake")),
     [("main", 7, "CT102")]),
    ("a circle", whole(books=BOOKS.replace("from sdk", "from chapters.money import account\nfrom sdk")),
     [("chapters.books", 1, "CT104")]),
    ("a chapter with an outlandish name", (MAIN, {**MODULES, "chapters.More": MORE}),
     [("main", 1, "CT008")]),
    ("a chapter of a chapter", (MAIN, {**MODULES, "chapters.a.b": MORE}), [("main", 1, "CT008")]),
    ("a class of the same name in two chapters",
     whole(money=MONEY + "\n\nclass Account:\n    pass\n"), None),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=[name for name, _, _ in REFUSED])
def test_what_is_wrong_is_told_in_its_chapter(case, wasm_engine):
    _, (main, modules), expected = case
    found = check_bundle(main, modules)
    assert wasm_engine.check(Bundle("a", 1, main, modules)) == found
    places = sorted((d.module, d.line, d.code) for d in found)
    if expected is None:
        assert places and {module for module, _, _ in places} == {"chapters.money"}
    else:
        assert places == expected


def test_exports_of_shared_rules_are_nobodys_methods(native_engine):
    checks = CHECKS.replace(
        "def require_positive", "def shown(n):\n    return n\n\n\n@export\ndef require_positive"
    )
    checks = checks.replace("import require", "import export, require").replace(
        "(cents):", "(cents: int):"
    )
    main = MAIN + "\n\n@view\ndef twice(n: int) -> int:\n    return shown(n) * 2\n"
    main = main.replace("from sdk", "from rules.checks import require_positive, shown\nfrom sdk")
    bundle = Bundle("a", 1, main, {**MODULES, "checks": checks})
    results = run(native_engine, bundle, [("require_positive", {"cents": 1}), ("twice", {"n": 2})])
    assert [(r.outcome, r.code) for r in results] == [("revert", "no-such-method"), ("ok", "")]


def test_migrate_stands_in_the_main_module(native_engine):
    money = MONEY + "\n\n@export\ndef migrate() -> None:\n    accounts['x'] = Account('x', 1)\n"
    main = MAIN.replace("pay_in, take", "migrate, pay_in, take")
    results = run(native_engine, Bundle("a", 1, *whole(main, money=money)), [("migrate", {})])
    assert (results[0].outcome, results[0].code) == ("revert", "no-such-method")


# ---- on disk -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "bank" / "chapters").mkdir(parents=True)
    (tmp_path / "rules" / "checks.py").write_text(CHECKS)
    (tmp_path / "bank" / "main.py").write_text(MAIN)
    for name, text in (("money", MONEY), ("books", BOOKS)):
        (tmp_path / "bank" / "chapters" / f"{name}.py").write_text(text)
    return tmp_path / "bank"


def test_a_folder_is_checked_as_the_contract_that_it_is(folder):
    assert check_file(folder).findings == () == check_file(folder / "main.py").findings
    assert contract_name(folder) == "bank" == contract_name(folder / "main.py")
    assert schema_of_file(folder) == schema_of_file(folder / "main.py")
    names = [method.name for method in Schema.decode(schema_of_file(folder)).methods]
    assert names == ["pay_in", "take", "cents_of"]


def test_a_finding_is_shown_in_the_file_of_its_chapter(folder):
    money = folder / "chapters" / "money.py"
    money.write_text(MONEY.replace("return one.cents", "return one.cents * 1.5", 1))
    checked = check_file(folder)
    (finding,) = checked.findings
    assert checked.show(finding).startswith(f"{money}:20:24: CT401 ")
    assert "return one.cents * 1.5" in checked.show(finding)


def test_every_chapter_of_the_suite_is_in_its_contract():
    mains = list((Path(__file__).parents[3] / "contracts" / "suite").glob("*/main.py"))
    assert mains
    for main in mains:
        files = {file.stem for file in main.parent.glob("chapters/*.py")}
        modules = load_bundle(main.parent.name).rules
        assert files
        assert files == {key.removeprefix("chapters.") for key in modules if "." in key}


def test_a_bundle_with_chapters_is_canonical_bytes_like_any_other():
    bundle = Bundle("a", 1, *whole())
    again = Bundle.decode("a", 1, bundle.encode())
    assert again.digest == bundle.digest and dict(again.rules) == dict(bundle.rules)
    backwards = {"main": MAIN, "rules": dict(sorted(MODULES.items(), reverse=True))}
    with pytest.raises(ValueError):
        Bundle.decode("a", 1, values.encode(backwards))


def test_a_refused_chapter_is_refused_by_the_engine_that_would_load_it(native_engine):
    with pytest.raises(ContractRefused) as refused:
        native_engine.load(Bundle("a", 1, *whole(MAIN.replace(", take", ""))))
    assert [d.code for d in refused.value.diagnostics] == ["CT615"]
