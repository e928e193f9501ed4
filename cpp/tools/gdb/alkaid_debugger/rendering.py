"""Text for figures, blocks and bytes."""

FIRST_BYTES = 16
WIDEST = 40  # column in a list of blocks


def printable(text):
    """The text on one line without terminal escapes: control characters, and bytes that are not
    UTF-8, become \\xNN for each of their bytes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else
                   "".join(f"\\x{byte:02x}" for byte in one.encode("utf-8", "surrogateescape"))
                   for one in text)


def say(line=""):
    """Prints a line. The only function here that prints, as a program may choose any labels and
    names."""
    print(printable(line))


def blocks(count):
    return f"{count:,} block" + ("" if count == 1 else "s")


def ascii_of(data):
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def hexdump(address, data, width=16):
    """Lines of `width` bytes: address, bytes, characters."""
    lines = []
    for at in range(0, len(data), width):
        row = bytes(data[at:at + width])
        halves = (row[:width // 2].hex(" "), row[width // 2:].hex(" "))
        cells = "  ".join(half for half in halves if half)
        lines.append(f"{address + at:#018x}  {cells:<{3 * width}} |{ascii_of(row)}|")
    return lines


def first_bytes(data):
    """The beginning of a block, for a part of a line."""
    data = bytes(data)
    words = " ".join(data[at:at + 4].hex() for at in range(0, len(data), 4))
    return f"{words} |{ascii_of(data)}|" if data else ""


def block_line(block, label):
    last = block.address + max(block.size, 1) - 1
    return f"{block.address:#018x} -> {last:#018x} {block.size:>12,} bytes {label}"


def block_lines(rows):
    """Lines of (block, label, category, first bytes), with columns as wide as needed. A class name
    of hundreds of characters extends past its column."""
    rows = [(block, printable(label), printable(category), first_bytes(data))
            for block, label, category, data in rows]
    widths = [max((len(row[at]) for row in rows if len(row[at]) <= WIDEST), default=0)
              for at in (1, 2)]
    lines = []
    for block, label, category, data in rows:
        cells = [cell.ljust(width) for cell, width in zip((label, category), widths)
                 if width or cell]
        lines.append(block_line(block, " ".join([*cells, data])).rstrip())
    return lines


def age(nanoseconds):
    """A time span for people."""
    seconds = max(nanoseconds, 0) / 1e9
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def table(header, rows, left=()):
    """Columns as wide as needed; those in `left` are aligned to the left."""
    rows = [[printable(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if column in left else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def without_arguments(name):
    """A function's name in the form of stack traces: without its parameters."""
    close = name.rfind(")")
    # const, & or [clone .cold] may follow the parameters; anything else belongs to the name.
    if close < 0 or any(mark in name[close + 1:] for mark in ":>"):
        return name
    depth, at = 0, close
    while at >= 0:
        depth += {")": 1, "(": -1}.get(name[at], 0)
        if depth == 0:
            break
        at -= 1
    if at <= 0 or name[:at].endswith("operator") or name[at:] == "(anonymous namespace)":
        return name
    return name[:at]
