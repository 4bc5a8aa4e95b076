"""The documents of the parallel benchmark: deterministic, distinct, about 20 KB each.

A document depends only on its number, so the first hundred are the same for any total. Sentences come from one stock
with the word frequencies of a language; they contain names with accents, addresses and dates.

Each kind is written once, to its own file in a folder, and read by each measurement.
"""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

SIZE = 20_000


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


COMMON = words("""
    the of and to in a is that for it as was with be by on not he this are or his from at which but have an had
    they you were their one all we can her has there been if more when will would who so no out up into do any
    your what than other them only new some could time these two may then first over such like now made after
    also did many before must through back years where much way well down should because each just those people
    how too little state good very make world still own see men work long here get both between life being under
    never day same another know year while last might us great old off come since against go came right used
    take three
""")
SUBJECT = words("""
    season team player game coach court point guard forward centre rebound assist steal block turnover foul
    quarter overtime playoff final conference division roster contract trade draft rookie veteran injury record
    average percentage minute start bench defence offence shot free throw three-pointer layup dunk pass screen
    zone press fast break arena crowd ticket broadcast interview report analysis number table chart model
    estimate sample method result question answer reason change growth market price value cost report service
    request response document page index column row field name key list order size length format version release
    library function argument error limit
""")
VERBS = words("""
    said won lost played scored passed moved signed traded measured counted compared reported wrote read found
    called changed raised reached missed led followed watched trained rested returned agreed expected explained
""")
FIRST = words("""
    James Stephen Kevin Anthony Russell Chris Kyle Paul Klay Draymond Marcus Jordan Jayson Devin Trae Zion Tyler
    Aaron Brook Jrue Nikola Luka Goran Bojan Jusuf Domantas José Andrés Jérôme
""")
LAST = words("""
    Westbrook Curry Durant Davis Harden Thompson Green Lowry Butler Walker Irving Lillard Wade Howard Griffin
    Jordan Conley Gasol Horford Millsap Antetokounmpo Jokić Dončić Bogdanović Nurkić Šarić Pachulia Calderón
""")
HOSTS = ("example.com", "stats.example.org", "mail.example.net", "press.example.co.uk", "bücher.example")
TEAMS = words("""
    ATL BOS BKN CHA CHI CLE DAL DEN DET GSW HOU IND LAC LAL MEM MIA MIL MIN
""")
HEADERS = words("""
    PLAYER_ID SEASON_ID LEAGUE_ID TEAM_ID TEAM_ABBREVIATION PLAYER_AGE GP GS MIN FGM FGA FG_PCT FG3M FG3A
    FG3_PCT FTM FTA FT_PCT OREB DREB REB AST STL BLK TOV PF PTS
""")

SCRIPT_MARK = "__INITIAL_STATE__"
STYLE_MARK = "grid-template-areas"
SCRIPT = f"""window.{SCRIPT_MARK} = {{"user": null, "flags": ["a/b", "<p>not a paragraph</p>"], "build": 48213}};
(function (w, d, s, l) {{ w[l] = w[l] || []; var f = d.getElementsByTagName(s)[0], j = d.createElement(s);
  if (1 < 2 && w.innerWidth > 320) {{ j.async = true; j.src = "/static/measure.js?id=" + l; }}
  f.parentNode.insertBefore(j, f); }})(window, document, "script", "dataLayer");"""
STYLE = f"""body {{ margin: 0; font: 16px/1.5 Georgia, serif }} nav > ul li a:hover {{ text-decoration: underline }}
@media (min-width: 60em) {{ main {{ display: grid; {STYLE_MARK}: "text aside"; gap: 2rem }} }}"""


class Page(NamedTuple):
    """An HTML document, and the results that a correct tool finds."""

    html: str
    kind: str
    phrases: tuple[str, ...]
    """Visible sentences in plain text."""


