"""Light and dark pages: charts and words stand out against both backgrounds, by the contrast of WCAG 2.2."""

import re
import tomllib
from pathlib import Path

import pytest

from core.charts import elicit, layers, speech, style
from dashboard.session import TOKEN_INK

ROOT = Path(__file__).parents[1]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
BACKGROUNDS = {name: theme["backgroundColor"] for name, theme in THEME.items()}
MARKS = {
    *(style.POSITIVE, style.NEGATIVE, style.NEUTRAL, style.GREEN, style.RED, style.PURPLE, style.TEAL),
    *(style.BROWN, style.OCHRE, style.PINK, style.LIME, *style.NAMED_COLOUR.values(), *style.OTHERS),
    *(colour for _, colour, _ in layers.CONTROL.values()),
}
CAPTION = 0.8
"""How much of the text's colour captions have, as in dashboard/style.css."""
COLOUR = re.compile(r"#[0-9a-fA-F]{3,6}\b")


def channels(colour: str) -> list[float]:
    return [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]


def luminance(colour: list[float]) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def over(top: list[float], below: list[float], opacity: float) -> list[float]:
    return [opacity * a + (1 - opacity) * b for a, b in zip(top, below, strict=True)]


def test_the_contrast_is_that_of_the_standard():
    assert contrast(channels("#ffffff"), channels("#000000")) == pytest.approx(21)
    assert contrast(channels("#777777"), channels("#ffffff")) == pytest.approx(4.48, abs=0.01)


def test_both_themes_are_there_and_neither_is_forced():
    assert set(THEME) == {"light", "dark"}
    assert luminance(channels(BACKGROUNDS["light"])) > 0.9 > 0.1 > luminance(channels(BACKGROUNDS["dark"]))


@pytest.mark.parametrize("theme", sorted(BACKGROUNDS))
def test_lines_and_marks_stand_out(theme):
    background = channels(BACKGROUNDS[theme])
    pale = {colour: contrast(channels(colour), background) for colour in MARKS}
    assert {colour: found for colour, found in pale.items() if found < 3} == {}


@pytest.mark.parametrize("theme", sorted(BACKGROUNDS))
def test_words_captions_and_words_on_boxes_can_be_read(theme):
    ground, text = channels(BACKGROUNDS[theme]), channels(THEME[theme]["textColor"])
    box = over(channels("#808080"), ground, float(style.FAINT.rpartition(",")[2].rstrip(")")))
    assert contrast(text, ground) >= 4.5
    assert contrast(over(text, ground, CAPTION), ground) >= 4.5
    assert contrast(text, box) >= 4.5
    assert f"opacity: {CAPTION:g}".replace("0.", ".") in (ROOT / "dashboard" / "style.css").read_text()


@pytest.mark.parametrize("theme", sorted(BACKGROUNDS))
def test_buttons_and_their_words_stand_out(theme):
    button = channels(THEME[theme]["primaryColor"])
    assert contrast(button, channels(BACKGROUNDS[theme])) >= 3
    assert contrast(channels("#ffffff"), button) >= 4.5


def test_tokens_are_dark_on_every_colour_that_they_stand_on():
    files = [file.read_text() for file in (ROOT / "dashboard").rglob("*.py")]
    written = {colour for text in files for colour in COLOUR.findall(text)} - {TOKEN_INK}
    deepest = {style.tint(colour, speech.DEEPEST) for colour in (style.POSITIVE, style.NEGATIVE)}
    assert len(written) > 5
    for colour in written | deepest:
        assert contrast(channels(TOKEN_INK), channels(colour)) >= 4.5, colour


def test_charts_have_no_colours_of_their_own_for_words_or_grounds():
    """Each colour outside of the palette is of a field, whose words Plotly sets off itself."""
    found = {
        f"{file.name}: {colour}"
        for file in (ROOT / "core" / "charts").glob("*.py")
        if file.name != "style.py"
        for colour in COLOUR.findall(file.read_text())
    }
    assert found == {"calibration.py: #ffffff", "calibration.py: #9ec4e2", "transfer.py: #f5f5f5"}


def test_the_figures_on_faded_fields_can_be_read():
    """Plotly writes on pale fields in #444444."""
    for colour in elicit.FADED:
        field = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)]
        assert contrast(field, channels("#444444")) >= 4.5
