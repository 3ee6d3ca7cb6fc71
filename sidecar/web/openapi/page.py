"""The document as a page: plain HTML with a style of its own, without scripts and without anything from elsewhere."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { border-bottom: 1px solid var(--line); margin-top: 3rem; padding-bottom: .2rem; }
h3 { margin-top: 2.5rem; overflow-wrap: anywhere; }
h3 b { display: inline-block; min-width: 4.5rem; }
code, pre { font: .875rem/1.45 ui-monospace, monospace; }
code { overflow-wrap: anywhere; }
pre { background: var(--soft); border-radius: .3rem; overflow-x: auto; padding: .7rem; }
table { border-collapse: collapse; display: block; margin: .7rem 0; overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: top; }
caption { font-weight: 600; padding: .4rem 0; text-align: left; }
nav ul { list-style: none; padding-left: 1rem; }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_MARKED: Final = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def page(document: dict[str, Any]) -> bytes:
    """The whole page of a document."""
    info = document["info"]
    title = f"{info['title']} {info['version']}: API"
    groups = _by_tag(document)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style></head><body><header><h1>{escape(title)}</h1></header>",
        *_paragraphs(info["description"]),
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>, OpenAPI 3.1.</p>',
        *_contents(groups),
        "<main>",
    ]
    for tag, calls in groups:
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{_text(tag['description'])}</p>")
        for method, path, what in calls:
            parts += _call(document, method, path, what)
    parts.append("<h2>Shapes</h2>")
    for name, shape in document["components"]["schemas"].items():
        parts += _shape(name, shape)
    parts.append("</main></body></html>\n")
    return "\n".join(parts).encode()


def curl(method: str, path: str, what: dict[str, Any]) -> str:
    """A command that makes the call with the examples of its parameters and body."""
    given = what.get("parameters", ())
    for one in given:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    query = {one["name"]: one["example"] for one in given if one["in"] == "query" and one["name"] in {"limit", "since"}}
    url = f"https://sidecar.example.com{path}" + (f"?{urlencode(query, safe=':')}" if query else "")
    words = ["curl --fail-with-body -u maria"]
    if method != "GET":
        words.append(f"-X {method}")
    words.append(f"'{url}'")
    body = what.get("requestBody")
    if body is not None:
        written = json.dumps(next(iter(body["content"].values()))["example"])
        words.append(f"\\\n  -H 'Content-Type: application/json' -d '{written}'")
    return " ".join(words)


# --- parts -----------------------------------------------------------------------------------------------------------

_Groups = list[tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]]


def _by_tag(document: dict[str, Any]) -> _Groups:
    calls = [
        (method.upper(), path, what) for path, methods in document["paths"].items() for method, what in methods.items()
    ]
    return [(tag, [one for one in calls if tag["name"] in one[2]["tags"]]) for tag in document["tags"]]


def _contents(groups: _Groups) -> list[str]:
    parts = ["<nav><ul>"]
    for tag, calls in groups:
        parts.append(f"<li>{escape(tag['name'])}<ul>")
        parts += [
            f'<li><a href="#{what["operationId"]}">{_code(f"{method} {path}")}</a> {_text(what["summary"])}</li>'
            for method, path, what in calls
        ]
        parts.append("</ul></li>")
    return [*parts, "</ul></nav>"]


def _call(document: dict[str, Any], method: str, path: str, what: dict[str, Any]) -> list[str]:
    parts = [
        f'<section id="{what["operationId"]}"><h3><b>{method}</b> <code>{escape(path)}</code></h3>',
        f"<p><strong>{_text(what['summary'])}.</strong> {_text(what['description'])}</p>",
    ]
    if parameters := what.get("parameters"):
        rows = [(_code(one["name"]), one["in"], _kind(one["schema"]), _text(one["description"])) for one in parameters]
        parts.append(_table("Parameters", ("name", "in", "", ""), rows))
    if (body := what.get("requestBody")) is not None:
        (content,) = body["content"].values()
        needed = "needed" if body["required"] else "may be left out"
        parts.append(f"<p>Body ({needed}): {_kind(content['schema'])}</p>")
    parts.append(_table("Answers", ("status", "", ""), [_answer(document, *one) for one in what["responses"].items()]))
    parts.append(f"<pre>{escape(curl(method, path, what))}</pre>")
    contents = [one for response in what["responses"].values() for one in response.get("content", {}).values()]
    parts += [f"<pre>{escape(_pretty(one['example']))}</pre>" for one in contents if "example" in one]
    return [*parts, "</section>"]


def _answer(document: dict[str, Any], status: str, response: dict[str, Any]) -> tuple[str, str, str]:
    text = response.get("description")
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    kinds = ", ".join(_kind(one["schema"]) for one in response.get("content", {}).values())
    return status, kinds, _text(text or response["description"])


def _shape(name: str, shape: dict[str, Any]) -> list[str]:
    parts = [f'<section id="shape-{escape(name)}"><h3>{escape(name)}</h3>']
    if shape.get("description"):
        parts.append(f"<p>{_text(shape['description'])}</p>")
    properties = shape.get("properties")
    if not properties:
        return [*parts, f"<p>{_kind(shape)}</p></section>"]
    needed = set(shape.get("required", ()))
    rows = [
        (
            _code(key) + ("" if key in needed else " (may be left out)"),
            _kind(one),
            _text(one.get("description", ""))
            + (f" Default: {_code(_short(one['default']))}" if "default" in one else ""),
        )
        for key, one in properties.items()
    ]
    return [*parts, _table("", ("field", "", ""), rows), "</section>"]


def _table(caption: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Cells are HTML already."""
    lines = [f"<caption>{caption}</caption>"] if caption else []
    lines.append("<tr>" + "".join(f'<th scope="col">{one}</th>' for one in head) + "</tr>")
    lines += ["<tr>" + "".join(f"<td>{one}</td>" for one in row) + "</tr>" for row in rows]
    return "<table>" + "\n".join(lines) + "</table>"


# --- words -----------------------------------------------------------------------------------------------------------


def _kind(schema: dict[str, Any]) -> str:
    """What a schema takes, in a few words of HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#shape-{name}">{name}</a>'
    if "enum" in schema:
        return "one of " + ", ".join(_code(_short(one)) for one in schema["enum"])
    if "const" in schema:
        return _code(_short(schema["const"]))
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if not kinds:
        either = [_kind(one) for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()))]
        return " or ".join(either) or "anything"
    return " or ".join(_plain(kind, schema) for kind in kinds)


def _plain(kind: str, schema: dict[str, Any]) -> str:
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    if kind == "object" and schema.get("properties"):
        inner = ", ".join(f"{_code(key)}: {_kind(one)}" for key, one in schema["properties"].items())
        return f"object of {inner}"
    words = {"string": "text", "integer": "number", "null": "null", "boolean": "true or false"}.get(kind, kind)
    if schema.get("format") == "date-time":
        return "time"
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind in {"integer", "number"} and low is not None and high is not None:
        return f"{words} from {low} to {high}"
    return words


def _paragraphs(text: str) -> list[str]:
    return [f"<p>{_text(one)}</p>" for one in text.split("\n\n")]


def _text(text: str) -> str:
    """Words with their two kinds of marks as HTML."""
    return _MARKED.sub(
        lambda found: f"<code>{found[1]}</code>" if found[1] else f"<b>{found[2]}</b>", escape(text, quote=False)
    )


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pretty(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