@cache
def stock() -> list[str]:
    """Sentences; two documents share one in a hundred."""
    dice = random.Random("sentences")
    words = [*COMMON, *SUBJECT, *VERBS]
    weights = [*(40 / (rank + 3) for rank in range(len(COMMON))), *[0.4] * len(SUBJECT), *[0.3] * len(VERBS)]
    sentences = []
    for _ in range(20_000):
        chosen = dice.choices(words, weights, k=dice.randint(7, 22))
        if len(chosen) > 12:
            chosen[6] += ","
        sentences.append(" ".join(chosen).capitalize() + ".")
    return sentences


def person(dice: random.Random) -> str:
    """A full name."""
    return f"{dice.choice(FIRST)} {dice.choice(LAST)}"


def date(dice: random.Random) -> str:
    """A date in ISO 8601."""
    return f"{dice.randint(1996, 2026)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"


def remark(dice: random.Random) -> str:
    """A sentence with a name, a date or an address to find."""
    name = person(dice)
    turn = dice.random()
    if turn < 0.25:
        local = name.encode("ascii", "ignore").decode().lower().replace(" ", dice.choice("._+"))
        return f"Write to {local}@{dice.choice(HOSTS)} before {date(dice)}."
    if turn < 0.6:
        return f"On {date(dice)} {name} {dice.choice(VERBS)} {dice.randint(2, 48)} of {dice.randint(50, 99)}."
    return f"{name} of {dice.choice(TEAMS)} {dice.choice(VERBS)} the {dice.choice(SUBJECT)}."


def passage(dice: random.Random, count: int) -> list[str]:
    """Sentences, every sixth with a match."""
    return [remark(dice) if dice.random() < 1 / 6 else dice.choice(stock()) for _ in range(count)]


def text(number: int) -> str:
    """Plain text in paragraphs."""
    dice = random.Random(f"text {number}")
    paragraphs: list[str] = []
    size = 0
    while size < SIZE:
        paragraphs.append(" ".join(passage(dice, dice.randint(3, 9))))
        size += len(paragraphs[-1]) + 2
    return "\n\n".join(paragraphs)


