"""Expressions that select blocks: Python's syntax, and a small part of its functions.

    size > 300000 and label == 'x'
    'ImageSet::ImageSet' in frames and age < 60
    pool.startswith('je') and not sampled

Only what is listed here is evaluated: an unknown name, call, index or attribute is an error that
says so.
"""

import ast
import operator

from .layout import HeapError

CONSTANTS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
METHODS = ("startswith", "endswith")
LONGEST = 4096

COMPARISONS = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}
ARITHMETIC = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}


def compile_selection(text, properties):
    """A function of a block. `properties` maps each name to a function of the block."""
    if len(text) > LONGEST:
        raise HeapError(f"select: the expression has {len(text)} characters, of {LONGEST} at most")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise HeapError(f"select: not an expression: {text!r}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise HeapError(f"select: not an expression: {text!r}: {error}") from error
    try:
        choose = _compile(tree.body, properties)
    except RecursionError as error:
        raise HeapError("select: the expression is nested too deeply") from error

    if isinstance(tree.body, (ast.Tuple, ast.List, ast.Set)):
        raise HeapError(f"select: a list is not a condition: {text}")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not used & set(properties):
        raise HeapError(f"select: it names no property of a block, so it selects all or none: "
                        f"{text}")

    def selected(block):
        try:
            return bool(choose(block))
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            raise HeapError(f"select: {text}: {error}") from error

    return selected


def _refuse(node, what):
    raise HeapError(f"select: {what}: {ast.unparse(node)}")


def _compile(node, properties):
    part = lambda inner: _compile(inner, properties)  # noqa: E731
    if isinstance(node, ast.Constant):
        if not isinstance(node.value, (bool, int, float, str)):
            _refuse(node, "not a number, a text or a truth value")
        return lambda block, value=node.value: value
    if isinstance(node, ast.Name):
        if node.id in CONSTANTS:
            return lambda block, value=CONSTANTS[node.id]: value
        if node.id not in properties:
            known = ", ".join([*sorted(properties), *CONSTANTS])
            raise HeapError(f"select: a block has no '{node.id}'; known are: {known}")
        return properties[node.id]
    if isinstance(node, ast.BoolOp):
        values = [part(value) for value in node.values]
        if isinstance(node.op, ast.And):
            return lambda block: all(value(block) for value in values)
        return lambda block: any(value(block) for value in values)
    if isinstance(node, ast.UnaryOp):
        value = part(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda block: not value(block)
        if isinstance(node.op, ast.USub):
            return lambda block: -value(block)
        _refuse(node, "an operator that is not known here")
    if isinstance(node, ast.Compare):
        return _comparison(node, part)
    if isinstance(node, ast.BinOp):
        return _arithmetic(node, part)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        elements = [part(element) for element in node.elts]
        return lambda block: [element(block) for element in elements]
    if isinstance(node, ast.Call):
        return _call(node, part)
    return _refuse(node, "not allowed here")


def _comparison(node, part):
    first = part(node.left)
    rest = []
    for operation, right in zip(node.ops, node.comparators):
        if type(operation) not in COMPARISONS:
            _refuse(node, "a comparison that is not known here")
        rest.append((COMPARISONS[type(operation)], part(right)))

    def compare(block):
        left = first(block)
        for operation, right in rest:
            value = right(block)
            if not operation(left, value):
                return False
            left = value
        return True

    return compare


def _arithmetic(node, part):
    if type(node.op) not in ARITHMETIC:
        _refuse(node, "an operator that is not known here")
    operation, left, right = ARITHMETIC[type(node.op)], part(node.left), part(node.right)

    def reckon(block):
        a, b = left(block), right(block)
        # Numbers only: multiplying or formatting a text can make it arbitrarily long.
        if not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
            raise TypeError(f"{ast.unparse(node)} is arithmetic on what is not a number")
        return operation(a, b)

    return reckon


def _call(node, part):
    if node.keywords:
        _refuse(node, "not allowed here")
    if isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
        value = part(node.args[0])
        return lambda block: len(value(block))
    if (isinstance(node.func, ast.Attribute) and node.func.attr in METHODS and
            len(node.args) == 1):
        value, argument, method = part(node.func.value), part(node.args[0]), node.func.attr

        def call(block):
            text, affix = value(block), argument(block)
            if not isinstance(text, str) or not isinstance(affix, str):
                raise TypeError(f"{method} is for texts")
            return getattr(text, method)(affix)

        return call
    return _refuse(node, "of calls only len(x), x.startswith(y) and x.endswith(y) are allowed")
