"""Long work in a notebook: Telltale's own bar or none, and nothing of what libraries print by themselves."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.progress import hidden, shown_in_percent


@contextmanager
def working(show: bool) -> Iterator[Callable[[float, str], None]]:
    """A bar from 0 to 100 %, where it is to be shown; gives what core's long work tells how far it is."""
    with hidden(not show), shown_in_percent() as tell:
        yield tell


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Without the warnings and bars of transformers and others while a model is loaded; then as before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.utils import logging  # whose bars ask for widgets as it is imported

        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()
