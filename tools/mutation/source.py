"""CUDA C as tokens: which brackets belong together, what is an operator, what a statement.

Enough to make mutants, without a parser: spaces tell binary from unary operators and comparisons
from template brackets, so the source must be formatted as clang-format does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

__all__ = ["LEVELS", "TYPE_WORDS", "Definition", "Source", "Token"]

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>0[xX][0-9a-fA-F]+[uUlL]*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFuUlL]*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<mark><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|::|\S)""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
BRACKETS = {"(": ")", "[": "]", "{": "}"}
TYPE_WORDS = set("const unsigned signed long short int char bool float double auto void".split())
DECLARING = TYPE_WORDS | set("struct static extern constexpr using typename __shared__".split())

# How tightly binary operators bind; those of the same level group from the left.
LEVELS = {
    **dict.fromkeys(("*", "/", "%"), 9),
    **dict.fromkeys(("+", "-"), 8),
    **dict.fromkeys(("<<", ">>"), 7),
    **dict.fromkeys(("<", ">", "<=", ">="), 6),
    **dict.fromkeys(("==", "!="), 5),
    **{"&": 4, "^": 3, "|": 2, "&&": 1, "||": 0},
}
ASSIGNMENTS = set("= += -= *= /= %= &= |= ^= <<= >>=".split())


class Token(NamedTuple):
    """A piece of the text from `start` to before `end`."""

    kind: str  # "number", "name" or "mark"; "string"
    text: str
    start: int
    end: int


class Definition(NamedTuple):
    """A function, a struct or a constant at the top of a file."""

    name: str
    kernel: bool
    first: int  # its tokens, from this one
    last: int  # to this one
    names: frozenset[str]  # all names that stand in it


class Source:
    """A text, its tokens, and which bracket belongs to which.

    included  the text of the headers that it includes, to know their structs
    """

    def __init__(self, text: str, included: str = "") -> None:
        self.text, self.included = text, included
        self.tokens = [
            Token(str(m.lastgroup), m[0], m.start(), m.end())
            for m in TOKEN.finditer(text)
            if m.lastgroup not in ("comment", "directive")
        ]
        self.partner = self._brackets()
        self.texts = [t.text for t in self.tokens]

    def _brackets(self) -> dict[int, int]:
        partner, open_ = {}, []
        for i, token in enumerate(self.tokens):
            if token.text in BRACKETS:
                open_.append(i)
            elif token.text in BRACKETS.values() and token.kind == "mark":
                j = open_.pop()
                partner[i], partner[j] = j, i
        return partner

    def at(self, i: int) -> str:
        """Text of token i; empty outside."""
        return self.texts[i] if 0 <= i < len(self.texts) else ""

    def spaced(self, i: int) -> bool:
        """Has token i space on both sides? Then it is a binary operator."""
        t = self.tokens[i]
        return self.text[t.start - 1 : t.start].isspace() and self.text[t.end : t.end + 1].isspace()

    def binary(self, i: int) -> bool:
        """Is token i a binary operator?"""
        return self.texts[i] in LEVELS and self.tokens[i].kind == "mark" and self.spaced(i)

    @cached_property
    def definitions(self) -> list[Definition]:
        """What stands at the top, in order."""
        found, i = [], 0
        while i < len(self.tokens):
            last = i
            while self.at(last) not in (";", "{", ""):
                last = self.partner.get(last, last) + 1
            if self.at(last) == "{":
                last = self.partner[last]
                if self.at(last + 1) == ";":
                    last += 1
            last = min(last, len(self.tokens) - 1)
            names = frozenset(t.text for t in self.tokens[i : last + 1] if t.kind == "name")
            found.append(Definition(self._name(i, last), "__global__" in names, i, last, names))
            i = last + 1
        return found

    def _name(self, first: int, last: int) -> str:
        i = first = self.after_template(first)
        if self.at(i) == "struct":
            return self.at(i + 1)
        while i < last and self.at(i) not in ("(", "[", "=", "{", ";"):
            bounds = self.at(i) in ("__launch_bounds__", "alignas", "__align__")
            i = self.partner[i + 1] + 1 if bounds else i + 1
        return self.at(i - 1)

    def after_template(self, i: int) -> int:
        """The number of the token after ``template <...>``, if that is what starts at i."""
        while self.at(i) == "template":
            depth, i = 1, i + 2
            while depth and i < len(self.tokens):
                depth += {"<": 1, ">": -1, ">>": -2}.get(self.at(i), 0)
                i += 1
        return i

    def body(self, d: Definition) -> int:
        """The first token that is mutated: behind the parameters of a function."""
        i = self.after_template(d.first)
        while i < d.last and self.at(i) not in ("{", "=", "["):
            i = self.partner[i] if self.at(i) == "(" else i + 1
            i += self.at(i) == ")"
        return i

    def span(self, i: int, j: int) -> tuple[int, int]:
        """Where tokens i to j (included) stand."""
        return self.tokens[i].start, self.tokens[j].end

    def arguments(self, i: int) -> list[tuple[int, int]]:
        """The (first, last) tokens of each argument in the brackets that open at i."""
        end, found, first = self.partner[i], [], i + 1
        j = first
        while j < end:
            if self.at(j) == ",":
                found.append((first, j - 1))
                first = j + 1
            j = self.partner.get(j, j) + 1 if self.at(j) in BRACKETS else j + 1
        return [*found, (first, end - 1)] if first < end else found

    def statements(self, d: Definition) -> Iterator[tuple[int, int]]:
        """(first token, its semicolon) of the simple statements in a function."""
        start = None
        i = d.first
        while i <= d.last:
            text = self.at(i)
            if text == "{":
                start = i + 1
            elif text in (";", "}"):
                if text == ";" and start is not None and start < i:
                    yield start, i
                start = i + 1
            elif text == "(":
                head, i = i, self.partner[i]
                if self.at(head - 1) in ("if", "for", "while", "switch"):
                    start = i + 1
            elif text in ("else", "do") or (text == ":" and self.at(start or 0) == "case"):
                start = i + 1
            i += 1

    def declares(self, i: int) -> bool:
        """Does a declaration start at token i? A type is followed by a name, or by * & < ::"""
        if self.at(i) in DECLARING or self.at(i) in ("return", "goto"):
            return self.at(i) in DECLARING
        joined = self.at(i + 1) in ("*", "&", "<", "::") and not self.spaced(i + 1)
        return self.tokens[i].kind == "name" and (self.tokens[i + 1].kind == "name" or joined)

    def counting(self, d: Definition) -> set[int]:
        """The < in ``for (...; a < b; ++a)``."""
        found = set()
        for i in range(d.first, d.last):
            if self.at(i) == "for" and self.at(i + 1) == "(":
                end = self.partner[i + 1]
                if self.at(end - 2) == "++":
                    found.update(j for j in range(i, end) if self.at(j) == "<" and self.binary(j))
        return found

    def lengths(self, d: Definition) -> set[int]:
        """The 3 in declarations like ``int t[3], o[3];`` in a function."""
        found: set[int] = set()
        for first, last in self.statements(d):
            j = first if self.declares(first) and not self.is_struct(d) else last
            while j < last:
                if self.at(j) == "=":  # what follows is a value
                    while j < last and self.at(j) != ",":
                        j = self.partner.get(j, j) + 1
                elif self.at(j) == "[" and j + 2 == self.partner[j]:
                    found.add(j + 1)
                j += 1
        return found

    def is_struct(self, d: Definition) -> bool:
        """Or else a function, or a constant."""
        return self.at(self.after_template(d.first)) == "struct"

    def right(self, i: int) -> int:
        """The last token of the right operand of the binary operator i."""
        j = i + 1
        while j < len(self.tokens):
            if self.at(j) in BRACKETS:
                j = self.partner[j]
            looser = self.binary(j) and LEVELS[self.at(j)] <= LEVELS[self.at(i)]
            if looser or self.at(j) in (";", ",", "?", ":") or self.partner.get(j, j) < i:
                break
            j += 1
        return j - 1

    def left(self, i: int) -> int:
        """The first token of its left operand."""
        stop = {";", ",", "?", ":", "return", *ASSIGNMENTS}
        j = i - 1
        while j >= 0:
            if j in self.partner and self.at(j) not in BRACKETS:
                j = self.partner[j]
            looser = self.binary(j) and LEVELS[self.at(j)] < LEVELS[self.at(i)]
            if looser or self.at(j) in stop or self.partner.get(j, j) > i:
                break
            j -= 1
        return j + 1
