"""The frame around what is shown: its style, and the slider for brightness. Nothing is fetched from elsewhere."""

from __future__ import annotations

CSS = """
.datapkg .datapkg-image{position:relative;margin:0 auto;line-height:0;background:#000}
.datapkg .datapkg-image img{display:block;max-width:none;margin:0;image-rendering:pixelated;
filter:brightness(var(--datapkg-brightness,1))}
.datapkg .datapkg-image svg{position:absolute;left:0;top:0;width:100%;height:100%;overflow:hidden}
.datapkg td.datapkg-cell{text-align:center;vertical-align:top;line-height:1.25}
.datapkg .datapkg-note,.datapkg .datapkg-channels{font-size:10px;white-space:nowrap}
.datapkg .datapkg-note{opacity:.75}
.datapkg .datapkg-channels b{display:inline-block;width:8px;height:8px;margin:0 3px 0 5px}
.datapkg .datapkg-brightness{font-size:11px;display:inline-flex;align-items:center;gap:6px}
.datapkg table.datapkg-summary td,.datapkg table.datapkg-summary th{text-align:left;padding:2px 10px 2px 0}
.datapkg table.datapkg-summary td.datapkg-number{text-align:right}
"""
DIMMEST, BRIGHTEST = 0.2, 5.0
SET = "this.closest('.datapkg').style.setProperty('--datapkg-brightness',this.value)"


def wrapped(html: str, brightness: float | None = None) -> str:
    """Put HTML into its frame; a slider, which starts at `brightness`, acts on the pictures and not on what is over them."""
    start = style = ""
    if brightness is not None:
        style = f' style="--datapkg-brightness:{brightness:g}"'
        start = (
            '<label class="datapkg-brightness">brightness '
            f'<input type="range" min="{DIMMEST:g}" max="{BRIGHTEST:g}" step="0.1" value="{brightness:g}" oninput="{SET}">'
            "</label>"
        )
    return f'<div class="datapkg"{style}><style>{CSS}</style>{start}{html}</div>'
