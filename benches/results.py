"""Turns what the benches print into tables with targets, and pictures."""

import itertools
import math
from typing import NamedTuple

OURS = "trustbridge"
DEFERRED = "trustbridge, deferred"
ONE_CA = "ssl, one CA loaded"
KEYS = ("P-256", "RSA-2048")
MORE_KEYS = ("P-256", "P-384", "RSA-2048", "RSA-4096")
GROWTH = "growth: "
HOSTILE = "hostile chain, "
LARGE_CRL = "CRL of 1,000,000 entries, "


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


# In the order of the results.
RUST_PROGRAMS = ("cold_load", "first", "repeated", "growth", "worst")
PYTHON, RUST = "Python", "Rust"
PICTURES = {PYTHON: "results-python.svg", RUST: "results-rust.svg", "growth": "results-growth.svg"}


def targets(results: Results) -> list[Target]:
    return [
        *connections(results),
        *contexts(results),
        *imports(results),
        *rust(results),
        *crls(results),
        *hostile(results),
        *growth(results),
    ]


def at_most(what: str, taken: float, limit: float, unit: str, digits: int) -> Target:
    wanted, measured = f"≤ {limit:g} {unit}", f"{taken:.{digits}f} {unit}"
    return Target(what, wanted.rstrip(), measured.rstrip(), taken <= limit)


def value(results: Results, bench: str, case: str = OURS) -> float:
    """Not a number where a bench failed: such a target is not met."""
    measured = results.get(bench, {}).get(case)
    return measured.value if measured else math.nan


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
        # Of noise no ratio says anything: a connection may take less time than an unverified one.
        times = value(results, bench, "truststore") / ours if ours > 0 else math.inf
        out.append(
            Target(
                f"Python: the same, below truststore, {key}",
                "≥ 50x",
                f"{times:.0f}x" if ours > 0 else "not measurable",
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
    again = value(results, "one context loads a file 1,000 times, each time")
    out.append(at_most("Python: one context loads a file 1,000 times, each", again, 0.01, "ms", 4))
    kept = value(results, "memory of each load of 1,000") * 1024
    out.append(at_most("Python: memory of each load of 1,000", kept, 10, "bytes", 1))
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
    return out


def crls(results: Results) -> list[Target]:
    what = f"Rust: {LARGE_CRL}"
    built = value(results, f"{LARGE_CRL}building")
    kept = value(results, f"{LARGE_CRL}memory") / 1024
    bench = f"{GROWTH}CRL entries, verification"
    added = (value(results, bench, "1000000") - value(results, bench, "100")) * 1e3
    return [
        at_most(f"{what}building", built, 300, "ms", 0),
        at_most(f"{what}memory, the list included", kept, 60, "MiB", 1),
        at_most(f"{what}a check after the first, over one of 100 entries", added, 1, "µs", 2),
    ]


def hostile(results: Results) -> list[Target]:
    chains = {
        bench.removeprefix(HOSTILE): (cases[OURS].value, cases["OpenSSL"].value)
        for bench, cases in results.items()
        if bench.startswith(HOSTILE) and {OURS, "OpenSSL"} <= cases.keys()
    }
    nothing = (math.nan, "none")
    slowest, title = max(((ours, title) for title, (ours, _) in chains.items()), default=nothing)
    out = [at_most(f"Rust: the worst hostile chain ({title})", slowest, 20, "ms", 2)]
    ratios = ((ours / theirs, title) for title, (ours, theirs) in chains.items())
    ratio, title = max(ratios, default=nothing)
    out.append(at_most(f"Rust: a hostile chain beside OpenSSL ({title})", ratio, 2, "x", 2))
    lost = value(results, "hostile chains, good paths not found")
    what = "Rust: hostile chains whose good path is not found"
    out.append(Target(what, "none", f"{lost:g}", lost == 0))
    title = "mesh of 100 over an expired P-521 root"
    ours, theirs = chains.get(title, (math.nan, math.nan))
    out.append(at_most(f"Rust: {title}, beside OpenSSL", ours / theirs, 1, "x", 2))
    return out


def growth(results: Results) -> list[Target]:
    steep = [(steepest(cases), bench) for bench, cases in results.items() if is_growth(bench)]
    exponent, bench = max(steep, default=(math.nan, "none"))
    what = f"Growth: the steepest exponent ({bench.removeprefix(GROWTH)})"
    # n log n over a tenfold input looks like an exponent of 1.2.
    return [at_most(what, exponent, 1.2, "", 2)]


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
    return exponents(cases)[-1] if len(cases) > 1 else math.nan


def growth_table(results: Results) -> list[str]:
    lines = [
        "Cost at each size of the input, and the exponent between the last two: 1 is linear.",
        "",
    ]
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
            taken = value(results, bench, case) - value(results, bench, "ssl")
            what = f"Python: {words}{case.removeprefix(OURS)}"
            limit = 1 if bench.startswith("import time") else 3
            out.append(at_most(what, taken, limit, "ms", 2))
    return out


def table(results: Results, about: str) -> str:
    lines = [
        "# Results of `make bench`",
        "",
        f"One run: {about}. Medians. Written by `make bench`; do not edit.",
    ]
    wanted = targets(results)
    for side in (PYTHON, RUST):
        lines += [
            "",
            f"## For {side} users",
            "",
            *picture(side, "trustbridge beside its peers"),
            "",
        ]
        lines += target_table([target for target in wanted if target.what.startswith(side)], side)
        lines += ["", "Everything measured; the ratio is to trustbridge in the same bench.", ""]
        lines += ["| bench | case | median | ratio | measurements |", "|---|---|---:|---:|---:|"]
        for bench, cases in results.items():
            if not bench.startswith(GROWTH) and is_rust(bench) == (side == RUST):
                lines += rows(bench, cases)
    lines += ["", "## Growth", "", *picture("growth", "cost by the size of the input"), ""]
    lines += target_table(
        [target for target in wanted if target.what.startswith("Growth")], "Growth"
    )
    lines += ["", *growth_table(results)]
    return "\n".join(lines) + "\n"


RUST_BENCHES = ("cold load", "first verification", "repeated verification", "CRL", "hostile")


def is_rust(bench: str) -> bool:
    return bench.startswith(RUST_BENCHES)


def picture(part: str, words: str) -> list[str]:
    return [f"![{part}: {words}]({PICTURES[part]})"]


def target_table(wanted: list[Target], part: str) -> list[str]:
    lines = ["| target | wanted | measured | met |", "|---|---|---|---|"]
    for target in wanted:
        what = target.what.removeprefix(f"{part}: ")
        measured = "not measured" if "nan" in target.value else target.value
        met = "yes" if target.met else "**no**"
        lines.append(f"| {what} | {target.target} | {measured} | {met} |")
    return lines


def rows(bench: str, cases: dict[str, Measured]) -> list[str]:
    ours, lines = cases.get(OURS), []
    for case, measured in cases.items():
        positive = ours and ours.value > 0 and measured.value > 0
        ratio = f"{measured.value / ours.value:.2f}" if ours and positive else ""
        lines.append(f"| {bench} | {case} | {show(measured)} | {ratio} | {measured.runs} |")
    return lines


def show(measured: Measured) -> str:
    value = measured.value
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f} {measured.unit}"
