"""What a template may say, judged before it is rendered: every name is known, every function listed, every loop paid.

Only what stands here can be used: printing, `if`, `for` and `set`, operators, filters and tests. Calls, macros, blocks
and other templates cannot. What Jinja would do by itself, out of sight of the meter (joining texts, comparing, taking
parts, looping), is put into the hands of `operators`.

What a value is (`variables.Shape`) is followed through the template as far as it can be known, so that a name which a
mapping cannot have is found also where no sample comes by.
"""

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from jinja2 import Environment, nodes

from sidecar.dialects.templating.filters import FILTERS
from sidecar.dialects.templating.limits import DEPTH, NAMES, PER_STEP, TemplateTrouble
from sidecar.dialects.templating.predicates import TESTS
from sidecar.dialects.templating.values import LOOP, bounded
from sidecar.dialects.templating.variables import SHAPES, Shape

Scope = dict[str, Shape | None]

_LOOP: Final = Shape(what="record", fields={name: Shape(what="number") for name in LOOP})
_TEXT: Final = Shape(what="text")
_SAME: Final = frozenset({"default", "d", "list", "reverse", "sort", "unique"})
_OTHERS: Final = "other templates (write here what they say)"
_MACROS: Final = "macros (write what they say where it is needed)"
_SAID_OTHERWISE: Final = {
    nodes.Block: "blocks (write what stands in them without)",
    nodes.Extends: _OTHERS,
    nodes.Include: _OTHERS,
    nodes.Import: _OTHERS,
    nodes.FromImport: _OTHERS,
    nodes.Macro: _MACROS,
    nodes.CallBlock: _MACROS,
    nodes.FilterBlock: "blocks of filters (use `{{ ... | filter }}`)",
    nodes.AssignBlock: "blocks of `set` (use `{% set name = ... %}`)",
    nodes.With: "`with` (use `{% set name = ... %}`)",
    nodes.Pow: "powers (multiply instead)",
    nodes.Scope: "`autoescape` (use `| tojson` or `| urlencode` where it is needed)",
    nodes.NSRef: "namespaces (use `{% set name = ... %}`)",
}
_TWO_SIDED: Final = (nodes.And, nodes.Or, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod)


class Judged(msgspec.Struct, frozen=True):
    """What is known of a template: the variables that it uses, and the steps that it takes apart from its loops."""

    names: frozenset[str]
    weight: int


def judge(environment: Environment, template: nodes.Template) -> Judged:
    """Judge a template and put what costs into the hands of `operators`. Raises TemplateTrouble."""
    judge = _Judge()
    scope: Scope = dict(SHAPES)
    judge.statements(template.body, scope, 0)
    template.set_environment(environment)
    return Judged(frozenset(judge.names), judge.weight)


