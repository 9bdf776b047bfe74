"""What the wheel asks for is what requirements.txt lists: one list. All else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup

LINES = (Path(__file__).parent / "requirements.txt").read_text().splitlines()

setup(install_requires=[line for line in LINES if line[:1].isalpha()])
