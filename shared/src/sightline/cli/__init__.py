"""The `sightline` command. Nothing heavy is imported before a command runs."""

from sightline.cli.command import main as main
