"""The YAML document with its line numbers, and environment variables put in. Knows nothing of what the keys mean.

Scalars follow YAML 1.2: only `true` and `false` are booleans, and neither `no`, `12:30` nor `2026-11-23` turns into
something else than the text it is. A key that stands twice is a finding, not a quiet overwrite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from strangler.configuration.findings import Finding, Path


@dataclass
class Document:
    """What a file says: plain values, the line (from 1) of every path, and which values came from the environment."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    interpolated: set[Path] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        """The line of the path, or of the nearest thing around it that is in the file."""
        around = (path[:length] for length in range(len(path), -1, -1))
        return next((self.lines[each] for each in around if each in self.lines), None)


def read(text: str, environment: Mapping[str, str]) -> Document:
    """Read one YAML document; never raises, what is wrong is in `findings`."""
    document = Document()
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        document.findings.append(_syntax(error))
        return document
    if root is None:
        document.findings.append(Finding((), "the file is empty", "strangler init writes a first one", 1))
        return document
    document.value = _Reader(document, environment).value(root, ())
    return document


_INTEGER: Final = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
_FLOAT: Final = re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$")
_YAML: Final = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema of YAML 1.2 in place of the guesses of YAML 1.1."""

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 (PyYAML declares it so)


_Loader.add_implicit_resolver(f"{_YAML}null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver(f"{_YAML}bool", re.compile(r"^(?:true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver(f"{_YAML}int", _INTEGER, list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_YAML}float", _FLOAT, list("-+.0123456789"))

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_REFERENCE: Final = re.compile(r"\$\$\{|\$\{[^}]*\}?")
_DEEPEST: Final = 40


class _Reader:
    """Walks the nodes once: values, lines, interpolation."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self.document, self.environment = document, environment

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > _DEEPEST:
            self._find(path, "nested too deeply", "an alias (*name) may not stand within what it names", node)
            return None
        if isinstance(node, yaml.MappingNode):
            return dict(self._items(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._find(path, "a key must be a word, not a list or a section", "name: value", key_node)
                continue
            key = key_node.value
            if key in seen:
                what = f"{key!r} is here twice, first on line {seen[key]}"
                self._find((*path, key), what, "keep one of the two", key_node)
                continue
            seen[key] = line
            self.document.lines[(*path, key)] = line
            yield key, self.value(value_node, (*path, key))

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text: str = node.value
        match node.tag.removeprefix(_YAML):
            case "null":
                return None
            case "bool":
                return text == "true"
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "str":
                return self._interpolate(text, path, node)
        self._find(path, f"the tag {node.tag} isn't known here", "the value without a tag", node)
        return None

    def _interpolate(self, text: str, path: Path, node: yaml.Node) -> str:
        def put_in(reference: re.Match[str]) -> str:
            if reference[0].startswith("$$"):
                return "${"
            self.document.interpolated.add(path)
            variable = _VARIABLE.fullmatch(reference[0])
            if variable is None:
                instead = "${NAME} or ${NAME:-default}; a literal ${ is written $${"
                self._find(path, f"{reference[0]} names no environment variable", instead, node)
                return ""
            name, default = variable.groups()
            found = self.environment.get(name, default)
            if found is None:
                instead = f"set {name} before the start, or give a default: ${{{name}:-…}}"
                self._find(path, f"the environment variable {name} isn't set", instead, node)
                return ""
            return found

        return _REFERENCE.sub(put_in, text)

    def _find(self, path: Path, what: str, instead: str, node: yaml.Node) -> None:
        self.document.findings.append(Finding(path, what, instead, node.start_mark.line + 1))


_HINTS: Final = {
    "cannot start any token": "indent with spaces, not tabs; put a text that begins with @, ` or % in quotes",
    "mapping values are not allowed": "check the indentation, or put a text that has a colon in it in quotes",
    "could not find expected ':'": "key: value (a colon and a blank after the key)",
    "unknown escape character": "single quotes, in which a backslash is only a backslash",
    "expected <block end>": "the same indentation as the lines above it",
    "unexpected end of stream": "the closing quote or bracket",
    "expected ',' or": "the closing bracket, or a comma between two entries",
    "undefined alias": "define it first with &name, or put a text that begins with * in quotes",
}


def _syntax(error: yaml.YAMLError) -> Finding:
    """A syntax error in words, with the line that the parser stumbled over."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Finding(
            (), "the file isn't text in UTF-8 that YAML allows", "plain text without control characters", 1
        )
    said = " ".join(part for part in (error.context, error.problem) if part)
    instead = next(
        (hint for sign, hint in _HINTS.items() if sign in said), "key: value, nested by indentation"
    )
    mark = error.problem_mark or error.context_mark
    return Finding((), f"not valid YAML: {said}", instead, mark.line + 1 if mark else 1)
