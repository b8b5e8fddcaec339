"""The whole book as one PDF: nothing is lost on the way, and every link and number is right."""

import html
import re
import unicodedata
from io import BytesIO
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from pypdf import PdfReader

from gumbel_lib.book import pdf
from gumbel_lib.book.site import PDF

ROOT = Path(__file__).parents[1]
PARTS = pdf.read_toc(ROOT / "_toc.yml")
NAMES = [name for part in PARTS.values() for name in part]
# All chapters take half a minute; these have links to each other and all that a chapter has.
SAMPLE = {"": ["bibliography"], "A part": ["gumbel_max", "reparameterization"]}


def letters(text):
    """What of a text no break of a line or page, accent or ligature changes."""
    return re.sub("[^a-z]", "", unicodedata.normalize("NFKD", html.unescape(text)).lower())


@pytest.fixture(scope="module")
def pages(site):
    return {name: (site / f"chapters/{name}.html").read_text(encoding="utf-8") for name in NAMES}


@pytest.fixture(scope="module")
def data(browser, site):
    return pdf.make(site, SAMPLE, browser)


@pytest.fixture(scope="module")
def book(data):
    """The PDF of the sample, and the text of each of its pages."""
    reader = PdfReader(BytesIO(data))
    return reader, [page.extract_text() for page in reader.pages]


def bookmarks(reader, items, level=0):
    """Level, title and page, from 0, of every bookmark."""
    for item in items:
        if isinstance(item, list):
            yield from bookmarks(reader, item, level + 1)
        else:
            yield level, item.title, reader.get_destination_page_number(item)


def test_the_table_of_contents_gives_every_page_its_place():
    sources = [*(ROOT / "chapters").glob("*.ipynb"), *(ROOT / "chapters").glob("*.md")]
    assert sorted(NAMES) == sorted(source.stem for source in sources)
    assert NAMES[0] == "index"


def test_every_link_of_every_page_leads_where_it_did(pages):
    text, expected = "", []
    for name, page in pages.items():
        text += pdf.article(page, name, NAMES)
        shown = re.search("<article.*?</article>", page, re.DOTALL)[0]
        shown = re.sub(r"<(script|template)\b.*?</\1>", "", shown, flags=re.DOTALL)
        for link in re.findall(r'\bhref="([^"]*)"', shown):
            target = urlsplit(urljoin(f"/{name}.html", link))
            place = f"#{Path(target.path).stem}/{target.fragment}"
            expected += [link if target.netloc else place] if link != f"../{PDF}" else []
    assert re.findall(r'\bhref="([^"]*)"', text) == expected
    places = re.findall(r'\bid="([^"]+)"', text)
    assert len(places) == len(set(places))
    assert {link[1:] for link in expected if link[0] == "#"} <= set(places)


def test_a_link_to_what_is_not_in_the_document_stays_where_there_is_an_address():
    page = (
        '<article class="a"><a href="../other.pdf">x</a><a href="https://doi.org/1">y</a></article>'
    )
    assert 'href="../other.pdf"' in pdf.article(page, "p", ["p"], "https://example.org/")
    alone = pdf.article(page, "p", ["p"])
    assert re.findall('href="(.*?)"', alone) == ["https://doi.org/1"]


def test_every_title_of_every_page_is_found(pages):
    for name, page in pages.items():
        text = pdf.article(page, name, NAMES)
        levels = [heading.level for heading in pdf.headings(text)]
        assert levels == [int(level) for level in re.findall(r"<h([12])\b", text)], name
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name


def test_every_title_has_a_bookmark_to_the_page_that_shows_it(book, pages):
    reader, texts = book
    found = list(bookmarks(reader, reader.outline))
    expected = []
    for caption, names in SAMPLE.items():
        below = int(bool(caption))
        expected += [(0, caption)] * below
        for name in names:
            titles = pdf.headings(pages[name])
            expected += [(level - 1 + below, title) for level, title, _ in titles]
    assert [(level, title) for level, title, _ in found] == expected
    for _, title, number in found:
        assert title in SAMPLE or letters(title) in letters(texts[number]), title


