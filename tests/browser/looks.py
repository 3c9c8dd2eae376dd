"""Pictures of a page in both themes and at two widths, and what a picky reader would find wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Locator

from tests.browser.jupyter import ROOT, NotebookPage

__all__ = ["FLAWS", "FOLDER", "LOOKS", "choose_look", "flaws", "photograph", "save_picture"]

LOOKS = tuple((theme, width) for theme in ("light", "dark") for width in (1280, 800))
FOLDER = ROOT / "artifacts" / "looks"
TRIES = 5

# Texts whose contrast with what lies behind them is less than WCAG asks for (4.5, large ones 3), texts that are cut
# without an ellipsis, and what is wider than its place and does not scroll. Pictures, canvases and the colours that
# JupyterLab gives to terminal output are not looked into; symbols count as large.
FLAWS = """(selector) => {
    const parse = (colour) => {
        const parts = (colour.match(/[\\d.e-]+/g) ?? [0, 0, 0, 0]).map(Number);
        const scale = colour.startsWith('color(') ? 255 : 1;
        return [parts[0] * scale, parts[1] * scale, parts[2] * scale, parts[3] ?? 1];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const behind = (element) => {
        const layers = [];
        for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
        return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
    };
    const opacity = (element) => {
        let whole = 1;
        for (let at = element; at; at = at.parentElement) whole *= Number(getComputedStyle(at).opacity);
        return whole;
    };
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
        .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (a, b) => {
        const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
    };
    const found = new Set();
    for (const root of document.querySelectorAll(selector)) {
        const scrolls = ['auto', 'scroll'].includes(getComputedStyle(root).overflowX);
        if (!scrolls && root.scrollWidth > root.clientWidth + 1) found.add(`wider than its place: ${root.className}`);
        for (const element of root.querySelectorAll('*')) {
            const texts = [...element.childNodes].filter((node) => node.nodeType === 3);
            const own = texts.map((node) => node.textContent.trim()).join('');
            const box = element.getBoundingClientRect();
            const style = getComputedStyle(element);
            if (!own || !box.width || style.visibility === 'hidden' || element.closest('[hidden], svg')) continue;
            if (opacity(element) < 0.1 || element.disabled || element.closest('.snb-wait, [class^=ansi-]')) continue;
            const what = `${element.className || element.tagName} "${own.slice(0, 30)}"`;
            const ground = behind(element);
            const colour = parse(style.color);
            colour[3] *= opacity(element);
            const size = parseFloat(style.fontSize);
            const bold = Number(style.fontWeight) >= 700;
            const large = !/[\\p{L}\\p{N}]/u.test(own) || size >= (bold ? 18.66 : 24);
            const ratio = contrast(over(colour, ground), ground);
            if (ratio < (large ? 3 : 4.5)) found.add(`contrast ${ratio.toFixed(1)}: ${what}`);
            const cut = style.overflowX === 'hidden' || style.overflowX === 'clip';
            if (cut && style.textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1) {
                found.add(`cut: ${what}`);
            }
        }
    }
    return [...found].sort();
}"""


def choose_look(notebook: NotebookPage, theme: str, width: int, height: int) -> None:
    """Give JupyterLab a theme and the window a size."""
    notebook.choose_theme(theme)
    notebook.page.set_viewport_size({"width": width, "height": height})


def flaws(notebook: NotebookPage, selector: str) -> list[str]:
    """List what is wrong with the looks of parts of the page."""
    found: list[str] = notebook.page.evaluate(FLAWS, selector)
    return found


def save_picture(part: Locator, path: Path) -> None:
    """Save a picture of a part of the page, once more if JupyterLab has drawn its view anew meanwhile."""
    for _ in range(TRIES - 1):
        try:
            part.screenshot(path=path)
        except Error as error:
            if "not attached" not in error.message:
                raise
        else:
            return
    part.screenshot(path=path)


def photograph(notebook: NotebookPage, name: str, selector: str, *, height: int = 900) -> dict[str, Any]:
    """Save pictures of parts of the page in every look under the git-ignored artefacts; return the flaws by look."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wrong: dict[str, Any] = {}
    for theme, width in LOOKS:
        choose_look(notebook, theme, width, height)
        notebook.page.wait_for_timeout(700)  # charts draw their new size and colours, and what flashes fades
        for number, part in enumerate(notebook.page.locator(selector).all()):
            save_picture(part, FOLDER / f"{name}-{number}-{theme}-{width}.png")
        found = flaws(notebook, selector)
        if found:
            wrong[f"{theme} {width}"] = found
    return wrong
