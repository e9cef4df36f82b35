"""Turns what the benches print into a table with targets, and a chart."""

import itertools
import math
from html import escape
from typing import NamedTuple

OURS = "trustbridge"
DEFERRED = "trustbridge, deferred"
ONE_CA = "ssl, one CA loaded"
KEYS = ("P-256", "RSA-2048")
MORE_KEYS = ("P-256", "P-384", "RSA-2048", "RSA-4096")
GROWTH = "growth: "


class Measured(NamedTuple):
    value: float
    unit: str
    runs: int


Results = dict[str, dict[str, Measured]]


class Target(NamedTuple):
    what: str
    target: str
    value: str
    met: bool


def parse(lines: list[str]) -> Results:
    results: Results = {}
    for line in lines:
        match line.split("\t"):
            case [bench, case, unit, value, runs]:
                results.setdefault(bench, {})[case] = Measured(float(value), unit, int(runs))
    return results


def targets(results: Results) -> list[Target]:
    return [
        *connections(results),
        *contexts(results),
        *imports(results),
        *rust(results),
    ]


def at_most(what: str, taken: float, limit: float, unit: str, digits: int) -> Target:
    return Target(what, f"≤ {limit:g} {unit}", f"{taken:.{digits}f} {unit}", taken <= limit)


def value(results: Results, bench: str, case: str = OURS) -> float:
    return results[bench][case].value


def connections(results: Results) -> list[Target]:
    out = []
    for key in KEYS:
        bench = f"time added to a connection, {key}"
        ours, peer = value(results, bench), value(results, bench, ONE_CA)
        for case, limit in ((OURS, 0.02), (DEFERRED, 0.1)):
            added = value(results, bench, case)
            what = f"Python: {case}: time added to an unverified connection, {key}"
            out.append(at_most(what, added, limit, "ms", 3))
            what = f"Python: {case}: the same, below ssl with one CA loaded, {key}"
            out.append(Target(what, f"< {peer:.3f} ms", f"{added:.3f} ms", added < peer))
        times = value(results, bench, "truststore") / ours
        out.append(
            Target(
                f"Python: the same, less than truststore, {key}",
                "≥ 50x",
                f"{times:.0f}x",
                times >= 50,
            )
        )
        bench = f"time of a connection beside ssl, 16 threads, {key}"
        for case in (OURS, DEFERRED):
            ratio = value(results, bench, case)
            out.append(
                Target(
                    f"Python: {case}: a connection beside ssl with one CA, 16 threads, {key}",
                    "≤ 1.10x",
                    f"{ratio:.3f}x",
                    ratio <= 1.1,
                )
            )
    return out


def contexts(results: Results) -> list[Target]:
    bench = "context creation"
    over = value(results, bench) - value(results, bench, "ssl.SSLContext()")
    out = [
        Target(
            "Python: context creation over ssl.SSLContext()",
            "≤ 0.05 ms",
            f"{over:.3f} ms",
            over <= 0.05,
        )
    ]
    for bench in ("memory of a new context", "memory of a used context"):
        over = value(results, bench) - value(results, bench, "ssl, unverified")
        out.append(Target(f"Python: {bench} over ssl", "≤ 10 KiB", f"{over:.1f} KiB", over <= 10))
    for what in ("certifi", "140 own roots"):
        taken = value(results, f"loading {what} into one more context")
        out.append(at_most(f"Python: loading {what} into one more context", taken, 0.01, "ms", 4))
    bench = "a context for each of 1,000 connections"
    for case in (OURS, f"{OURS}, one CA loaded"):
        ratio = value(results, bench, case) / value(results, bench, ONE_CA)
        out.append(at_most(f"Python: {case}: {bench}, beside ssl with one CA", ratio, 1, "x", 3))
    bench = "asyncio, 1,000 connections at once"
    ratio = value(results, bench) / value(results, bench, ONE_CA)
    what = f"Python: {bench}, beside ssl with one CA"
    out.append(Target(what, "≥ 1x", f"{ratio:.2f}x", ratio >= 1))
    waited = value(results, "beside a server that never answers")
    out.append(at_most("Python: beside a server that never answers", waited, 100, "ms", 1))
    growth = value(results, "memory growth per connection")
    out.append(
        # A page more or less over thousands of connections is noise.
        Target(
            "Python: memory growth per connection",
            "none",
            f"{growth * 1024:.1f} bytes",
            growth * 1024 < 10,
        )
    )
    return out


