"""Draws weighted stacks as a flame graph: a self-contained SVG, the same for the same input.

Names must be printable: XML allows no control characters. Stacks may have any depth. A box is a
function called by the one below it; its width is its share of the whole, its colour the file of the
function. Siblings are sorted by name, so graphs can be compared.
"""

import re
import zlib
from xml.sax.saxutils import escape, quoteattr

ROW = 19           # pixels for each level of the stack
MARGIN = 16
HEAD = 74          # for the title, the sums and the legend
FOOT = 30
CHARACTER = 6.65   # width of one, in the 11-pixel monospaced type
NARROWEST = 0.4    # pixels; narrower boxes cannot be seen, and are left out

# Hue, saturation, lightness for the files that weigh most, for other files, and for unknown ones.
PALETTE = ((207, 62, 74), (28, 82, 75), (140, 38, 73), (268, 45, 80), (348, 62, 81), (175, 38, 72))
OTHER, UNKNOWN = (48, 45, 78), (0, 0, 86)


class Node:
    def __init__(self, name, file=""):
        self.name, self.file, self.children = name, file, {}
        self.weight = self.blocks = self.bytes = 0

    def child(self, name, file):
        return self.children.setdefault((name, file), Node(name, file))

    def add(self, weight, blocks, size):
        self.weight += weight
        self.blocks += blocks
        self.bytes += size

    def with_all_above(self):
        """(node, depth) for this node at depth 0 and all nodes above it."""
        nodes = [(self, 0)]
        while nodes:
            node, depth = nodes.pop()
            yield node, depth
            nodes += ((child, depth + 1) for child in node.children.values())


def tree_of(stacks):
    """Builds it from (frames as (name, file) outermost first, weight, blocks, bytes) of each
    stack."""
    root = Node("all")
    for frames, *amounts in stacks:
        node = root
        node.add(*amounts)
        for name, file in frames:
            node = node.child(name, file)
            node.add(*amounts)
    return root


def without_template_arguments(name):
    """foo<bar<int>>::f as foo<..>::f; operators and unbalanced names stay as they are."""
    if "operator" in name:
        return name
    shown, depth = "", 0
    for character in name:
        depth -= character == ">"
        if depth == 0:
            shown += ".." + character if character == ">" else character
        if character == "<":
            shown += character if depth == 0 and shown[-1:] != "<" else ""
            depth += 1
    return shown if depth == 0 else name


def label_that_fits(name, characters):
    """The name, or the most useful part of it in so many characters."""
    plain = without_template_arguments(name)
    plain = plain.replace("(anonymous namespace)::", "")
    parts = re.split(r"::(?![^(]*\))", plain)
    for candidate in [name, plain] + ["::".join(parts[skip:]) for skip in range(1, len(parts))]:
        if len(candidate) <= characters:
            return candidate
    return parts[-1][:characters - 1] + "…" if characters >= 4 else ""


def colours_of(root):
    """A colour for each of the files that weigh most: the same colours for the same set of
    files."""
    weights = {}
    for node, _ in root.with_all_above():
        weights[node.file] = weights.get(node.file, 0) + node.weight
    weights.pop("", None)  # the root has none either
    heaviest = sorted(weights, key=lambda file: (-weights[file], file))[:len(PALETTE)]
    return dict(zip(sorted(heaviest, key=lambda file: (file.rsplit("/", 1)[-1], file)), PALETTE))


def shade(node, colours):
    hue, saturation, lightness = colours.get(node.file, OTHER if node.file else UNKNOWN)
    # Neighbours of one file differ a little, and always by the same amount.
    lightness += zlib.crc32(node.name.encode("utf-8", "replace")) % 7 - 3
    return f"hsl({hue},{saturation}%,{lightness}%)"


class Drawing:
    def __init__(self, root, title, unit, width):
        self._root, self._title, self._unit, self._width = root, title, unit, width
        self._scale = (width - 2 * MARGIN) / root.weight if root.weight else 0
        self._height = HEAD + (1 + max(depth for _, depth in root.with_all_above())) * ROW + FOOT
        self._colours = colours_of(root)
        self._left_out = 0
        self._parts = []

    def text(self):
        boxes_to_draw = [(self._root, MARGIN, 0)]
        while boxes_to_draw:
            node, x, depth = boxes_to_draw.pop()
            if not self._box(node, x, depth):
                self._left_out += 1
                continue
            above = []
            for key in sorted(node.children):
                above.append((node.children[key], x, depth + 1))
                x += node.children[key].weight * self._scale
            boxes_to_draw += reversed(above)
        boxes, self._parts = self._parts, []
        self._head()
        footnote = "Hover over a box for its name, its file and its share."
        if self._left_out:
            footnote += f" {self._left_out} boxes are too narrow to be drawn."
        self._text(MARGIN, self._height - 10, footnote, "note")
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width} {self._height}" '
            f'width="{self._width}" height="{self._height}">',
            "<style>",
            "text{font:11px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1c2430}",
            ".title{font:600 17px system-ui,'DejaVu Sans',Helvetica,sans-serif}",
            ".sums,.note,.key{font:12px system-ui,'DejaVu Sans',Helvetica,sans-serif;fill:#566173}",
            "g.frame text{pointer-events:none}",
            "g.frame:hover rect{stroke:#1c2430;stroke-width:1.4}",
            "</style>",
            f'<rect width="{self._width}" height="{self._height}" fill="#fff"/>',
            *self._parts, *boxes, "</svg>", ""])

    def _text(self, x, y, text, kind=""):
        kind = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{escape(text)}</text>')

    def _head(self):
        self._text(MARGIN, 25, self._title, "title")
        root = self._root
        self._text(MARGIN, 43, f"{amounts(root)}; widths by {self._unit}", "sums")
        x = float(MARGIN)
        for file, colour in self._colours.items():
            name = file.rsplit("/", 1)[-1]
            self._parts.append(f'<rect x="{x:.1f}" y="51" width="10" height="10" rx="2" '
                               f'fill="hsl({colour[0]},{colour[1]}%,{colour[2]}%)"/>')
            self._text(x + 15, 60, name, "key")
            x += 35 + 6.8 * len(name)

    def _box(self, node, x, depth):
        """False when the box, and so every box above it, is too narrow to be seen."""
        width = node.weight * self._scale
        if width < NARROWEST:
            return False
        y = self._height - FOOT - (depth + 1) * ROW
        share = 100 * node.weight / self._root.weight
        where = f"\n{node.file}" if node.file else ""
        title = f"{node.name}{where}\n{amounts(node)}, {share:.2f} % of {self._unit}"
        colour = shade(node, self._colours) if depth else "hsl(0,0%,91%)"
        self._parts.append(f'<g class="frame"><title>{escape(title)}</title>'
                           f'<rect x="{x:.2f}" y="{y}" width="{max(width - 0.6, 0.3):.2f}" '
                           f'height="{ROW - 1}" rx="2" fill={quoteattr(colour)}/>')
        label = label_that_fits(node.name, int((width - 8) / CHARACTER))
        if label:
            self._text(x + 4, y + 13, label)
        self._parts.append("</g>")
        return True


def amounts(node):
    if not node.blocks:
        return f"{node.weight:,}"
    return f"{node.blocks:,} {'block' if node.blocks == 1 else 'blocks'}, {node.bytes:,} bytes"


def draw(stacks, title, unit, width):
    """The SVG as text. `unit` is the unit of the weights: bytes, blocks."""
    return Drawing(tree_of(stacks), title, unit, width).text()
