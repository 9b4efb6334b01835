"""The page in a real browser: nothing is wider than the screen, in both colour schemes; skipped without a Chromium."""

import html
import json
import shutil
import subprocess

import pytest
from report_samples import evidence, failed, planted, unknown, wide

from symgrad.report import page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
WIDTHS = (390, 800, 1440)
SCHEMES = ("light", "dark")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

# Each frame is a screen of its own: its media queries see its width and its colour scheme.
MEASURE = """
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument, root = page.documentElement;
    const background = frame.contentWindow.getComputedStyle(page.body).backgroundColor;
    const narrow = [...page.querySelectorAll("svg, math, pre, td")].filter((e) => e.getBoundingClientRect().width == 0);
    return {width: frame.clientWidth, needs: root.scrollWidth, scheme: frame.className, background,
            empty: narrow.length, requests: frame.contentWindow.performance.getEntriesByType("resource").length};
  });
  document.body.textContent = JSON.stringify(found);
});
"""


def measured(text: str, folder) -> list[dict]:
    """Return what the browser says of a page at every width and in both schemes."""
    frames = [
        f'<iframe class="{scheme}" style="width:{width}px;height:600px;border:0;color-scheme:{scheme}" '
        f'srcdoc="{html.escape(text)}"></iframe>'
        for scheme in SCHEMES
        for width in WIDTHS
    ]
    path = folder / "frames.html"
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><script>{MEASURE}</script>{''.join(frames)}")
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    dumped = subprocess.run(
        [*command, "--dump-dom", str(path)], capture_output=True, text=True, timeout=100, check=True
    )
    body = dumped.stdout.partition("<body>")[2].partition("</body>")[0]
    return json.loads(html.unescape(body))


def test_nothing_is_wider_than_the_screen(tmp_path):
    everything = {"a": planted(), "b": evidence(), "c": wide(), "d": failed(), "e": unknown()}
    found = measured(page(everything), tmp_path)
    assert [each["width"] for each in found] == [*WIDTHS, *WIDTHS]
    assert [each for each in found if each["needs"] > each["width"]] == []
    assert {each["empty"] for each in found} == {0}
    assert {each["requests"] for each in found} == {0}


def test_the_colour_scheme_is_that_of_the_reader(tmp_path):
    found = measured(page(evidence()), tmp_path)
    light, dark = ({each["background"] for each in found if each["scheme"] == scheme} for scheme in SCHEMES)
    assert light == {"rgb(252, 252, 250)"} and dark == {"rgb(22, 24, 27)"}


def test_the_measure_sees_what_is_too_wide(tmp_path):
    found = measured('<!DOCTYPE html><body style="margin:0"><pre style="width:900px">x</pre>', tmp_path)
    assert [each["needs"] > each["width"] for each in found] == [True, True, False] * 2
