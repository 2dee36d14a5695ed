"""``encoder``: frames in, images out, until told to stop."""

from sightline.service import run_worker


def main() -> None:
    run_worker("encoder")


if __name__ == "__main__":
    main()
