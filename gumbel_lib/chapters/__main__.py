"""Print the ledger of claims; exit 1 if a claim fails or a control passes."""

from __future__ import annotations

import argparse
import json
import math
import sys

from tqdm import tqdm

from ..claims import Verdict, Verdicts, check
from . import CHAPTERS, claims_of


def main(arguments: list[str] | None = None) -> int:
    """Check every claim, or those of the named chapters, with its control."""
    parser = argparse.ArgumentParser(prog="python -m gumbel_lib.chapters", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="such as relaxation; default all")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args(arguments)
    for name in options.chapters:
        if name not in CHAPTERS:
            parser.error(f"chapters: expected some of {', '.join(CHAPTERS)}, got {name!r}")
    known = [one for name in options.chapters or CHAPTERS for one in claims_of(name).values()]
    verdicts = Verdicts(check(one) for one in tqdm(known, unit="claim", disable=None))
    if options.json:
        print(json.dumps([_record(verdict) for verdict in verdicts], indent=2))
    else:
        print(repr(verdicts))
        held = sum(verdict.holds for verdict in verdicts)
        print(f"\n{held} of {len(verdicts)} claims hold and have a control that fails.")
    return 0 if all(verdict.holds for verdict in verdicts) else 1


def _record(verdict: Verdict) -> dict[str, object]:
    claim = verdict.claim
    measured = {"measured": verdict.measured, "control_measured": verdict.control_measured}
    return {
        "label": claim.label,
        "chapter": claim.chapter,
        "statement": claim.statement,
        "method": claim.method,
        "power": claim.power,
        "bound": claim.bound,
        "control": claim.control,
        "holds": verdict.holds,
        # JSON has no infinity and no NaN.
        **{
            name: value if math.isfinite(value) else repr(value) for name, value in measured.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
