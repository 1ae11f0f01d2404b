"""`python -m deploy.regcenter`: the same commands without the `city` program."""

from deploy.regcenter.cli import app

app(prog_name="regcenter")