class _Judge:
    """Goes through a template once. `weight` counts what is evaluated; that of a loop's rounds is the loop's own."""

    def __init__(self) -> None:
        self.weight = 0
        self.names: set[str] = set()
        self._set: set[str] = set()

    # --- statements -------------------------------------------------------------------------------------------------

    def statements(self, body: Iterable[nodes.Node], scope: Scope, depth: int) -> Scope:
        """Judge them in order; `scope` is what is known before, and afterwards what is known behind them."""
        for one in body:
            if depth > DEPTH:
                raise TemplateTrouble(f"is nested more than {DEPTH} deep", one.lineno)
            self.weight += 1
            if isinstance(one, nodes.Output):
                one.nodes = [self._printed(child, scope, depth + 1) for child in one.nodes]
            elif isinstance(one, nodes.If):
                self._if(one, scope, depth + 1)
            elif isinstance(one, nodes.For):
                self._for(one, scope, depth + 1)
            elif isinstance(one, nodes.Assign):
                one.node, shape = self.expression(one.node, scope, depth + 1)
                self._named(one.target, shape, scope)
            else:
                raise _unusable(one)
        return scope

    def _printed(self, node: nodes.Expr, scope: Scope, depth: int) -> nodes.Expr:
        if isinstance(node, nodes.TemplateData):
            self.weight += 1 + len(node.data) // PER_STEP
            return node
        return self.expression(node, scope, depth)[0]

    def _if(self, node: nodes.If, scope: Scope, depth: int) -> None:
        ways: list[Scope] = []
        for way in (node, *node.elif_):
            self.weight += 1
            way.test, _ = self.expression(way.test, scope, depth)
            ways.append(self.statements(way.body, dict(scope), depth))
        ways.append(self.statements(node.else_, dict(scope), depth))
        known = ways[0].keys() & set.intersection(*(set(one) for one in ways))
        for name in known:
            shapes = [one[name] for one in ways]
            scope[name] = shapes[0] if all(one is shapes[0] for one in shapes) else None

    def _for(self, node: nodes.For, scope: Scope, depth: int) -> None:
        if node.recursive:
            raise TemplateTrouble("cannot use `recursive` loops", node.lineno)
        over, shape = self.expression(node.iter, scope, depth)
        before = self.weight
        inner = dict(scope)
        self._named(node.target, shape.item if shape is not None and shape.what == "list" else None, inner)
        if node.test is not None:
            node.test, _ = self.expression(node.test, dict(inner), depth)
        self.statements(node.body, {**inner, "loop": _LOOP}, depth)
        node.iter = _filter("for", over, nodes.Const(self.weight - before + 1))
        self.statements(node.else_, dict(scope), depth)

    def _named(self, target: nodes.Node, shape: Shape | None, scope: Scope) -> None:
        """Take note of the names that are set."""
        if isinstance(target, nodes.Tuple):
            for one in target.items:
                self._named(one, None, scope)
            return
        if not isinstance(target, nodes.Name):
            raise _unusable(target)
        name = target.name
        if name in SHAPES or name == "loop":
            raise TemplateTrouble(f"sets `{name}`, which is a variable of its own: take another name", target.lineno)
        _check_name(name, target.lineno)
        self._set.add(name)
        if len(self._set) > NAMES:
            raise TemplateTrouble(f"sets more than {NAMES} names", target.lineno)
        scope[name] = shape

    # --- expressions ------------------------------------------------------------------------------------------------

    def expression(self, node: nodes.Node, scope: Scope, depth: int) -> tuple[nodes.Expr, Shape | None]:
        """The expression as it is to be evaluated, and what it comes to as far as that is known."""
        if depth > DEPTH:
            raise TemplateTrouble(f"is nested more than {DEPTH} deep", node.lineno)
        self.weight += 1
        inner = depth + 1
        match node:
            case nodes.Const():
                return self._const(node), None
            case nodes.Name():
                return node, self._name(node, scope)
            case nodes.Getattr():
                return self._attribute(node, scope, inner)
            case nodes.Getitem():
                return self._item(node, scope, inner)
            case nodes.Filter():
                return self._filter(node, scope, inner)
            case nodes.Test():
                self._function(node, TESTS, "test", scope, inner)
                return node, Shape(what="flag")
            case nodes.List() | nodes.Tuple():
                node.items = [self.expression(one, scope, inner)[0] for one in node.items]
                return node, Shape(what="list")
            case nodes.Dict():
                for pair in node.items:
                    pair.key = _filter("{a: b}", self.expression(pair.key, scope, inner)[0])
                    pair.value, _ = self.expression(pair.value, scope, inner)
                return node, None
            case nodes.Concat():
                parts = [self.expression(one, scope, inner)[0] for one in node.nodes]
                return _filter("a ~ b", parts[0], *parts[1:]), _TEXT
            case nodes.Compare():
                return self._compare(node, scope, inner), Shape(what="flag")
            case nodes.CondExpr():
                return self._either(node, scope, inner)
            case nodes.Not() | nodes.Neg() | nodes.Pos():
                node.node, _ = self.expression(node.node, scope, inner)
                return node, None
            case nodes.BinExpr() if isinstance(node, _TWO_SIDED):
                node.left, _ = self.expression(node.left, scope, inner)
                node.right, _ = self.expression(node.right, scope, inner)
                return node, None
        raise _unusable(node)

    def _const(self, node: nodes.Const) -> nodes.Expr:
        if isinstance(node.value, str):
            self.weight += len(node.value) // PER_STEP
        elif node.value is not None and not isinstance(node.value, bool):
            try:
                bounded(node.value)
            except TemplateTrouble:
                raise TemplateTrouble("has a number that is too large", node.lineno) from None
        return node

    def _name(self, node: nodes.Name, scope: Scope) -> Shape | None:
        name = node.name
        if name in scope:
            self.names.add(name)
            return scope[name]
        if name in self._set:
            raise TemplateTrouble(
                f"uses `{name}` where it is not set on every way: set it before the `if`", node.lineno
            )
        raise TemplateTrouble(f"`{_cut(name)}` is unknown{_instead(name, scope)}", node.lineno)

    def _attribute(self, node: nodes.Getattr, scope: Scope, depth: int) -> tuple[nodes.Expr, Shape | None]:
        node.node, shape = self.expression(node.node, scope, depth)
        return node, _field(node.node, shape, node.attr, node.lineno)

    def _item(self, node: nodes.Getitem, scope: Scope, depth: int) -> tuple[nodes.Expr, Shape | None]:
        node.node, shape = self.expression(node.node, scope, depth)
        if isinstance(node.arg, nodes.Slice):
            parts = (node.arg.start, node.arg.stop, node.arg.step)
            ends = [nodes.Const(None) if one is None else self.expression(one, scope, depth)[0] for one in parts]
            return _filter("a[b:c]", node.node, *ends), shape
        node.arg, _ = self.expression(node.arg, scope, depth)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return node, _field(node.node, shape, node.arg.value, node.lineno)
        return node, shape.item if shape is not None else None

    def _filter(self, node: nodes.Filter, scope: Scope, depth: int) -> tuple[nodes.Expr, Shape | None]:
        shape = self._function(node, FILTERS, "filter", scope, depth)
        assert node.node is not None
        if node.name in _SAME:
            return node, shape
        if node.name in {"first", "last"}:
            # Of an empty list it is "", which has no fields: so nothing is known of it.
            return node, None
        named = [*node.args, *(one.value for one in node.kwargs if one.key == "attribute")]
        of = shape.item if shape is not None and shape.what == "list" else None
        if node.name in {"map", "sort", "sum"} and of is not None:
            for one in named:
                if isinstance(one, nodes.Const) and isinstance(one.value, str):
                    of = _field(node.node, of, one.value, node.lineno)
        if node.name == "map":
            return node, Shape(what="list", item=of)
        return node, None

    def _function(
        self, node: nodes.Filter | nodes.Test, known: Mapping[str, Any], what: str, scope: Scope, depth: int
    ) -> Shape | None:
        """A filter or test with what it is given; returns what it is used on."""
        function = known.get(node.name)
        if function is None:
            near = _nearest(node.name, known)
            raise TemplateTrouble(
                f"there is no {what} `{_cut(node.name)}`{near or '; known: ' + ', '.join(known)}", node.lineno
            )
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise TemplateTrouble(f"gives `{node.name}` its arguments by `*`: write them out", node.lineno)
        try:
            inspect.signature(function).bind(None, None, *node.args, **{str(one.key): one for one in node.kwargs})
        except TypeError as error:
            raise TemplateTrouble(f"cannot use `{node.name}` so: {error}", node.lineno) from None
        assert node.node is not None
        node.node, shape = self.expression(node.node, scope, depth)
        node.args = [self.expression(one, scope, depth)[0] for one in node.args]
        for pair in node.kwargs:
            pair.value, _ = self.expression(pair.value, scope, depth)
        return shape

    def _compare(self, node: nodes.Compare, scope: Scope, depth: int) -> nodes.Expr:
        if len(node.ops) != 1:
            raise TemplateTrouble("compares several at once: write `a < b and b < c`", node.lineno)
        left, _ = self.expression(node.expr, scope, depth)
        right, _ = self.expression(node.ops[0].expr, scope, depth)
        return _filter("a == b", left, nodes.Const(node.ops[0].op), right)

    def _either(self, node: nodes.CondExpr, scope: Scope, depth: int) -> tuple[nodes.Expr, Shape | None]:
        if node.expr2 is None:
            raise TemplateTrouble("has an `if` in an expression without `else`: add `else ''`", node.lineno)
        node.test, _ = self.expression(node.test, scope, depth)
        node.expr1, one = self.expression(node.expr1, scope, depth)
        node.expr2, other = self.expression(node.expr2, scope, depth)
        return node, one if one is other else None


