"""`kiosk`, and `python -m kiosk`."""

import sys

OPTIONS = ("config", "core", "screen", "palette", "sound")


def main() -> None:
    """Entry point. The machine itself is begun without the command line: to load that would take half of the time to its first paint."""
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


def machine(words: list[str]) -> dict[str, str] | None:
    """The options of a plain `run`, each word with its value. None for all else: help, mistakes, other commands."""
    names, values = words[1::2], words[2::2]
    plain = words[:1] == ["run"] and len(names) == len(values) and not any(value.startswith("-") for value in values)
    options = {name.removeprefix("--"): value for name, value in zip(names, values, strict=False)}
    return options if plain and {f"--{name}" for name in OPTIONS} >= set(names) else None


if __name__ == "__main__":
    main()
