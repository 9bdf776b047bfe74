"""The mistakes that Telltale reports to a person.

Each message is one clear sentence that names the offending value and says what to mend. The command
line prints it and exits with 2; a page shows it as text.
"""

from core.shown import sentence


class TelltaleError(Exception):
    """Anything that a person can mend. As text it is one visible line of a sentence's length."""

    def __str__(self) -> str:
        return sentence(super().__str__())


class DataError(TelltaleError):
    """A question source, upload or label column that cannot be used."""


class ModelError(TelltaleError):
    """A model that cannot be found, loaded or trusted."""


class TemplateError(TelltaleError):
    """A template, mode or choice that cannot become a prompt."""


class StoreError(TelltaleError):
    """A run, an answer or a cache folder that is missing or cannot be written."""


class DamagedStates(StoreError):
    """States on the disk that are missing, cut short or changed: their answers can be made again."""


class StatesOutOfReach(StoreError):
    """States that are kept elsewhere, in a place that cannot be reached or denies access."""


class DamagedDatabase(StoreError):
    """A database whose file is not what it was: it can be made anew from what lies beside the states."""


class RunHeld(StoreError):
    """A run that another process or job is writing."""


class ProbeError(TelltaleError):
    """A probe that cannot be fitted or judged on what it was given."""


class ProjectionError(TelltaleError):
    """A projection that cannot be made of what it was given."""


class Cancelled(TelltaleError):
    """Somebody asked the work to stop."""


class DownloadError(TelltaleError):
    """A package that could not be fetched, or whose hash is not the expected one."""
