"""What a page takes from the address, what it puts there, and what it ignores."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import in_address


def a_page() -> None:
    import streamlit as st

    from dashboard import in_address

    in_address.read()
    in_address.on_page("made")
    in_address.tell_ignored()
    run = st.session_state.setdefault("run", in_address.take(in_address.RUN) or "first")
    in_address.put(run=run)
    colour = in_address.selectbox(st, "Colour", ["truth", "said", None], "colour", key="colour")
    method = in_address.segmented_control(
        st, "Method", ["PCA", "UMAP"], "method", key="method", default="PCA"
    )
    runs = in_address.multiselect(st, "Runs", ["a", "b", "c"], ["a"], "runs", key="runs")
    seed = in_address.number_input(st, "Seed", 0, 100, 7, 1, "seed", key="seed")
    st.text_input("Typed", key="typed")
    st.session_state["seen"] = [colour, method, runs, seed]


def opened(**link: str) -> AppTest:
    page = AppTest.from_function(a_page)
    for name, value in link.items():
        page.query_params[name] = value
    return page.run()


def address(page: AppTest) -> dict[str, str]:
    held = page.query_params
    return {name: value if isinstance(value, str) else value[-1] for name, value in held.items()}


def test_a_link_sets_every_kind_of_widget_and_stands_as_it_was():
    link = {"run": "second", "colour": "said", "method": "UMAP", "runs": "c,b", "seed": "12"}
    page = opened(**link)
    assert page.session_state["seen"] == ["said", "UMAP", ["c", "b"], 12]
    assert address(page) == link and not page.warning
    assert address(page.run()) == link


def test_the_usual_choices_are_left_out_and_others_are_put_in():
    page = opened()
    assert page.session_state["seen"] == ["truth", "PCA", ["a"], 7] and address(page) == {"run": "first"}
    page.selectbox(key="colour").set_value("said").run()
    page.multiselect(key="runs").set_value([]).run()
    assert address(page) == {"run": "first", "colour": "said", "runs": ""}
    assert page.session_state["seen"] == ["said", "PCA", [], 7]
    page.selectbox(key="colour").set_value("truth").run()
    assert address(page) == {"run": "first", "runs": ""}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("colour", "<b>red</b>", "this page offers truth, said, none"),
        ("method", "pca", "this page offers PCA, UMAP"),
        ("runs", "a,z", "this page offers a, b, c"),
        ("seed", "101", "it is a whole number from 0 to 100"),
        ("seed", "-1", "it is a whole number from 0 to 100"),
        ("seed", "٣", "it is a whole number from 0 to 100"),
        ("seed", "9" * 500, "it is a whole number from 0 to 100"),
    ],
)
def test_a_value_that_is_not_offered_is_ignored_in_one_sentence(name, value, told):
    page = opened(**{name: value})
    assert page.session_state["seen"] == ["truth", "PCA", ["a"], 7] and not page.exception
    (sentence,) = (box.value.replace("\\", "") for box in page.warning)
    assert sentence.startswith(f"The address asks for {name} “{value[:60]}") and told in sentence
    assert address(page) == {"run": "first"}
    assert len(page.run().warning) == 1  # it stays on screen, and is said once


def test_back_and_forward_move_every_widget_and_a_late_click_does_not(monkeypatch):
    page = opened(run="first", colour="said", seed="12")
    page.text_input(key="typed").set_value("a statement of mine").run()
    before = address(page)
    page.query_params.clear()
    page.query_params["run"], page.query_params["method"] = "second", "UMAP"
    page.run()
    assert page.session_state["seen"] == ["said", "PCA", ["a"], 12] and address(page) == before
    monkeypatch.setattr(in_address, "_travelled", lambda: True)
    page.query_params.clear()
    page.query_params["run"], page.query_params["method"] = "first", "UMAP"
    page.run()
    assert page.session_state["seen"] == ["truth", "UMAP", ["a"], 7]
    assert address(page) == {"run": "first", "method": "UMAP"}
    assert page.text_input(key="typed").value == "a statement of mine"
    monkeypatch.setattr(in_address, "_travelled", lambda: False)
    page.selectbox(key="colour 1").set_value("said").run()
    assert page.session_state["seen"][0] == "said" and address(page)["colour"] == "said"


def test_what_is_typed_never_stands_in_the_address():
    page = opened()
    page.text_input(key="typed").set_value("a statement of mine").run()
    assert address(page) == {"run": "first"}


def test_a_whole_number_is_read_in_its_bounds_alone():
    assert in_address.number("30", 0, 30) == 30
    for text in ("31", "", "1.0", " 1", "+1"):
        with pytest.raises(ValueError, match="from 0 to 30"):
            in_address.number(text, 0, 30)
