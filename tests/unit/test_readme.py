"""What the README prints is what the project holds."""

import re
import tomllib
from pathlib import Path

from typer.testing import CliRunner

from node.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_printed_client_is_the_tested_one() -> None:
    client = (ROOT / "tests" / "acceptance" / "minimal_client.py").read_text(encoding="utf-8")
    assert client.strip() in README


def test_every_city_command_it_names_exists() -> None:
    nouns = set(re.findall(r"\bcity (?:as [\w-]+ )?([a-z]+)\b", README)) - {"nodes"}
    listed = CliRunner().invoke(app, ["--help"]).output
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    nouns -= set(project["entry-points"]["citychain.commands"])  # added where the program starts
    assert nouns and not [noun for noun in nouns if not re.search(rf"│ {noun}\s", listed)]


def test_every_file_it_links_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links and all((ROOT / link).exists() for link in links)
