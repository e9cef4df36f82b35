"""Draws what `results` has parsed: a panel of bars for each bench, and one picture of growth."""

import math
from html import escape

from results import DEFERRED, GROWTH, OURS, Measured, Results, show

PANELS = (
    ("time added to a connection, P-256", "Python: time added to a connection, P-256"),
    (
        "time added to a connection, RSA-2048",
        "Python: time added to a connection, RSA-2048",
    ),
    ("16 threads, P-256", "Python: 16 threads with one context, P-256; longer is better"),
    ("16 threads, RSA-2048", "Python: 16 threads with one context, RSA-2048; longer is better"),
    ("context creation", "Python: making a context"),
    ("memory of a used context", "Python: memory of a context, used once"),
    ("memory growth per connection", "Python: memory growth per connection"),
    ("import time over ssl", "Python: import, after import ssl"),
    ("loading certifi into one more context", "Python: loading certifi into one more context"),
    ("a context for each of 1,000 connections", "Python: a connection with a context of its own"),
    (
        "asyncio, 1,000 connections at once",
        "Python: asyncio, 1,000 connections at once; longer is better",
    ),
    ("cold load", "Rust: first reading of the system store"),
    ("first verification, P-256", "Rust: first verification in a process, P-256"),
    ("repeated verification, P-256", "Rust: repeated verification, P-256"),
    ("repeated verification, P-384", "Rust: repeated verification, P-384"),
    ("repeated verification, RSA-2048", "Rust: repeated verification, RSA-2048"),
    ("repeated verification, RSA-4096", "Rust: repeated verification, RSA-4096"),
)
WIDTH, LABELS, BAR, GAP = 480, 190, 18, 8
COLOURS = {True: "#1f5fa8", False: "#9aa5b1"}


def draw(results: Results, about: str, part: str) -> str:
    """The picture of a part of the results: for users of one side, or growth."""
    return growth(results, about) if part == "growth" else chart(results, about, part)


def chart(results: Results, about: str, side: str) -> str:
    panels = []
    for bench, title in PANELS:
        if not title.startswith(side):
            continue
        cases = results.get(bench, {})
        key = bench.rpartition(", ")[2]
        signatures = results.get(f"repeated verification, {key}", {}).get("webpki")
        if bench.startswith("time added") and signatures:
            cases = {"the signatures (webpki)": signatures, **cases}
        if cases:
            panels.append(panel(title, cases))
    rows = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    parts, y = [], 70
    for row in rows:
        for column, (_, svg) in enumerate(row):
            parts.append(f'<g transform="translate({20 + column * (WIDTH + 30)},{y})">{svg}</g>')
        y += max(height for height, _ in row) + 24
    title = f"trustbridge for {side} beside its peers: medians, shorter is better unless it says so"
    return document(2 * WIDTH + 70, y + 4, title, f"Logarithmic axes. {about}", parts)


def document(width: int, height: int, title: str, about: str, parts: list[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"',
            f'viewBox="0 0 {width} {height}" font-family="DejaVu Sans, Arial, sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            text(20, 28, title, 18, bold=True),
            text(20, 50, about, 12, colour="#555"),
            *parts,
            "</svg>\n",
        ]
    )


PALETTE = ("#1f5fa8", "#c2571a", "#2d8a4e", "#8a3ffc", "#b28600", "#d12771", "#007d79", "#697077")
LEFT, TOP, PLOT = 70, 80, (760, 520)
LARGEST = 6  # as a power of ten


def growth(results: Results, about: str) -> str:
    """Time by size, both logarithmic; the dotted line is linear growth."""
    series = {
        bench.removeprefix(GROWTH): [(int(size), case.value) for size, case in cases.items()]
        for bench, cases in results.items()
        if bench.startswith(GROWTH)
    }
    values = [value for points in series.values() for _, value in points if value > 0] or [1, 10]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def place(size: float, value: float) -> tuple[float, float]:
        up = (math.log10(value) - low) / max(high - low, 1)
        return LEFT + PLOT[0] * math.log10(size) / LARGEST, TOP + PLOT[1] * (1 - up)

    out = []
    for power in range(LARGEST + 1):
        x, _ = place(10.0**power, 1)
        out.append(f'<path d="M{x:.1f} {TOP}V{TOP + PLOT[1]}" stroke="#ddd"/>')
        out.append(text(x, TOP + PLOT[1] + 16, f"{10**power:,}", 11, anchor="middle"))
    for power in range(low, high + 1):
        _, y = place(1, 10.0**power)
        out.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + PLOT[0]}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, round(y + 4), f"{10.0**power:g} ms", 11, anchor="end"))
    rise = min(LARGEST, high - low)
    line = path([place(1, 10.0**low), place(10.0**rise, 10.0 ** (low + rise))])
    out.append(f'<path d="{line}" stroke="#999" stroke-dasharray="2 4"/>')
    for number, (name, points) in enumerate(series.items()):
        dash = ' stroke-dasharray="7 3"' if number >= len(PALETTE) else ""
        pen = f'stroke="{PALETTE[number % len(PALETTE)]}" stroke-width="2"{dash}'
        line = path([place(*point) for point in points if point[1] > 0])
        out.append(f'<path d="{line}" fill="none" {pen}/>')
        x, y = LEFT + PLOT[0] + 20, TOP + 14 + 20 * number
        out.append(f'<path d="M{x} {y - 4}h24" {pen}/>')
        out.append(text(x + 30, y, name, 12))
    title = "How cost grows with the size of the input; dotted: linear"
    return document(LEFT + PLOT[0] + 320, TOP + PLOT[1] + 30, title, about, out)


def path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def panel(title: str, cases: dict[str, Measured]) -> tuple[int, str]:
    unit = next(iter(cases.values())).unit
    positive = [case.value for case in cases.values() if case.value >= 0.005]
    low = math.floor(math.log10(min(positive, default=1)) - 0.05)
    high = math.ceil(math.log10(max(positive, default=10)) + 0.02)
    high = max(high, low + 1)
    room = WIDTH - LABELS - 80

    def x(value: float) -> float:
        return LABELS + room * (math.log10(value) - low) / (high - low)

    bottom = 22 + len(cases) * (BAR + GAP)
    out = [text(0, 10, f"{title} ({unit})", 13, bold=True)]
    for power in range(low, high + 1):
        at = x(10.0**power)
        out.append(f'<path d="M{at:.1f} 20V{bottom}" stroke="#ddd"/>')
        out.append(text(at, bottom + 14, f"{10.0**power:g}", 11, anchor="middle", colour="#555"))
    for index, (case, measured) in enumerate(cases.items()):
        y = 22 + index * (BAR + GAP)
        out.append(text(LABELS - 8, y + 13, case, 12, anchor="end", bold=case in (OURS, DEFERRED)))
        end = float(LABELS)
        if measured.value in positive:
            end = x(measured.value)
            out.append(
                f'<rect x="{LABELS}" y="{y}" width="{end - LABELS:.1f}" height="{BAR}" '
                f'fill="{COLOURS[case in (OURS, DEFERRED)]}"/>'
            )
        out.append(text(end + 6, y + 13, show(measured), 12))
    return bottom + 18, "".join(out)


def text(
    x: float,
    y: float,
    words: str,
    size: int,
    *,
    anchor: str = "start",
    bold: bool = False,
    colour: str = "#111",
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{colour}"{weight}>{escape(words)}</text>'
    )
