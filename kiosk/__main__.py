"""`kiosk`, and `python -m kiosk`."""

import os
import sys

OPTIONS = ("--config", "--core", "--screen", "--palette", "--sound")
EXIT_INTERRUPTED = 130  # as the command line ends by Ctrl-C


def main() -> None:
    """Entry point. What it makes is its user's alone, unless something else is said there. The machine itself is begun without the command
    line, which takes a quarter of the time to its first paint."""
    os.umask(0o077)
    if (options := machine(sys.argv[1:])) is None:
        from kiosk.cli import app

        app()
        return
    from kiosk.commands.running import CannotRun, be

    try:
        sys.exit(be(**options))
    except CannotRun as why:
        sys.stderr.write(f"{why}\n")
        sys.exit(why.code)
    except KeyboardInterrupt:  # until Textual has the terminal a hand can still do that
        sys.exit(EXIT_INTERRUPTED)


def machine(words: list[str]) -> dict[str, str] | None:
    """The options of a plain `run`, each word with its value. None for all else: help, mistakes, other commands."""
    names, values = words[1::2], words[2::2]
    known = words[:1] == ["run"] and set(names) <= set(OPTIONS)
    paired = len(names) == len(values) and not any(value.startswith("-") for value in values)
    return {name.removeprefix("--"): value for name, value in zip(names, values, strict=True)} if known and paired else None


if __name__ == "__main__":
    main()