def rust(results: Results) -> list[Target]:
    load, peer = value(results, "cold load"), value(results, "cold load", "rustls-native-certs")
    out = [at_most("Rust: cold load of the store", load, 0.22, "ms", 3)]
    what = "Rust: the same, faster than rustls-native-certs"
    out.append(Target(what, "≥ 9x", f"{peer / load:.1f}x", peer / load >= 9))
    for key in KEYS:
        bench = f"first verification, {key}"
        out.append(at_most(f"Rust: {bench}", value(results, bench), 0.4, "ms", 3))
    for key in MORE_KEYS:
        bench = f"repeated verification, {key}"
        ratio = value(results, bench) / value(results, bench, "webpki")
        out.append(
            at_most(f"Rust: repeated verification beside webpki, {key}", ratio, 0.05, "x", 3)
        )
    read = value(results, f"{GROWTH}anchors, reading PEM", "10000")
    out.append(at_most("Rust: reading 10,000 certificates", read, 10, "ms", 1))
    read = value(results, f"{GROWTH}CRL entries, reading", "1000000")
    out.append(at_most("Rust: reading a CRL of 1,000,000 entries", read, 300, "ms", 0))
    bench = f"{GROWTH}CRL entries, verification"
    added = (value(results, bench, "1000000") - value(results, bench, "100")) * 1e3
    out.append(at_most("Rust: a check against it, over one of 100 entries", added, 1, "µs", 2))
    worst = max((steepest(cases), bench) for bench, cases in results.items() if is_growth(bench))
    what = f"growth: the steepest exponent ({worst[1].removeprefix(GROWTH)})"
    # n log n over a tenfold input looks like an exponent of 1.2.
    out.append(at_most(what, worst[0], 1.2, "", 2))
    return out


def is_growth(bench: str) -> bool:
    return bench.startswith(GROWTH) and "threads" not in bench


def exponents(cases: dict[str, Measured]) -> list[float]:
    """Between each size and the next: 1 is linear."""
    points = [(int(size), measured.value) for size, measured in cases.items()]
    return [
        math.log(later / earlier) / math.log(larger / smaller)
        for (smaller, earlier), (larger, later) in itertools.pairwise(points)
    ]


def steepest(cases: dict[str, Measured]) -> float:
    """Between the two largest sizes, where what is constant matters least."""
    return exponents(cases)[-1]


def growth_table(results: Results) -> list[str]:
    lines = ["", "How cost grows: time at each size, and the exponent between the last two.", ""]
    lines += ["| what | exponent | sizes |", "|---|---:|---|"]
    for bench, cases in results.items():
        if bench.startswith(GROWTH):
            sizes = "; ".join(f"{int(size):,}: {show(cases[size])}" for size in cases)
            lines.append(f"| {bench.removeprefix(GROWTH)} | {steepest(cases):.2f} | {sizes} |")
    return lines


def imports(results: Results) -> list[Target]:
    out = []
    for bench, words in (
        ("import time over ssl", "import, over `import ssl`"),
        ("import and first context", "import and first context, over those of `ssl`"),
    ):
        for case in (OURS, f"{OURS}, no native module"):
            taken = results[bench][case].value - results[bench]["ssl"].value
            what = f"Python: {words}{case.removeprefix(OURS)}"
            limit = 1 if bench.startswith("import time") else 3
            out.append(at_most(what, taken, limit, "ms", 2))
    return out


def table(results: Results, about: str) -> str:
    lines = [
        "# Results of `make bench`",
        "",
        f"One run: {about}. Medians. Written by `make bench`; do not edit.",
        "",
        "| target | wanted | measured | met |",
        "|---|---|---|---|",
    ]
    for target in targets(results):
        met = "yes" if target.met else "**no**"
        lines.append(f"| {target.what} | {target.target} | {target.value} | {met} |")
    lines += growth_table(results)
    lines += [
        "",
        "Everything measured; the ratio is to trustbridge in the same bench.",
        "",
        "| bench | case | median | ratio | measurements |",
        "|---|---|---:|---:|---:|",
    ]
    for bench, cases in results.items():
        if bench.startswith(GROWTH):
            continue
        ours = cases.get(OURS)
        for case, measured in cases.items():
            positive = ours and ours.value > 0 and measured.value > 0
            ratio = f"{measured.value / ours.value:.2f}" if ours and positive else ""
            lines.append(f"| {bench} | {case} | {show(measured)} | {ratio} | {measured.runs} |")
    return "\n".join(lines) + "\n"