def _filter(name: str, value: nodes.Expr, *given: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(value, name, list(given), [], None, None, lineno=value.lineno)


def _field(node: nodes.Node, shape: Shape | None, name: str, line: int) -> Shape | None:
    """What a mapping's field is."""
    if shape is None or shape.what == "any":
        return None
    if shape.what == "map":
        return shape.item
    if shape.what == "record":
        if name in shape.fields:
            return shape.fields[name]
        near = _nearest(name, shape.fields, f"{_spelled(node)}.")
        raise TemplateTrouble(
            f"`{_spelled(node)}.{_cut(name)}` is unknown{near or '; it has ' + ', '.join(shape.fields)}", line
        )
    if shape.what == "list":
        remedy = f"loop over it, or write `{_spelled(node)} | first`"
        raise TemplateTrouble(f"`{_spelled(node)}` is a list and has no `{_cut(name)}`: {remedy}", line)
    raise TemplateTrouble(f"`{_spelled(node)}` is a {shape.what} and has no `{_cut(name)}`", line)


def _check_name(name: str, line: int) -> None:
    if not name.isascii() or name.startswith("_"):
        raise TemplateTrouble(f"sets `{_cut(name)}`: names are ASCII and begin with a letter", line)


def _instead(name: str, scope: Scope) -> str:
    """What was meant, as the rest of the sentence."""
    fields = [
        f"{top}.{name}" for top, shape in scope.items() if shape is not None and name in shape.fields and top in SHAPES
    ]
    if fields:
        return f": did you mean `{fields[0]}`?"
    return _nearest(name, scope) or "; known: " + ", ".join(scope)


def _nearest(name: str, known: Iterable[str], before: str = "") -> str:
    near = difflib.get_close_matches(name[:60], list(known), 1)
    return f": did you mean `{before}{near[0]}`?" if near else ""


def _spelled(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_spelled(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return f"{_spelled(node.node)}[{node.arg.value!r}]"
    return "..."


def _cut(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."


def _unusable(node: nodes.Node) -> TemplateTrouble:
    if isinstance(node, nodes.Call):
        called = node.node
        if isinstance(called, nodes.Getattr):
            name = called.attr
            if name in FILTERS:
                return TemplateTrouble(f"calls `.{name}()`: write `| {name}` instead", node.lineno)
            if name in {"startswith", "endswith"}:
                return TemplateTrouble(
                    f"calls `.{name}()`: write `is {name.removesuffix('swith')}ingwith` instead", node.lineno
                )
        return TemplateTrouble("calls something: there are filters and tests, and no calls", node.lineno)
    what = _SAID_OTHERWISE.get(type(node), f"`{type(node).__name__.lower()}`")
    return TemplateTrouble(f"cannot use {what}", node.lineno or _first_line(node))


def _first_line(node: nodes.Node) -> int:
    """Where something begins that has no line of its own."""
    return min((one.lineno for one in node.find_all(nodes.Node) if one.lineno), default=0)
