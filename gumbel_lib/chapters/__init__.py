"""The chapters: what each needs of its own, and what needs to know them all.

A chapter NAME is the notebook ``chapters/NAME.ipynb`` with the folder of its name here, which
holds its ``claims.py``, and ``figures.py``, ``interactive.py`` and others as far as it needs them.
The folder ``index`` is the first page's, which states no claims. No folder imports another's.

``python -m gumbel_lib.chapters`` prints the ledger and exits 1 if a claim fails or a control
passes.
"""

from __future__ import annotations

import difflib
import importlib
import re
from importlib import resources
from typing import NamedTuple

from ..claims import Claim, Verdicts, check, registered


class Chapter(NamedTuple):
    """What the list of chapters says of one.

    Attributes
    ----------
    title, question : str
        The title of its page, and what the first page asks of it; a reference page has no question.
    """

    title: str
    question: str = ""


# The pages that state claims, in the order of the book: a folder here, with the title and the
# question that the first page asks; `questions`, a reference page, comes last and has none.
# The first page's tables read it; the tests hold notebooks, table of contents and ledger to it.
CHAPTERS = {
    "why_differentiability": Chapter(
        "Why differentiability", "What is a slope worth, and where does sampling lose it?"
    ),
    "max_distributions": Chapter(
        "Distributions of the maximum", "Where does the Gumbel distribution come from?"
    ),
    "gumbel_max": Chapter("The Gumbel-max trick", "Why is the argmax an exact draw?"),
    "reparameterization": Chapter(
        "Reparameterization: parameters apart from noise",
        "What is gained by keeping the noise apart from the parameters, and why is that not "
        "enough?",
    ),
    "relaxation": Chapter(
        "Relaxation: a softmax for the argmax",
        "What does a softmax at a temperature give, and what does it cost?",
    ),
    "die_training": Chapter(
        "Training a biased die", "How is a biased die learned through relaxed draws?"
    ),
    "die_revisited": Chapter(
        "The die revisited: why it works, and when it stops working",
        "Why did that work, and when does it stop working?",
    ),
    "numerics": Chapter(
        "Where floating point bites",
        "Where does floating point break the trick, and what holds instead?",
    ),
    "scale": Chapter(
        "From one row to a billion classes",
        "How are draws made from long rows, streams and shards without noise for every class?",
    ),
    "without_replacement": Chapter(
        "Drawing k winners: sampling without replacement",
        "How are k different classes or sequences drawn, and how is a mean estimated from them?",
    ),
    "conditional_gumbels": Chapter(
        "The same noise, another model",
        "What would another model have drawn from the same noise, and how often do both agree?",
    ),
    "language_models": Chapter(
        "Sampling from language models",
        "How does one line draw text, mark it, draft it and, in float32, cool it?",
    ),
    "gradient_estimators": Chapter(
        "Every estimator against the exact gradient",
        "Which estimate of a gradient through a draw is right, and what does it cost?",
    ),
    "categorical_vae": Chapter(
        "A variational autoencoder whose likelihood is exact",
        "How are categorical latent variables trained, and what do their objectives bound?",
    ),
    "discrete_choice": Chapter(
        "Discrete choice: utilities with Gumbel noise",
        "What do choices tell about what people value, and what would they choose next?",
    ),
    "private_selection": Chapter(
        "Private selection",
        "How is the best of several candidates chosen so that nobody is given away?",
    ),
    "questions": Chapter("Questions readers ask"),
}


def claims_of(chapter: str) -> dict[str, Claim]:
    """The claims of one chapter by their labels."""
    if chapter not in CHAPTERS:
        raise ValueError(
            f"chapter: expected one that CHAPTERS in {__name__} lists, got {chapter!r}"
        )
    module = f"{__name__}.{chapter}.claims"
    importlib.import_module(module)
    return registered(module)


def all_claims() -> dict[str, Claim]:
    """Every claim of the book by its label, in the order of the chapters."""
    return {label: one for chapter in CHAPTERS for label, one in claims_of(chapter).items()}


def _stated_in(label: str) -> str | None:
    """The chapter that states a claim, found by reading, so that no other need be imported."""
    stated = re.compile(rf'@claim\(\s*"{re.escape(label)}"')
    for chapter in CHAPTERS:
        source = resources.files(__name__).joinpath(chapter, "claims.py").read_text("utf-8")
        if stated.search(source):
            return chapter
    return None


def verify(*labels: str) -> Verdicts:
    """Check the claims of these labels, each with its control.

    Parameters
    ----------
    *labels : str
        Labels of `all_claims`; with none, every claim.

    Returns
    -------
    Verdicts
        A list that shows itself as a table.

    Raises
    ------
    TypeError, ValueError
        If a label is no string or unknown.
    AssertionError
        If a claim does not hold, or its control does.

    Examples
    --------
    >>> verify("gumbel-max")[0].holds
    True
    """
    chosen = []
    for label in labels or all_claims():
        if not isinstance(label, str):
            raise TypeError(f"label: expected a string, got {label!r}")
        chapter = _stated_in(label)
        if chapter is None:
            near = difflib.get_close_matches(label, all_claims())
            known = f"such as {', '.join(near)}" if near else "that `all_claims()` lists"
            raise ValueError(f"label: expected a claim {known}, got {label!r}")
        chosen.append(claims_of(chapter)[label])
    verdicts = Verdicts(map(check, chosen))
    failed = [verdict for verdict in verdicts if not verdict.holds]
    if failed:
        raise AssertionError(
            f"a claim must hold and its control must not, got\n{Verdicts(failed)!r}"
        )
    return verdicts
