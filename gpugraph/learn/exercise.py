"""Questions that readers answer themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Exercise"]


@dataclass(frozen=True)
class Exercise:
    """A question with a hidden answer, which the page can check.

    question   HTML
    answer     a number that the library computed, or one of `choices`
    why        HTML: shown with the answer
    choices    texts to choose from; without them the reader types a number
    tolerance  how far a typed number may be off
    """

    question: str
    answer: float | str
    why: str
    choices: Sequence[str] = ()
    tolerance: float = 1e-9

    def html(self, number: int) -> str:
        """The exercise as an element; exercise.js checks what is typed or chosen."""
        if self.choices and self.answer not in self.choices:
            raise ValueError(f"Exercise: {self.answer!r} is none of {list(self.choices)}")
        answer = self.answer if isinstance(self.answer, str) else f"{self.answer:.12g}"
        right = self.choices.index(answer) if self.choices else answer
        if self.choices:
            reply = "".join(
                f'<label><input type="radio" name="exercise-{number}" value="{i}"> '
                f"{escape(text)}</label>"
                for i, text in enumerate(self.choices)
            )
        else:
            reply = '<label>Your answer: <input type="text" inputmode="decimal" size="9"></label>'
        return (
            f'<div class="exercise" role="group" aria-labelledby="question-{number}" '
            f'data-answer="{escape(str(right))}" data-tolerance="{self.tolerance:g}">'
            f'<p id="question-{number}"><b>{number}.</b> {self.question}</p>'
            f'<div class="reply">{reply}<button type="button">Check</button>'
            '<output aria-live="polite"></output></div>'
            f"<details><summary>Show the answer</summary><p><b>{escape(answer)}</b>. {self.why}</p>"
            "</details></div>"
        )
