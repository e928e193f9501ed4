"""Reads the call chains that perf script prints: innermost first, a line for each frame."""

import re
from dataclasses import dataclass

# ADDRESS SYMBOL+OFFSET (FILE). Symbols and files may contain blanks and parentheses; for inlined
# frames, and with some options of perf script, there is no offset.
WITH_OFFSET = re.compile(
    r"(?P<ip>[0-9a-f]+)\s+(?P<name>.+)\+(?P<offset>0x[0-9a-f]+) \((?P<file>.+)\)$")
WITHOUT_OFFSET = re.compile(
    r"(?P<ip>[0-9a-f]+)\s+(?P<name>.+) \((?P<file>[^()]*(?:\([^()]*\))?)\)$")


@dataclass(frozen=True)
class Frame:
    name: str     # of the function; "[unknown]" when perf knows none
    offset: str   # into the function, in hex; empty when unknown
    file: str     # program or library; empty when unknown, "inlined" for an inlined function
    address: str  # empty unless the name is unknown: then it distinguishes places


def frames_of(traceback):
    """The frames of a traceback. A line that is not understood becomes a frame of that name."""
    frames = []
    for line in traceback.split("\n"):
        line = line.strip()
        if not line:
            continue
        match = WITH_OFFSET.match(line) or WITHOUT_OFFSET.match(line)
        if match is None:
            frames.append(Frame(line, "", "", ""))
            continue
        fields = match.groupdict()
        unknown = fields["name"] == "[unknown]"
        frames.append(Frame(fields["name"], fields.get("offset") or "", fields["file"],
                            fields["ip"] if unknown else ""))
    return tuple(frames)
