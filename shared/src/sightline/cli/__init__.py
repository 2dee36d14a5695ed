"""The `sightline` command. Nothing heavy is imported before a command runs."""

from sightline.cli.main import main as main
