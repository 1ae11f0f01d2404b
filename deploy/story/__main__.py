"""`python -m deploy.story`: the same commands without the `city` program."""

from deploy.story.cli import app

app(prog_name="story")
