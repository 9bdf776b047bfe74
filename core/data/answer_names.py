"""The names that an open answer may use for an entity: countries and elements with their usual aliases.

What several entities are called by alike ("Congo", "Korea") names none of them.
"""

import re
import unicodedata
from functools import cache

from core.data.facts import country_names, element_pairs

ALIASES = {
    "Bahamas": ("Commonwealth of the Bahamas",),
    "Bolivia": ("Plurinational State of Bolivia",),
    "Bosnia and Herzegovina": ("Bosnia", "Bosnia-Herzegovina", "BiH"),
    "Brunei": ("Brunei Darussalam",),
    "Cabo Verde": ("Cape Verde",),
    "Central African Republic": ("CAR",),
    "China": ("People's Republic of China", "PRC", "Mainland China"),
    "Curacao": ("Curaçao",),
    "Czechia": ("Czech Republic",),
    "Democratic Republic of the Congo": (
        "Democratic Republic of Congo",
        "DR Congo",
        "D.R. Congo",
        "DRC",
        "Congo-Kinshasa",
        "Zaire",
    ),
    "Egypt": ("Arab Republic of Egypt",),
    "Eswatini": ("Swaziland",),
    "France": ("French Republic",),
    "Germany": ("Federal Republic of Germany", "Deutschland"),
    "Greece": ("Hellenic Republic",),
    "Iran": ("Islamic Republic of Iran",),
    "Ireland": ("Republic of Ireland", "Éire"),
    "Ivory Coast": ("Côte d'Ivoire", "Cote d Ivoire"),
    "Kyrgyzstan": ("Kyrgyz Republic", "Kirghizia"),
    "Laos": ("Lao PDR", "Lao People's Democratic Republic"),
    "Libya": ("State of Libya",),
    "Macao": ("Macau",),
    "Moldova": ("Republic of Moldova",),
    "Myanmar": ("Burma",),
    "Netherlands": ("Holland", "Kingdom of the Netherlands"),
    "North Korea": ("DPRK", "Democratic People's Republic of Korea"),
    "North Macedonia": ("Macedonia",),
    "Palestinian Territory": ("Palestine", "Palestinian Territories", "State of Palestine"),
    "Philippines": ("Republic of the Philippines",),
    "Republic of the Congo": ("Congo-Brazzaville", "Republic of Congo", "Congo Republic"),
    "Russia": ("Russian Federation",),
    "Serbia": ("Republic of Serbia",),
    "Slovakia": ("Slovak Republic",),
    "South Africa": ("Republic of South Africa", "RSA"),
    "South Korea": ("Republic of Korea", "ROK"),
    "Syria": ("Syrian Arab Republic",),
    "Taiwan": ("Republic of China", "Chinese Taipei"),
    "Tanzania": ("United Republic of Tanzania",),
    "Timor Leste": ("East Timor",),
    "Turkey": ("Türkiye", "Turkiye"),
    "United Arab Emirates": ("UAE", "Emirates"),
    "United Kingdom": (
        "UK",
        "Great Britain",
        "Britain",
        "GB",
        "England",
        "Scotland",
        "Wales",
        "Northern Ireland",
        "United Kingdom of Great Britain and Northern Ireland",
    ),
    "United States": ("United States of America", "USA", "US", "America"),
    "Vatican": ("Vatican City", "Holy See"),
    "Venezuela": ("Bolivarian Republic of Venezuela",),
    "Vietnam": ("Viet Nam",),
    "Aluminum": ("Aluminium",),
    "Cesium": ("Caesium",),
    "Sulfur": ("Sulphur",),
    "Tungsten": ("Wolfram",),
}
SHARED = ("Congo", "Korea", "Samoan Islands", "Virgin Islands")
NO_ENTITY = (
    "New Jersey",
    "New Mexico",
    "New England",
    "Gulf of Mexico",
    "Lake Chad",
    "Gulf of Guinea",
    "South China Sea",
    "Sea of Japan",
    "Persian Gulf",
    "Latin America",
    "South America",
    "North America",
    "Central America",
)
"""Names that hold a country's and are none."""

GONE = {"Netherlands Antilles", "Serbia and Montenegro"}
WORD = re.compile(
    r"(?:[^\W\d_]\.){2,}[^\W\d_]?(?!\w)|(?:[^\W_]|[\u0300-\u036f])+(?:['’](?:[^\W_]|[\u0300-\u036f])+)*"
)


def plain_words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text without case, accents, apostrophes, dots and possessives, each with its place.

    Returns:
        (word, start, end) in characters of the text; "U.S.A." is one word, "Guinea-Bissau" two.
    """
    found = []
    for match in WORD.finditer(text):
        word = re.sub(r"['’]s$", "", match[0], flags=re.IGNORECASE)
        letters = unicodedata.normalize("NFKD", word.casefold())
        word = "".join(c for c in letters if not unicodedata.combining(c) and c not in "'’.")
        if word:
            found.append((word, match.start(), match.end()))
    return found


@cache
def names_of(kind: str) -> dict[tuple[str, ...], str | None]:
    """Every name of a kind's entities in plain words, with the entity; None where it names no one entity.

    Args:
        kind: `country` or `element`.
    """
    if kind == "element":
        entities = [name for pair in element_pairs() for name, _, _ in pair]
        none: tuple[str, ...] = ()
    else:
        entities = [name.removeprefix("the ") for name in country_names().values()]
        entities = [name for name in entities if name not in GONE]
        none = (*SHARED, *NO_ENTITY)
    names: dict[tuple[str, ...], str | None] = {}
    for entity in entities:
        for name in (entity, *ALIASES.get(entity, ())):
            names[tuple(word for word, _, _ in plain_words(name.replace("&", " and ")))] = entity
    return names | {tuple(word for word, _, _ in plain_words(name)): None for name in none}


@cache
def symbols() -> dict[str, str]:
    """The symbols of the elements, as they are written, by their lower case."""
    return {symbol.lower(): symbol for pair in element_pairs() for _, symbol, _ in pair}
