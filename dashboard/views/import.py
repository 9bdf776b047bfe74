"""Import: states harvested elsewhere, or answers given elsewhere, looked at and then made a run."""

import streamlit as st

from core.exchange.import_states import LONGEST_NAME as LONGEST_MODEL
from core.exchange.run_name import LONGEST_NAME
from dashboard import brought_files, brought_shown, exchange_work, model_panel, session
from dashboard.brought_files import Files
from dashboard.brought_shown import Columns
from dashboard.exchange_work import IMPORT

FOLLOW, DONE = "follow import", "import done"
NEXT = {"Probes": "views/probes.py", "Projection": "views/projection.py", "Prune": "views/prune.py"}
LOOKS = """
**States**, with a table of labels whose rows are in the same order:

```python
# (answers, layers, values of a state); layer 0 is the embedding output
np.savez("states.npz", states=states)
# a label has two values; mode, said, generated, group and question_id are read where they are there
pd.DataFrame({"text": texts, "label": labels}).to_csv("labels.csv", index=False)
```

A safetensors file or a folder of `.npy` files has one array a layer, named `layer.0`, `layer.1` … or
`blocks.0.hook_resid_pre`, `blocks.0.hook_resid_post` …; a Hugging Face dataset has a column `states`, or one
a layer, and its labels beside them.

**Answers**, which the sidebar's model reads: a log of Inspect (`.eval`, `.json`), or `.jsonl` with one
transcript a line:

```json
{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}], "label": "false"}
```
"""


def main() -> None:
    """The page."""
    land()
    files = brought_files.choose()
    if files is None:
        st.info("Choose what to import: you see what was understood of it before anything is stored.")
        with st.expander("What the files look like"):
            st.markdown(LOOKS)
    else:
        st.session_state.pop(DONE, None)
        found = brought_shown.show(files)
        if found is not None:
            start(files, found[1])
    session.watch_job(IMPORT)


def land() -> None:
    """Look at the run that an import made, once it is there, and say where it can be seen."""
    job = session.own_job(IMPORT)
    if st.session_state.get(FOLLOW) and job is not None and not job.state.running:
        del st.session_state[FOLLOW]
        if job.state.result is not None:
            st.session_state[DONE] = job.state.result
            brought_files.forget()
            session.choose_run(job.state.result.run)
            st.rerun()
    if (made := st.session_state.get(DONE)) is None:
        return
    st.success(session.as_text(f"Run {made}. Every page looks at it now."))
    with st.container(horizontal=True):
        for name, page in NEXT.items():
            if st.button(f"Open {name}", type="primary" if name == "Probes" else "secondary"):
                st.switch_page(page)


def start(files: Files, columns: Columns) -> None:
    """What the run is to be called, and the button."""
    left, right = st.columns(2)
    name = left.text_input(
        "Name of the run", key="import name", max_chars=LONGEST_NAME, placeholder="optional, in its title"
    )
    store = session.run_store()
    if files.answers:
        model = model_panel.chosen()
        right.markdown(
            f"Read with {session.as_text(model.id or 'no model yet')}, chosen in the sidebar. Off-policy: it "
            "did not write these answers, and the run is marked so."
        )
        if model_panel.missing():
            model_panel.offer_fetch()
            return
        task, ready = exchange_work.bring_answers(store, files.brought, model, name), bool(model.id)
    else:
        of = right.text_input(
            "What their model is called",
            key="import model",
            max_chars=LONGEST_MODEL,
            placeholder="optional, such as owner/name",
            help="Runs whose model is called alike are compared, and probes of one judged on the other.",
        )
        task, ready = (
            exchange_work.bring_states(store, files.brought, files.labels, columns, of.strip() or None, name),
            True,
        )
    if st.button("Import", type="primary", disabled=not ready):
        st.session_state[FOLLOW] = True
        model_panel.start(IMPORT, task)


main()