def test_contents_and_foot_have_the_numbers_of_the_pages(book):
    reader, texts = book
    found = [row for row in bookmarks(reader, reader.outline) if row[1] not in SAMPLE]
    first = found[0][2]
    stated = re.findall(r"(\d+)\s*$", "\n".join(texts[1:first]), re.MULTILINE)
    feet = [str(number + 1) for number in range(1, first)]
    assert [number for number in stated if number not in feet] == [str(n + 1) for *_, n in found]
    for number, text in enumerate(texts[1:], 2):
        assert re.search(rf"^{number}$", text, re.MULTILINE), number
    assert "Version" in texts[0]


def test_every_link_lands_in_the_pdf_or_at_a_public_address(book, data):
    reader, _ = book
    places = reader.named_destinations
    inside, across = 0, set()
    for number, page in enumerate(reader.pages):
        for link in (item.get_object() for item in page.get("/Annots", [])):
            if "/Dest" in link:
                assert link["/Dest"] in places
                inside += 1
                across.add((link["/Dest"].split("/")[1], number))
            else:
                assert link["/A"]["/URI"].startswith(("https://", "http://"))
    assert inside > 100
    assert len({name for name, _ in across}) == 3
    # Nor is a machine's path, or the place where the pages were while they were printed, elsewhere.
    strings = re.sub(rb"\\(\d{3})", lambda octal: bytes([int(octal[1], 8)]), data)
    assert b"https://doi.org" in strings
    assert not re.search(rb"file:|\.invalid|Mozilla|" + str(ROOT).encode(), strings)
    assert set(reader.metadata) == {"/Title", "/Author"}


def test_no_word_is_lost_with_every_answer_and_solution(book, pages):
    text = letters("".join(book[1]))

    def shown(words):
        """Whether it is there, in two pieces where a page ends within it."""
        words = letters(words)
        return any(words[:k] in text and words[k:] in text for k in range(len(words) + 1))

    for name in (name for part in SAMPLE.values() for name in part):
        article = pdf.article(pages[name], name, NAMES)
        assert name == "bibliography" or ("sd-card-text" in article and "solution" in article)
        unseen = r"<(svg|style|mjx-container)\b.*?</\1>|<div class=\"(controls|buttons)\">.*?</div>"
        words = re.findall(r">([^<>]{9,})<", re.sub(unseen, "", article, flags=re.DOTALL))
        assert len(words) > 30
        assert [piece for piece in words if not shown(piece)] == [], name


def test_no_page_ends_with_the_name_of_a_field(browser, site, pages):
    documented = [name for name, page in pages.items() if '<dt class="field-' in page]
    ends = []
    for page in PdfReader(BytesIO(pdf.make(site, {"": documented}, browser))).pages:
        text = page.extract_text(extraction_mode="layout")  # from top to bottom
        lines = [line.strip() for line in text.splitlines()]
        ends += [line for line in lines if line and not line.isdigit()][-1:]
    assert len(ends) > 20
    name = re.compile(r"(Parameters|Returns|Raises|Attributes|Yields):|[\w, ]+ : .*")
    assert not [end for end in ends if name.fullmatch(end)]


def test_the_same_site_gives_the_same_pdf_and_its_address_is_named(browser, site, tmp_path):
    small = {"": ["bibliography"]}
    first = pdf.make(site, small, browser)
    assert pdf.make(site, small, browser) == first
    (tmp_path / "_static").symlink_to(site / "_static")
    (tmp_path / "chapters").mkdir()
    page = (site / "chapters/bibliography.html").read_text(encoding="utf-8")
    link = (
        '<link rel="canonical" href="https://example.org/book/chapters/bibliography.html"/></head>'
    )
    page = page.replace("</head>", link)
    (tmp_path / "chapters/bibliography.html").write_text(page, encoding="utf-8")
    known = pdf.make(tmp_path, small, browser)
    assert "https://example.org/book/" in PdfReader(BytesIO(known)).pages[0].extract_text()
    assert b"example.org" not in first


def test_without_a_chromium_it_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    assert pdf.main() == 1
    assert "one of chromium, chromium-browser, google-chrome" in capsys.readouterr().err