def show(measured: Measured) -> str:
    value = measured.value
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f} {measured.unit}"


# The chart: one panel a bench, horizontal bars on a logarithmic axis, in two columns.

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


def chart(results: Results, about: str, side: str) -> str:
    """The picture for users of one side: "Python" or "Rust"."""
    panels = []
    for bench, title in PANELS:
        if not title.startswith(side):
            continue
        cases = results.get(bench, {})
        if bench.startswith("time added"):
            signatures = results[f"repeated verification, {bench.rpartition(', ')[2]}"]["webpki"]
            cases = {"the signatures (webpki)": signatures, **cases}
        if cases:
            panels.append(panel(title, cases))
    rows = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    parts, y = [], 70
    for row in rows:
        for column, (_, svg) in enumerate(row):
            parts.append(f'<g transform="translate({20 + column * (WIDTH + 30)},{y})">{svg}</g>')
        y += max(height for height, _ in row) + 24
    width, height = 2 * WIDTH + 70, y + 4
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"',
            f'viewBox="0 0 {width} {height}" font-family="DejaVu Sans, Arial, sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            text(
                20,
                28,
                f"trustbridge for {side} beside its peers: medians, mostly the shorter the better",
                18,
                bold=True,
            ),
            text(20, 50, f"Logarithmic axes. {about}", 12, colour="#555"),
            *parts,
            "</svg>\n",
        ]
    )


PALETTE = ("#1f5fa8", "#c2571a", "#2d8a4e", "#8a3ffc", "#b28600", "#d12771", "#007d79", "#697077")


def growth_chart(results: Results, about: str) -> str:
    """Time by size, both logarithmic; the dotted line is linear growth."""
    width, height, left, top = 760, 520, 70, 80
    series = {
        bench.removeprefix(GROWTH): [(int(size), case.value) for size, case in cases.items()]
        for bench, cases in results.items()
        if bench.startswith(GROWTH)
    }
    if not series:
        return ""
    values = [value for points in series.values() for _, value in points]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def place(size: float, value: float) -> tuple[float, float]:
        x = left + width * math.log10(size) / 6
        return x, top + height * (high - math.log10(value)) / (high - low)

    out = []
    for power in range(7):
        x, _ = place(10.0**power, 1)
        out.append(f'<path d="M{x:.1f} {top}V{top + height}" stroke="#ddd"/>')
        out.append(text(x, top + height + 16, f"{10**power:,}", 11, anchor="middle"))
    for power in range(low, high + 1):
        _, y = place(1, 10.0**power)
        out.append(f'<path d="M{left} {y:.1f}H{left + width}" stroke="#ddd"/>')
        out.append(text(left - 6, round(y + 4), f"{10.0**power:g} ms", 11, anchor="end"))
    (x1, y1), (x2, y2) = place(1, 10.0**low), place(10.0 ** min(6, high - low), 10.0**high)
    out.append(
        f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#999" stroke-dasharray="2 4"/>'
    )
    for number, (name, points) in enumerate(series.items()):
        colour = PALETTE[number % len(PALETTE)]
        dash = ' stroke-dasharray="7 3"' if number >= len(PALETTE) else ""
        line = "L".join("{:.1f} {:.1f}".format(*place(*point)) for point in points)
        out.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        y = top + 14 + 20 * number
        x = left + width + 20
        out.append(f'<path d="M{x} {y - 4}h24" stroke="{colour}" stroke-width="2"{dash}/>')
        out.append(text(x + 30, y, name, 12))
    total = (left + width + 320, top + height + 30)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{total[0]}" height="{total[1]}"',
            f'viewBox="0 0 {total[0]} {total[1]}" font-family="DejaVu Sans, Arial, sans-serif">',
            f'<rect width="{total[0]}" height="{total[1]}" fill="white"/>',
            text(
                20, 28, "How cost grows with the size of the input; dotted: linear", 18, bold=True
            ),
            text(20, 50, about, 12, colour="#555"),
            *out,
            "</svg>\n",
        ]
    )


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
