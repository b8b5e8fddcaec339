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

from ..claims import Claim, Verdicts, check, registered

# The pages that state claims, in the order of the book: a folder here and a title each.
# The tests hold notebooks, table of contents, index and ledger to this list.
CHAPTERS = {
    "why_differentiability": "Why differentiability",
    "max_distributions": "Distributions of the maximum",
    "gumbel_max": "The Gumbel-max trick",
    "reparameterization": "Reparameterization: parameters apart from noise",
    "relaxation": "Relaxation: a softmax for the argmax",
    "die_training": "Training a biased die",
    "die_revisited": "The die revisited: why it works, and when it stops working",
    "numerics": "Where floating point bites",
    "scale": "From one row to a billion classes",
    "questions": "Questions readers ask",
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
