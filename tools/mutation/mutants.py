"""Mutants of CUDA C: a source with one small mistake in it.

    for edit in edits(Source(text)): print(edit.line, edit.marked)

Every operator below is a function that yields spans of the text and what to put there. What it
makes need not compile: the compiler sorts that out. Not touched: comments, strings, preprocessor
lines, template headers, parameters and types of declarations.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from .source import LEVELS, TYPE_WORDS, Definition, Source

__all__ = ["OPERATORS", "Edit", "edits"]

CONTROL = set("if for while switch return sizeof alignas else do".split())
OTHERS = {
    **{"<": ("<=", "!=", ">="), ">": (">=", "!=", "<="), "==": ("!=", "<=", ">=")},
    **{"<=": ("<", "==", ">"), ">=": (">", "==", "<"), "!=": ("==", "<", ">")},
    **{"+": ("-", "*"), "-": ("+", "*"), "*": ("/", "+"), "/": ("*", "%"), "%": ("/", "*")},
    **{"<<": (">>",), ">>": ("<<",), "&": ("|", "^"), "|": ("&", "^"), "^": ("|", "&")},
    **{"&&": ("||",), "||": ("&&",)},
    **{"+=": ("-=", "="), "-=": ("+=", "="), "*=": ("/=", "="), "/=": ("*=", "%=", "=")},
    **{"%=": ("/=", "="), "^=": ("|=", "="), "&=": ("|=", "="), "|=": ("&=", "=")},
    **{"<<=": (">>=",), ">>=": ("<<=",)},
}
WORDS = {
    **{"min": "max", "max": "min", "fmin": "fmax", "fmax": "fmin", "true": "false"},
    **{"false": "true", "continue": "break", "break": "continue"},
    **{"threadIdx": "blockIdx", "blockIdx": "threadIdx"},
    **{"blockDim": "gridDim", "gridDim": "blockDim"},
}
NEXT_AXIS = {"x": "y", "y": "z", "z": "x"}


class Edit(NamedTuple):
    """One mutant: `after` in place of text[start:end]."""

    start: int
    end: int
    before: str
    after: str
    line: int  # from 1
    column: int
    where: str  # the definition it is in
    marked: str  # the line with the change in it as `git diff --word-diff` writes it
    occurrence: int  # of this very change of this very line in its definition, from 1

    def applied(self, text: str) -> str:
        """The text with the mistake in it."""
        return text[: self.start] + self.after + text[self.end :]


Span = tuple[int, int, str]


# ---- the operators: where, and what instead


def other_operators(s: Source, d: Definition) -> Iterator[Span]:
    """Another comparison, arithmetic, logic, compound assignment; up for down.

    But not != for < where ++ counts: such a loop ends at the same number.
    """
    counting = s.counting(d)
    for i in range(d.first, d.last):
        t = s.tokens[i]
        if s.binary(i) or (t.kind == "mark" and t.text in OTHERS and t.text not in LEVELS):
            for other in OTHERS[t.text]:
                if other != "!=" or i not in counting:
                    yield t.start, t.end, other
        elif t.text in ("++", "--"):
            yield t.start, t.end, "--" if t.text == "++" else "++"


def other_words(s: Source, d: Definition) -> Iterator[Span]:
    """min for max, true for false, blocks for threads, the next axis."""
    for i in range(d.first, d.last):
        t = s.tokens[i]
        if t.text in WORDS and s.at(i - 1) not in (".", "->"):
            yield t.start, t.end, WORDS[t.text]
            if s.at(i + 1) == "." and s.at(i + 2) in NEXT_AXIS:
                axis = s.tokens[i + 2]
                yield axis.start, axis.end, NEXT_AXIS[axis.text]


def other_numbers(s: Source, d: Definition) -> Iterator[Span]:
    """One more, one less; the low half of a mask; twice a float.

    But not a longer array in a function, which nothing can notice.
    """
    lengths = s.lengths(d)
    for i in range(d.first, d.last):
        t = s.tokens[i]
        if t.kind != "number":
            continue
        if match := re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)", t.text):
            digits, suffix = match.groups()
            number, form = int(digits, 0), "{:#x}" if digits[1:2] in ("x", "X") else "{}"
            wanted = [number + 1] if i not in lengths else []
            wanted += [number - 1] if number else []
            if number > 3 and number & (number + 1) == 0:
                wanted.append((1 << number.bit_length() // 2) - 1)
            for n in wanted:
                yield t.start, t.end, form.format(n) + suffix
        else:
            yield t.start, t.end, f"(2 * {t.text})"


def no_operand(s: Source, d: Definition) -> Iterator[Span]:
    """One side of a binary operator alone."""
    for i in range(d.first, d.last):
        if s.binary(i) and LEVELS[s.at(i)] not in (5, 6):
            yield s.tokens[i - 1].end, s.tokens[s.right(i)].end, ""
            yield s.tokens[s.left(i)].start, s.tokens[i + 1].start, ""


def no_sign(s: Source, d: Definition) -> Iterator[Span]:
    """No !, -, ~ before what it stands at."""
    for i in range(d.first, d.last):
        t = s.tokens[i]
        if t.text in ("!", "-", "~") and not s.spaced(i):
            yield t.start, t.end, ""


def no_cast(s: Source, d: Definition) -> Iterator[Span]:
    """Without (T), (int), (long long)."""
    types = TYPE_WORDS | set(re.findall(r"typename (\w+)", s.text))
    for i in range(d.first, d.last):
        if s.at(i) != "(":
            continue
        end = s.partner[i]
        inside = s.texts[i + 1 : end]
        if inside and types.issuperset(inside) and s.tokens[i - 1].kind != "name":
            if s.tokens[end + 1].kind in ("name", "number") or s.at(end + 1) in ("(", "-", "!"):
                yield *s.span(i, end), ""
        elif inside and types.issuperset(inside) and s.at(i - 1) == "return":
            yield *s.span(i, end), " "


def no_statement(s: Source, d: Definition) -> Iterator[Span]:
    """A statement left out: an assignment, a call, a barrier, continue, an early return."""
    for first, last in s.statements(d):
        returns = s.at(first) == "return"
        if not s.declares(first) and not (returns and last + 1 == d.last):
            yield s.tokens[first].start, s.tokens[last - 1].end, ""


def other_conditions(s: Source, d: Definition) -> Iterator[Span]:
    """Always, never, the other way round; one branch of a ?:; a loop that never runs."""
    for i in range(d.first, d.last):
        text = s.at(i)
        if text in ("if", "while") and s.at(i + 1) == "(":
            start, end = s.span(i + 2, s.partner[i + 1] - 1)
            yield start, end, f"!({s.text[start:end]})"
            yield start, end, "false"
            if text == "if":
                yield start, end, "true"
        elif text == "?":
            yield *s.span(i, i), "|| true ?"
            yield *s.span(i, i), "&& false ?"
        elif text == "for" and s.at(i + 1) == "(":
            ends = [j for j in range(i + 1, s.partner[i + 1]) if s.at(j) == ";"]
            if len(ends) == 2 and ends[1] - ends[0] > 1:
                yield *s.span(ends[0] + 1, ends[1] - 1), "false"


def other_calls(s: Source, d: Definition) -> Iterator[Span]:
    """f(a) without f; min and max of one; neighbouring arguments the other way round."""
    for i in range(d.first, d.last):
        opens = s.at(i + 1) == "(" and s.tokens[i].kind == "name" and s.at(i) not in CONTROL
        if not opens or (s.tokens[i - 1].kind == "name" and s.at(i - 1) != "return"):
            continue
        arguments = s.arguments(i + 1)
        if len(arguments) == 1:
            yield *s.span(i, i), ""
        for (a, b), (c, e) in pairwise(arguments):
            (start, mid), (next_, end) = s.span(a, b), s.span(c, e)
            swapped = s.text[next_:end] + s.text[mid:next_] + s.text[start:mid]
            yield start, end, swapped
        if s.at(i) in ("min", "max", "fmin", "fmax"):
            for a, b in arguments:
                start, end = s.span(a, b)
                yield *s.span(i, s.partner[i + 1]), f"({s.text[start:end]})"


def other_members(s: Source, d: Definition) -> Iterator[Span]:
    """Another member of the same struct, if it has one of the same type."""
    nexts = _next_members(s.text + s.included)
    for i in range(d.first, d.last):
        t = s.tokens[i]
        if s.at(i - 1) in (".", "->") and t.text in nexts:
            yield t.start, t.end, nexts[t.text]


def _next_members(text: str) -> dict[str, str]:
    nexts: dict[str, str] = {}
    for body in re.findall(r"\bstruct \w+ \{(.*?)\n\};", text, re.DOTALL):
        if "(" in (body := re.sub(r"//[^\n]*", "", body)):
            continue  # it has functions
        by_type: dict[str, list[str]] = {}
        for line in body.split(";"):
            if match := re.fullmatch(
                r"\s*([\w ]+?[*&]?) (\w+(?:\[\w+\])?(?:,.*)?)", line, re.DOTALL
            ):
                members = [re.sub(r"\[.*", "", m).strip(" *\n") for m in match[2].split(",")]
                by_type.setdefault(match[1], []).extend(members)
        for members in by_type.values():
            if len(members) > 1:
                nexts |= dict(zip(members, [*members[1:], members[0]], strict=True))
    return nexts


OPERATORS: tuple[Callable[[Source, Definition], Iterator[Span]], ...] = (
    other_operators,
    other_words,
    other_numbers,
    no_operand,
    no_sign,
    no_cast,
    no_statement,
    other_conditions,
    other_calls,
    other_members,
)


def edits(source: Source) -> list[Edit]:
    """Every mutant of a source, in the order of the text, none twice."""
    found: dict[Span, str] = {}
    for d in source.definitions:
        body = d._replace(first=source.body(d))
        for operator in OPERATORS:
            for start, end, after in operator(source, body):
                if source.text[start:end] != after:
                    found.setdefault((start, end, after), d.name)
    seen: Counter[tuple[str, str]] = Counter()
    return [_edit(source.text, span, where, seen) for span, where in sorted(found.items())]


def _edit(text: str, span: Span, where: str, seen: Counter[tuple[str, str]]) -> Edit:
    start, end, after = span
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    before = text[start:end]
    removed, added = f"[-{before}-]" if before else "", f"{{+{after}+}}" if after else ""
    line = f"{text[first:start]}{removed}{added}{text[end : last if last >= 0 else len(text)]}"
    marked = " ".join(re.sub(r"\s//.*", "", line).split())
    seen[where, marked] += 1
    number = text.count("\n", 0, start) + 1
    column = start - first + 1
    return Edit(start, end, before, after, number, column, where, marked, seen[where, marked])
