"""What the scripts read and write: input as perf writes it, and output that a terminal can show."""

import os
import sys


def printable(text):
    """The text on one line, with nothing that a terminal or an SVG takes for more than a letter.

    Labels, symbols and names of files are what a program makes them. Control characters, and what
    was no UTF-8, are written as \\x1b; other invisible characters as \\u200f.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(ord(each)) for each in text)


def _escaped(code):
    if 0xdc80 <= code <= 0xdcff:
        code -= 0xdc00  # the byte that Python stands this character in for
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def open_input(file, program):
    """The named file or standard input. A line ends at a line feed and nowhere else."""
    try:
        return open(file or 0, encoding="utf-8", errors="surrogateescape", newline="\n",
                    closefd=bool(file))
    except OSError as error:
        raise SystemExit(f"{program}: {error}") from error


def say_that_there_was_none(what, file, program):
    """Says that the input held nothing of what it is read for: what wrote it has failed."""
    print(f"{program}: {file or 'standard input'} holds no {what}: what should have written them "
          "has failed, or nothing was recorded", file=sys.stderr)
    return 1


def exit_with_status_of(main, program):
    """Ends the program with what main() gives, or says why its output could not be written."""
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        status = 141  # the reader had enough, and a signal would have said no more
    except OSError as error:
        print(f"{program}: {error}", file=sys.stderr)
        status = 1
    else:
        sys.exit(status)
    # What is left in the buffer has nowhere to go, and Python would try once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(status)
