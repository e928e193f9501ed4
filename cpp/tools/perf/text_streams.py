"""Input in perf's format, and output that a terminal can show."""

import os
import sys


def printable(text):
    """The text on one line, without characters that a terminal or an SVG would interpret.

    Labels, symbols and names of files are chosen by a program. Control characters, and bytes that
    were not UTF-8, are written as \\x1b; other invisible characters as \\u200f.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(ord(each)) for each in text)


def _escaped(code):
    if 0xdc80 <= code <= 0xdcff:
        code -= 0xdc00  # the byte that Python represents by this character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def open_input(file, program):
    """The named file or standard input. Only a line feed ends a line."""
    try:
        return open(file or 0, encoding="utf-8", errors="surrogateescape", newline="\n",
                    closefd=bool(file))
    except OSError as error:
        raise SystemExit(f"{program}: {error}") from error


def say_that_there_was_none(what, file, program):
    """Reports that the input contained nothing useful: the program that wrote it has failed."""
    print(f"{program}: {file or 'standard input'} holds no {what}: what should have written them "
          "has failed, or nothing was recorded", file=sys.stderr)
    return 1


def exit_with_status_of(main, program):
    """Ends the program with the status of main(), or reports why its output could not be
    written."""
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        status = 141  # the reader closed the pipe; SIGPIPE would give the same status
    except OSError as error:
        print(f"{program}: {error}", file=sys.stderr)
        status = 1
    else:
        sys.exit(status)
    # The rest of the buffer cannot be written, and Python would try once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(status)
