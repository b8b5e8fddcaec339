"""The engine of claims. The claims themselves are computed by the chapters and by the ledger."""

import json
from pathlib import Path

import numpy as np
import pytest

from gumbel_lib import claims
from gumbel_lib.claims.__main__ import main


def fake(measured, control, method="quadrature"):
    """A claim with bound 1 that measures the given values."""
    return claims.Claim(
        "fake", "none", "A fake.", method, 1.0,
        lambda wrong=False: control if wrong else measured,
        "made wrong", {"wrong": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "control", "holds"),
    [
        (0.5, 2.0, True),
        (2.0, 2.0, False),
        (0.5, 0.5, False),
        (np.nan, 2.0, False),
        (0.5, np.nan, False),
        (1.0, 2.0, False),
    ],
)
def test_verdict_needs_a_claim_that_holds_and_a_control_that_fails(
    measured, control, holds, monkeypatch
):
    monkeypatch.setattr(claims, "all_claims", lambda: {"fake": fake(measured, control)})
    if holds:
        assert "holds  yes" in repr(claims.verify("fake"))
    else:
        with pytest.raises(AssertionError, match="holds  NO"):
            claims.verify("fake")


@pytest.mark.parametrize(
    ("measured", "control", "code"), [(0.5, 2.0, 0), (2.0, 2.0, 1), (0.5, 0.5, 1)]
)
def test_ledger_exits_1_if_a_claim_fails_or_a_control_passes(
    measured, control, code, monkeypatch, capsys
):
    monkeypatch.setattr(
        "gumbel_lib.claims.__main__.all_claims", lambda: {"fake": fake(measured, control)}
    )
    assert main([]) == code
    assert f"{1 - code} of 1 claims hold" in capsys.readouterr().out
    assert main(["--json"]) == code
    (record,) = json.loads(capsys.readouterr().out)
    assert record["holds"] is (code == 0)
    assert record["measured"] == measured


def test_ledger_prints_json_where_a_measure_is_no_number(monkeypatch, capsys):
    monkeypatch.setattr(
        "gumbel_lib.claims.__main__.all_claims", lambda: {"fake": fake(np.nan, np.inf)}
    )
    assert main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["control_measured"] == "inf"


def test_a_claim_without_control_or_power_is_refused():
    complete = {"method": "quadrature", "bound": 1.0, "control": "none", "wrong": {"x": 1}}
    for broken, named in (
        ({"wrong": {}}, "wrong"),
        ({"method": "belief"}, "method"),
        ({"method": "Monte Carlo"}, "power"),
    ):
        with pytest.raises(ValueError, match=f"^{named}: expected"):
            claims.claim("new", "Statement.", **{**complete, **broken})
    known = next(iter(claims.all_claims()))
    with pytest.raises(ValueError, match="^label: expected a new one"):
        claims.claim(known, "Statement.", **complete)
    with pytest.raises(ValueError, match="^label: expected one of "):
        claims.verify("no-such-claim")


def test_a_claim_of_an_unlisted_chapter_says_where_to_list_it():
    def check(x=0):
        return x

    check.__module__ = "gumbel_lib.claims.newcomer"
    complete = {"method": "quadrature", "bound": 1.0, "control": "none", "wrong": {"x": 1}}
    where = r"^chapter: expected one that CHAPTERS in gumbel_lib\.claims lists, got 'newcomer'"
    with pytest.raises(ValueError, match=where):
        claims.claim("newcomer-claim", "Statement.", **complete)(check)


def test_every_module_of_claims_is_listed():
    modules = {path.stem for path in Path(claims.__file__).parent.glob("[!_]*.py")}
    assert modules == set(claims.CHAPTERS)


def test_rounding_noise_prints_as_a_bound():
    rows = [claims.Verdict(fake(value, 2.0), value, 2.0).row() for value in (0.0, 3e-7, 0.123)]
    assert [row["measured"] for row in rows] == ["below 1e-03", "below 1e-03", "0.12"]


def test_what_is_counted_exactly_prints_as_it_is():
    exact = fake(0.0, 2.0, method="exact arithmetic")
    assert claims.Verdict(exact, 0.0, 2.0).row()["measured"] == "0"


def test_html_escapes_what_a_claim_says():
    verdict = claims.Verdict(fake(0.5, 2.0), 0.5, 2.0)
    html = claims.Verdicts([verdict])._repr_html_()
    assert "<script" not in html
    assert '<th scope="col">claim</th>' in html
