"""Templates by Jinja2, sandboxed: read, judged, compiled, rendered.

Jinja2's own sandbox is the second wall: an environment without globals, in which nothing can be called, no attribute of
an object be read, and every calculation is ours. The first are the rules: what they do not know is refused.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import jinja2
import msgspec
from jinja2 import pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sidecar.dialects.allowance import Allowance
from sidecar.dialects.templating import rules
from sidecar.dialects.templating.filters import FILTERS
from sidecar.dialects.templating.limits import BRACKETS, LARGEST, PER_TOKEN, TOKENS, Meter, TemplateTrouble
from sidecar.dialects.templating.operators import OPERATORS
from sidecar.dialects.templating.predicates import TESTS
from sidecar.dialects.templating.values import LOOP, METER, Missing, calculate, meter_of, number, spelled
from sidecar.dialects.templating.variables import FreeKeys

KEPT: Final = 100_000  # tokens of all templates that are kept compiled: some tens of MiB at the most
_FILE: Final = "<template>"


class Environment(ImmutableSandboxedEnvironment):
    """Plain data, the listed functions, and nothing else."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=Missing,
            optimized=False,  # what is calculated while a template is compiled would be paid for by nobody
            autoescape=False,
            finalize=pass_context(_printed),
            cache_size=0,
            auto_reload=False,
        )
        self.globals.clear()
        self.filters = {name: pass_context(one) for name, one in {**FILTERS, **OPERATORS}.items()}
        self.tests = {name: pass_context(one) for name, one in TESTS.items()}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return calculate(context, operator, left, right)

    def call_unop(self, _context: Context, operator: str, arg: Any) -> Any:
        return -number(arg) if operator == "-" else number(arg)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict) and isinstance(argument, str):
            if argument in obj:
                return obj[argument]
            if isinstance(obj, FreeKeys):
                return obj.missing
        if isinstance(obj, list | tuple) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self._missing(obj, argument)

    def _missing(self, obj: Any, argument: Any) -> Any:
        name = repr(argument) if isinstance(argument, str | int) and len(str(argument)) <= 60 else "such a thing"
        if isinstance(obj, Missing):
            return obj
        if obj is None:
            return Missing(f"asks null for {name}: put it between `{{% if ... %}}` and `{{% endif %}}`")
        if isinstance(obj, list | tuple):
            return Missing(f"asks a list of {len(obj)} for {name}: use `| first`, or `| last`")
        return Missing(f"asks for {name}, which is not there")

    def is_safe_attribute(self, _obj: Any, _attr: str, _value: Any) -> bool:
        return False

    def is_safe_callable(self, _obj: Any) -> bool:
        return False

    def call(self, _context: Context, _obj: Any, /, *_args: Any, **_kwargs: Any) -> Any:
        raise TemplateTrouble("calls something: there are filters and tests, and no calls")


def _printed(context: Context, value: Any) -> str:
    return meter_of(context).copy(spelled(value))


class Compiled(msgspec.Struct, frozen=True):
    """A template that can be rendered, the variables that it uses, and what it costs."""

    template: jinja2.Template
    names: frozenset[str]
    weight: int  # steps, its loops apart
    tokens: int

    def render(self, variables: Mapping[str, Any], meter: Meter) -> str:
        """The text for these variables. Raises TemplateTrouble."""
        meter.spend(self.weight)
        context = self.template.new_context({**variables, METER: meter}, shared=True)
        made: list[str] = []
        size = 0
        try:
            for piece in self.template.root_render_func(context):
                size += len(piece)
                if size > LARGEST:
                    break
                made.append(piece)
        except TemplateTrouble as error:
            raise TemplateTrouble(str(error), error.line or self._line(error)) from None
        except (jinja2.TemplateError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            said = str(error).partition("\n")[0][:200]
            raise TemplateTrouble(f"cannot be rendered: {said}", self._line(error)) from None
        if size > LARGEST:
            raise TemplateTrouble(f"makes a text of more than {LARGEST // 1024} KiB")
        return "".join(made)

    def _line(self, error: BaseException) -> int:
        """The template's line that was being rendered."""
        trace, line = error.__traceback__, 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == _FILE:
                line = self.template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line


class Library:
    """Compiled templates by their text. The longest unused go first, so that what is kept is bounded.

    A configuration is read on a thread while the loop says events with the one before.
    """

    def __init__(self, most: int = KEPT) -> None:
        self._lock = threading.Lock()  # never held while a template is compiled
        self._environment = Environment()
        self._kept: OrderedDict[str, Compiled] = OrderedDict()
        self._most = most
        self.tokens = 0  # of all that are kept

    def get(self, text: str, allowance: Allowance | None = None) -> Compiled:
        """The template; compiling it is paid for by the allowance. Raises TemplateTrouble with its line."""
        with self._lock:
            found = self._kept.get(text)
            if found is not None:
                self._kept.move_to_end(text)
                return found
        made = compiled(self._environment, text)
        if allowance is not None:
            allowance.left -= made.tokens * PER_TOKEN
        with self._lock:
            if text in self._kept:  # meanwhile another has compiled it, too
                return self._kept[text]
            self._kept[text] = made
            self.tokens += made.tokens
            while self.tokens > self._most and len(self._kept) > 1:
                self.tokens -= self._kept.popitem(last=False)[1].tokens
        return made


def compiled(environment: Environment, text: str) -> Compiled:
    """Read, judge and compile a template. Raises TemplateTrouble with its line."""
    try:
        tokens = _counted(environment, text)
        tree = environment.parse(text)
        judged = rules.judge(environment, tree)
        code = environment.compile(tree, filename=_FILE)
        template = jinja2.Template.from_code(environment, code, {})
    except jinja2.TemplateSyntaxError as error:
        said = (error.message or "").partition("\n")[0][:200]
        raise TemplateTrouble(said[:1].lower() + said[1:], error.lineno) from None
    except TemplateTrouble:
        raise
    except (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError) as error:
        raise TemplateTrouble(f"cannot be read ({type(error).__name__}): make it simpler") from None
    return Compiled(template, judged.names, judged.weight, tokens)


def _counted(environment: Environment, text: str) -> int:
    """How many tokens there are. Raises TemplateTrouble for too many, and for brackets that are too deep to be read."""
    count = depth = 0
    for line, kind, value in environment.lex(text):
        if kind == "whitespace":
            continue
        count += 1
        if count > TOKENS:
            raise TemplateTrouble(f"has more than {TOKENS} words and signs: make it shorter", line)
        if kind == "operator":
            depth += (value in "([{") - (value in ")]}")
            if depth > BRACKETS:
                raise TemplateTrouble(f"has more than {BRACKETS} brackets one within another", line)
    return count
