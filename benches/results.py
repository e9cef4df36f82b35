"""Turns what the benches print into a table with targets, and a chart."""

import math
from html import escape
from typing import NamedTuple

OURS = "trustbridge"
DEFERRED = "trustbridge, deferred"
KEYS = ("P-256", "RSA-2048")


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


def value(results: Results, bench: str, case: str = OURS) -> float:
    return results[bench][case].value


def connections(results: Results) -> list[Target]:
    out = []
    for key in KEYS:
        bench = f"time added to a connection, {key}"
        price = value(results, f"repeated verification, {key}", "webpki")
        ours = value(results, bench)
        out.append(
            Target(
                f"Python: time added to a connection over the signatures, {key}",
                "≤ 0.3 ms",
                f"{ours - price:.3f} ms ({ours:.3f} - {price:.3f})",
                ours - price <= 0.3,
            )
        )
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
    out = [
        Target("Rust: cold load of the store", "≤ 0.5 ms", f"{load:.3f} ms", load <= 0.5),
        Target(
            "Rust: the same, faster than rustls-native-certs",
            "≥ 5x",
            f"{peer / load:.1f}x",
            peer / load >= 5,
        ),
    ]
    for key in KEYS:
        bench = f"repeated verification, {key}"
        ratio = value(results, bench) / value(results, bench, "webpki")
        out.append(
            Target(
                f"Rust: repeated verification beside webpki, {key}",
                "≤ 1.05x",
                f"{ratio:.3f}x",
                ratio <= 1.05,
            )
        )
    return out


def imports(results: Results) -> list[Target]:
    out = []
    for bench, words in (
        ("import time over ssl", "import, over `import ssl`"),
        ("import and first context", "import and first context, over those of `ssl`"),
    ):
        for case in (OURS, f"{OURS}, no native module"):
            taken = results[bench][case].value - results[bench]["ssl"].value
            what = f"Python: {words}{case.removeprefix(OURS)}"
            out.append(Target(what, "≤ 3 ms", f"{taken:.1f} ms", taken <= 3))
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
    lines += [
        "",
        "Everything measured; the ratio is to trustbridge in the same bench.",
        "",
        "| bench | case | median | ratio | measurements |",
        "|---|---|---:|---:|---:|",
    ]
    for bench, cases in results.items():
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
    ("cold load", "Rust: first reading of the system store"),
    ("first verification, P-256", "Rust: first verification in a process, P-256"),
    ("repeated verification, P-256", "Rust: repeated verification, P-256"),
    ("repeated verification, RSA-2048", "Rust: repeated verification, RSA-2048"),
)
WIDTH, LABELS, BAR, GAP = 480, 190, 18, 8
COLOURS = {True: "#1f5fa8", False: "#9aa5b1"}


def chart(results: Results, about: str) -> str:
    panels = []
    for bench, title in PANELS:
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
                "trustbridge beside its peers: medians, shorter is better unless it says otherwise",
                18,
                bold=True,
            ),
            text(20, 50, f"Logarithmic axes. {about}", 12, colour="#555"),
            *parts,
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
