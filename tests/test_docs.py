"""The pages for users and developers: links lead somewhere, named files exist, examples run."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from .helpers.architecture import PATHS, PIPELINE, ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def anchor(title: str) -> str:
    """The anchor that GitHub gives to a title."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        name, _, part = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if part:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in {anchor(title) for title in titles}, link


def test_pictures_of_the_readme_are_small():
    pictures = sorted((ROOT / "docs/pictures").iterdir())
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < 250_000, picture.name


def test_files_that_the_architecture_page_names_exist():
    named = re.findall(r"`((?:pipeline|models|export|cli|tests|benchmarks)/[\w./]*)`", ARCHITECTURE)
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]


def test_names_of_code_on_the_architecture_page_exist():
    word = r"_?[A-Za-z]\w*(?:_\w+|[a-z][A-Z]\w*|[A-Z]{3,}\w*)"
    named = set(re.findall(rf"`({word})(?:\([\w, ]*\))?`", ARCHITECTURE))
    code = "\n".join(path.read_text(encoding="utf-8") for path in PATHS.values())
    defined = set(re.findall(r"^\s*(?:def |class )?(\w+)(?= ?[:=(\[])", code, re.MULTILINE))
    assert named
    assert named - set(PIPELINE) <= defined


def test_the_architecture_page_shows_the_table_of_packages():
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([ `\w]*)\|$", ARCHITECTURE, re.MULTILINE)
    shown = {name: set(re.findall(r"\w+", others)) for name, others in rows}
    assert shown == {name: set(others.split()) for name, others in PIPELINE.items()}


def test_the_example_of_the_model_contract_runs(tmp_path, monkeypatch):
    page = (ROOT / "docs/model-contract.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.full((72, 90, 3), 90, np.uint8))
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert cv2.imread(str(tmp_path / "stylized.png")).shape == (72, 90, 3)
