"""Texts that would run a script, ask a foreign host or add an element wherever a page took them for markup."""

from __future__ import annotations

__all__ = ["CORPUS", "FOREIGN", "RAN"]

RAN = "window.__ran=(window.__ran||0)+1"
"""What a script of the corpus would do."""

FOREIGN = "http://127.0.0.2:9/x"
"""An address that nothing of ours asks."""

_ACTIONS = (
    f"<script>{RAN}</script>",
    f"<script src={FOREIGN}.js></script>",
    f"<img src=x onerror='{RAN}'>",
    f'<img src="{FOREIGN}.png">',
    f"<svg onload={RAN}>",
    f"<svg><script>{RAN}</script></svg>",
    f"<svg><animate onbegin={RAN} attributeName=x dur=1s>",
    f'<iframe srcdoc="<script>parent.{RAN}</script>"></iframe>',
    f"<iframe src=javascript:{RAN}></iframe>",
    f"<body onload={RAN}>",
    f"<details open ontoggle={RAN}>x</details>",
    f"<input autofocus onfocus={RAN}>",
    f"<video><source onerror={RAN}></video>",
    f"<audio src={FOREIGN}.mp3 autoplay onerror={RAN}>",
    f"<a href='javascript:{RAN}'>x</a>",
    f"<form action={FOREIGN}><button autofocus>x</button></form>",
    f"<object data={FOREIGN}></object>",
    f"<embed src={FOREIGN}>",
    f"<link rel=stylesheet href={FOREIGN}.css>",
    f"<style>@import '{FOREIGN}.css';*{{color:red}}</style>",
    f"<meta http-equiv=refresh content='0;url={FOREIGN}'>",
    f"<base href={FOREIGN}>",
    f"<math><mtext><img src=x onerror={RAN}></mtext></math>",
    f'<div style="background:url({FOREIGN}.gif)">x</div>',
    f"<div style='width:expression({RAN})'>x</div>",
    f"<marquee onstart={RAN}>x</marquee>",
    f"<template><script>{RAN}</script></template>",
    f'<noscript><p title="</noscript><img src=x onerror={RAN}>">',
    f"<xss id=x tabindex=1 onfocus={RAN}></xss>",
    f"<button popovertarget=x onclick={RAN}>x</button>",
)

# How a text may leave the place that it was written to: an attribute, an element, a script, a comment, a template.
_ESCAPES = ("", '">', "'>", "</td></tr></table>", "</script>", "-->", "]]>", "</title></style></textarea>")

_OTHERS = (
    f"javascript:{RAN}",
    f"data:text/html,<script>{RAN}</script>",
    f"${{{RAN}}}",
    f"`-{{{RAN}}}-`",
    f"{{{{constructor.constructor('{RAN}')()}}}}",
    f"';{RAN};//",
    f'";{RAN};//',
    f'\\";{RAN};//',
    f"</script><script>{RAN}</script>",
    f"&lt;script&gt;{RAN}&lt;/script&gt;",
    f"&#60;img src=x onerror={RAN}&#62;",
    f"%3Cscript%3E{RAN}%3C/script%3E",
    f"\u003cscript\u003e{RAN}\u003c/script\u003e",
    "$$\\href{javascript:" + RAN + "}{x}$$",
    "$$\\unicode{<img src=x onerror=" + RAN + ">}$$",
    "\\(\\require{html}\\)",
    f"[x](javascript:{RAN})",
    f"![x]({FOREIGN}.png)",
    "@{safe}",
    "@x{%d}",
    "\x00<b>",
    "\x1b]8;;" + FOREIGN + "\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[31mred",
    "\u202e<tpircs>",
    "\u2028\u2029",
    "\ufeff<script>",
    "＜script＞",
    "a" * 5000 + "<b>",
    "__proto__",
    "constructor",
)

CORPUS: tuple[str, ...] = tuple(
    dict.fromkeys([*(escape + action for escape in _ESCAPES for action in _ACTIONS), *_OTHERS])
)
"""At least 200 different texts."""
