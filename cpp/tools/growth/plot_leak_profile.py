#!/usr/bin/python3 -B
"""Draws a leak profile: points of VM, RSS and live, the line of each and its interval.

  alkaid profile report run.npy --plot run.png
  plot_leak_profile.py run.png < report.json

The report is what `alkaid profile report --json` prints, with the stamps beside it: the command
starts this script. Each account has a panel of its own, since VM is far above RSS and RSS above
live. OUT ends in .png or .svg; the same report gives the same picture.
"""

import argparse
import json
import os
import sys
import tempfile

PROGRAM = "plot_leak_profile"
# The panels, from top to bottom: column of the stamps, account of the report, colour.
PANELS = (("vm", "VM", "#4c72b0"), ("rss", "RSS", "#c44e52"), ("live", "live in pools", "#2a7f4f"))


def fail(text):
    sys.exit(f"{PROGRAM}: {text}")


def load_pyplot():
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        fail(f"{sys.executable} has no matplotlib ({error}); Debian's package is python3-matplotlib")
    except Exception as error:  # whatever one that is broken or half replaced comes up with
        fail(f"{sys.executable} cannot use its matplotlib: {error!r}")
    matplotlib.rcParams["svg.hashsalt"] = "alkaid"
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    matplotlib.rcParams["font.size"] = 9
    return pyplot


def read_report(stream):
    try:
        report = json.load(stream)
        report["stamps"]["index"], report["accounts"], report["warm_up"]
    except (ValueError, KeyError, TypeError) as error:
        fail(f"stdin is not a report with its stamps: {error!r}")
    return report


def number(value):
    """The text for a number in the report's format: as many digits as are meaningful."""
    size = abs(value)
    digits = 1 if size >= 100 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:+,.{digits}f}"


def draw_panel(axes, report, column, account, colour):
    index = report["stamps"]["index"]
    known = [(i, mb) for i, mb in zip(index, report["stamps"][column]) if mb is not None]
    few = len(known) <= 500
    axes.plot([i for i, _ in known], [mb for _, mb in known], ".", color=colour,
              markersize=5 if few else 3, alpha=0.8 if few else 0.5, markeredgewidth=0)
    warm_up, last = report["warm_up"], max(report["num_stamp"] - 1, 1)
    if warm_up > 0:
        axes.axvspan(0, min(warm_up, last), color="#f3ead3", zorder=0)
    axes.set_ylabel(f"{account['name']} [MB]")
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.margins(x=0.01)
    # Absolute figures, not offsets from one in a corner of the axis.
    axes.yaxis.set_major_formatter(lambda mb, _: f"{mb:,.10g}")
    if account["slope"] is None or account["middle"] is None:
        return
    xs = [min(warm_up, last), last]

    def line(slope):
        return [account["middle"] + slope * (x - account["middle_index"]) for x in xs]

    axes.plot(xs, line(account["slope"]), color="black", linewidth=1.2)
    words = f"{number(account['slope'])} MB per event"
    if account["low"] is not None:
        # The line turns about the mean of the points, so the interval is a bow tie.
        middle = account["middle_index"]
        for a, b in ((xs[0], middle), (middle, xs[1])):
            ends = [[account["middle"] + slope * (x - middle) for x in (a, b)]
                    for slope in (account["low"], account["high"])]
            axes.fill_between([a, b], *ends, color="black", alpha=0.13, linewidth=0)
        words += (f"   ({100 * report['confidence']:g} %: {number(account['low'])} to "
                  f"{number(account['high'])})")
    axes.set_title(words, loc="left", fontsize=9)


def draw(report, pyplot):
    accounts = {account["name"]: account for account in report["accounts"]}
    panels = [(column, accounts[name], colour) for column, name, colour in PANELS
              if name in accounts]
    if not panels:
        fail("the profile has no figures to draw")
    figure, all_axes = pyplot.subplots(len(panels), 1, sharex=True, squeeze=False,
                                       figsize=(8, 1.3 + 2.1 * len(panels)),
                                       layout="constrained")
    for axes, panel in zip(all_axes[:, 0], panels):
        draw_panel(axes, report, *panel)
    all_axes[-1, 0].set_xlabel("stamp" + (" (sand: warm-up; grey: interval)" if report["warm_up"] else ""))
    name = os.path.basename(report["file"]).encode("utf-8", "replace").decode()
    figure.suptitle(f"{name.replace('$', chr(92) + '$')}: {report['verdict']}", fontsize=11)
    return figure


def save(figure, path):
    """Writes the whole file or none."""
    kind = os.path.splitext(path)[1][1:]
    folder = os.path.dirname(path) or "."
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    try:
        handle, temporary = tempfile.mkstemp(prefix=".alkaid-", suffix="." + kind, dir=folder)
        os.close(handle)
    except OSError as error:
        fail(error)
    try:
        figure.savefig(temporary, format=kind, dpi=130, metadata=metadata)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, (OSError, ValueError)):
            fail(error)
        raise


def main():
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT.png|svg")
    options = parser.parse_args()
    if not options.out.endswith((".png", ".svg")):
        parser.error("OUT has to end in .png or .svg")
    report = read_report(sys.stdin)
    save(draw(report, load_pyplot()), options.out)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
