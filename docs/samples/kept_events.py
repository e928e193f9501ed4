"""Reads events, and keeps more of them than it should."""

import os


def read_event(number):
    data = bytearray(300_000 + number)  # what an event needs
    return data[:100_000]


def read_run(kept, events):
    for number in range(events):
        kept.append(read_event(number))


def main():
    print("process", os.getpid(), flush=True)
    kept = []
    for _ in range(3):
        read_run(kept, 20)
        breakpoint()


main()
