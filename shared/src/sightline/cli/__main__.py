"""``python -m sightline.cli``: the same command, by the interpreter that is running."""

from sightline.cli.command import main

if __name__ == "__main__":
    main()