def copied(number: int) -> str:
    """A text; every fifth is a changed copy of an earlier one, in one sentence or in a third of them."""
    if number % 5 != 4:
        return text(number)
    dice = random.Random(f"copy {number}")
    sentences = text(number - 1 - dice.randrange(4)).split(". ")
    # Moving one word of a sentence changes five shingles. Jaccard 0.98 and more, or 0.4 to 0.7.
    for place in dice.sample(range(len(sentences)), 3 if number % 10 == 4 else len(sentences) // 3):
        sentences[place] = dice.choice(stock()).rstrip(".")
    return ". ".join(sentences)


def record(number: int) -> bytes:
    """A response of a statistics service: an object with tables."""
    dice = random.Random(f"record {number}")
    integer, share, player = dice.randrange, dice.random, 200_000 + number

    def season(year: int) -> list[object]:
        made, tried = integer(900), integer(900, 1900)
        return [
            player, f"{1996 + year % 30}-{(97 + year) % 100:02}", "00", 1_610_612_737 + year % 30, dice.choice(TEAMS),
            19.0 + year % 20, 1 + integer(82), integer(82), None if year % 7 == 3 else integer(3000), made, tried,
            round(made / tried, 3), integer(300), integer(800), round(share(), 3), integer(500), integer(600),
            round(share(), 3), integer(200), integer(600), integer(800), integer(900), integer(150), integer(150),
            integer(300), integer(250), integer(2500),
        ]  # fmt: skip

    notes = [[person(dice), date(dice), " ".join(passage(dice, 3))] for _ in range(30)]
    tables = [
        {"name": "SeasonTotalsRegularSeason", "headers": HEADERS, "rowSet": [season(year) for year in range(85)]},
        {"name": "Notes", "headers": ["AUTHOR", "DATE", "TEXT"], "rowSet": notes},
    ]
    parameters = {"PerMode": "Totals", "LeagueID": None, "PlayerID": player, "Height": round(1.7 + share() / 2, 2)}
    whole = {"resource": "playercareerstats", "parameters": parameters, "resultSets": tables}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def page(number: int) -> Page:
    """A page: 50 % articles, 30 % listings, 20 % tables; a tenth in the style of the nineties."""
    dice = random.Random(f"page {number}")
    kind = ("article", "listing", "article", "table", "article", "listing", "article", "listing", "article", "table")
    chosen = kind[number % 10]
    main, phrases = {"article": article, "listing": listing, "table": table}[chosen](dice)
    html = around(dice, chosen, main)
    if number % 10 in {4, 7}:
        for closed in ("</li>", "</td>", "</tr>"):
            html = html.replace(closed, "")
        html = html.replace("<ul", "<UL").replace("</ul>", "</UL>")
    return Page(html, chosen, tuple(phrases))


def around(dice: random.Random, kind: str, main: str) -> str:
    """The page around the content: head, menus, sidebar and footer."""
    title = headline(dice)
    menu = "\n".join(f'<li class="menu-item"><a href="/{word}/">{word.title()}</a></li>' for word in SUBJECT[:18])
    related = "\n".join(
        f'<li><a class="related" href="/news/{dice.randrange(10**6)}?from=side&amp;pos={place}" '
        f'title="{headline(dice)}">'
        f'<img src="/img/{place}.jpg" alt="" width="80" height="60" loading="lazy"> {headline(dice)}</a></li>'
        for place in range(8)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title} &ndash; The Example</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta property="og:title" content="{title}">
<meta name="description" content="{dice.choice(stock())}">
<link rel="stylesheet" href="/static/main.css">
<style>{STYLE}</style>
<script>{SCRIPT}</script>
</head>
<body class="{kind}">
<!-- begin: menu (cached 48 s) -->
<header id="top"><a href="#main" class="skip">Skip to the text</a>
<nav aria-label="Main"><ul class="menu">
{menu}
</ul></nav></header>
<main id="main">
{main}
</main>
<aside class="side"><h2>Most read</h2><ul class="list">
{related}
</ul></aside>
<footer><p>&copy; 2026 The Example. <a href="mailto:desk@example.com">Write to us</a> &middot;
<a href="https://example.org/terms">Terms</a> &middot; <a href="/privacy?all=1&amp;lang=en">Privacy</a></p></footer>
<script type="application/ld+json">{{"@type": "WebPage", "name": "{title}"}}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def headline(dice: random.Random) -> str:
    """Some words."""
    return " ".join(dice.choice(stock()).rstrip(".").replace(",", "").split()[: dice.randint(4, 8)])


def marked(dice: random.Random, sentences: Sequence[str]) -> str:
    """Sentences as HTML: entities, and in some a link, emphasis or code."""
    out = []
    for sentence in sentences:
        words = sentence.replace("&", "&amp;").split(" ")
        place = dice.randrange(len(words))
        turn = dice.random()
        if turn < 0.15:
            words[place] = f'<a href="/news/{dice.randrange(10**6)}">{words[place]}</a>'
        elif turn < 0.25:
            words[place] = f"<em>{words[place]}</em>"
        elif turn < 0.33:
            words[place] = f"<strong>{words[place]}</strong>"
        elif turn < 0.36:
            words[place] = f"{words[place]}&nbsp;&mdash; &ldquo;<code>{dice.choice(SUBJECT)}()</code>&rdquo;"
        out.append(" ".join(words))
    return " ".join(out)


def article(dice: random.Random) -> tuple[str, list[str]]:
    """A headline, a byline, paragraphs with a list, a quotation, a picture and a bit of code."""
    phrases: list[str] = []
    parts = [
        f"<article><h1>{headline(dice)}</h1>",
        f'<p class="byline">By <a rel="author" href="/people/{dice.randrange(999)}">{person(dice)}</a>,',
        f'<time datetime="{date(dice)}">{date(dice)}</time></p>',
    ]
    size = 0
    while size < SIZE - 6500:
        # The sentence to find, without markup, in the middle of each paragraph.
        plain = dice.choice(stock()).replace(",", "")
        inside = f"{marked(dice, passage(dice, 3))} {plain} {marked(dice, passage(dice, 2))}"
        phrases.append(plain.rstrip("."))
        parts.append(f"<p>{inside}</p>")
        turn = dice.random()
        if turn < 0.1:
            items = "".join(f"<li>{marked(dice, passage(dice, 1))}</li>" for _ in range(4))
            parts.append(f"<ul>{items}</ul>")
        elif turn < 0.2:
            parts.append(f"<h2>{headline(dice)}</h2>")
        elif turn < 0.26:
            parts.append(f"<blockquote><p>{marked(dice, passage(dice, 2))}</p></blockquote>")
        elif turn < 0.3:
            parts.append('<pre><code>for row in rows:\n    print(row["name"], row["points"] &lt; 20)\n</code></pre>')
        elif turn < 0.34:
            parts.append(
                f'<figure><img src="/img/{dice.randrange(999)}.jpg" alt="{headline(dice)}">'
                f"<figcaption>{headline(dice)}</figcaption></figure>"
            )
        size = sum(map(len, parts))
    parts.append("</article>")
    return "\n".join(parts), phrases


def listing(dice: random.Random) -> tuple[str, list[str]]:
    """Cards."""
    phrases: list[str] = []
    parts = ['<h1>All of them</h1><div class="cards">']
    for place in range(26):
        plain = dice.choice(stock()).replace(",", "")
        phrases.append(plain.rstrip("."))
        link = f"/players/{dice.randrange(10**6)}"
        name = person(dice)
        parts.append(
            f'<div class="card" data-id="{place}"><a class="card-picture" href="{link}"><img src="/img/{place}.jpg" '
            f'alt="{name}" width="320" height="180"></a>\n<h3 class="card-title"><a href="{link}">{name}</a></h3>\n'
            f'<span class="tag tag-{place % 4}">{dice.choice(TEAMS)}</span><span class="price">${place + 9}.99</span>\n'
            f'<p class="lead">{plain}</p>\n<button type="button" data-action="keep">Keep</button></div>'
        )
    parts.append(
        '</div><p class="pages"><a href="?page=2">2</a> <a href="?page=3">3</a> <a href="?page=2">Next</a></p>'
    )
    return "\n".join(parts), phrases


def table(dice: random.Random) -> tuple[str, list[str]]:
    """One long table of statistics."""
    plain = dice.choice(stock()).replace(",", "")
    columns = ("Player", "Team", *HEADERS[9:18])
    head = "".join(f'<th scope="col" class="sort">{name}</th>' for name in columns)
    rows = []
    for number in range(38):
        cells = "".join(f'<td class="number">{dice.randrange(900)}</td>' for _ in columns[2:])
        rows.append(
            f'<tr class="row-{number % 2}"><td class="name"><a href="/players/{dice.randrange(10**6)}">{person(dice)}'
            f"</a></td><td>{dice.choice(TEAMS)}</td>{cells}</tr>"
        )
    whole = (f'<table class="stats"><thead><tr>{head}</tr></thead>', "<tbody>", *rows, "</tbody></table>")
    return "\n".join((f"<h1>{headline(dice)}</h1><p>{plain}</p>", *whole)), [plain.rstrip(".")]


def articles(number: int) -> Page:
    """The pages that are articles: every second."""
    return page(2 * number)


MAKERS: dict[str, Callable[[int], Any]] = {
    "texts": text,
    "copies": copied,
    "pages": page,
    "articles": articles,
    "records": record,
}


def write(folder: Path, count: int) -> None:
    """Makes ``count`` documents of each kind (of articles half as many)."""
    for kind, make in MAKERS.items():
        made = [make(number) for number in range(count // 2 if kind == "articles" else count)]
        (folder / f"{kind}.pickle").write_bytes(pickle.dumps([tuple(item) if kind in PAGED else item for item in made]))


PAGED = ("pages", "articles")


def read(folder: Path, kind: str) -> list[Any]:
    """All documents of a kind, as `str`, `bytes` or `Page`."""
    items = pickle.loads((folder / f"{kind}.pickle").read_bytes())
    return [Page(*item) for item in items] if kind in PAGED else items
