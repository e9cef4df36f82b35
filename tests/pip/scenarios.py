"""What pip is put through, and how each of it must end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Scenario:
    name: str
    #: Whether pip succeeds.
    succeeds: bool
    #: What the message of a refusal holds, where trustbridge gives it.
    words: tuple[str, ...] = ()
    server: str = "good"
    #: The file that is the system's store.
    store: str = "index"
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    package: str = "six"
    #: What is there once the package is installed.
    marker: str = "six.py"
    #: How pip is started: "installed", "wheel", "ensurepip", "pyz".
    how: str = "installed"
    #: "", "http" or "https"
    proxy: str = ""


#: From its sdist, with flit-core as build requirement, both only in the index.
SDIST = {
    "package": "typing-extensions",
    "marker": "typing_extensions.py",
    "options": ("--no-binary", "typing-extensions"),
}
#: Needs a second package.
NEEDING = {"package": "python-dateutil", "marker": "dateutil/__init__.py"}


NO_INDEX = ("--no-index",)


def scenarios(store: Path, packages: Path) -> list[Scenario]:
    (sdist,) = packages.glob("typing_extensions-*.tar.gz")
    (wheel,) = packages.glob("six-*.whl")
    missing = ("issuer is not known: 'CN=index root'; searched", "other.pem (1 ")
    untrusted = {"succeeds": False, "words": missing, "store": "other"}
    ca = str(store / "index.pem")
    legacy = "--use-deprecated=legacy-certs"
    client = ("--client-cert", str(store / "client.pem"))
    found = [
        Scenario("CA trusted", True),
        Scenario("CA trusted, two packages", True, **NEEDING),
        Scenario("CA not trusted", **untrusted),
        Scenario("expired end entity", False, ("certificate has expired",), server="expired"),
        Scenario("wrong name", False, ("localhost", "not valid for"), server="misnamed"),
        Scenario("--cert", True, store="other", options=("--cert", ca)),
        Scenario("--cert of another CA", **untrusted, options=("--cert", str(store / "proxy.pem"))),
        Scenario("PIP_CERT", True, store="other", environment={"PIP_CERT": ca}),
        Scenario("--trusted-host", True, store="other", options=("--trusted-host", "localhost")),
        Scenario(
            "--trusted-host, wrong name",
            True,
            server="misnamed",
            options=("--trusted-host", "localhost"),
        ),
        Scenario("proxy", True, proxy="http"),
        Scenario("proxy, CA not trusted", **untrusted, proxy="http"),
        # TLS in TLS.
        Scenario("HTTPS proxy", True, store="both", proxy="https"),
        Scenario(
            "HTTPS proxy, CA of the index not trusted",
            False,
            (missing[0], "proxy.pem (1 "),
            store="proxy",
            proxy="https",
        ),
        Scenario(
            # pip shows why a proxy was refused only to who asks.
            "HTTPS proxy not trusted",
            False,
            ("issuer is not known: 'CN=proxy root'; searched", "index.pem (1 "),
            proxy="https",
            options=("-vv",),
        ),
        Scenario(
            "HTTPS proxy, --cert for both",
            True,
            store="other",
            proxy="https",
            options=("--cert", str(store / "both.pem")),
        ),
        Scenario("build isolation", True, **SDIST),
        Scenario(
            "build isolation, CA not trusted",
            **untrusted,
            package=str(sdist),
            marker=SDIST["marker"],
        ),
        Scenario(
            "build isolation, --cert",
            True,
            store="other",
            **{**SDIST, "options": (*SDIST["options"], "--cert", ca)},
        ),
        Scenario("--client-cert", True, server="client", options=client),
        # The server's own refusal.
        Scenario("no --client-cert", False, server="client"),
        # certifi decides here, and pip shows OpenSSL's words: trustbridge is not asked.
        Scenario("legacy-certs", False, options=(legacy,)),
        Scenario("legacy-certs, --cert", True, store="other", options=(legacy, "--cert", ca)),
    ]
    # What pip's own tests do: one self-signed CA certificate is the server's, the client's, and
    # what both trust.
    both = str(store / "self-signed.pem")
    cert = ("--cert", both, "--client-cert", both)
    own = {"succeeds": True, "server": "self-signed", "store": "other"}
    found += [
        Scenario(
            "self-signed",
            False,
            (
                "self-signed certificate",
                "'CN=a self-signed server of the tests'; searched",
                "index.pem (1 ",
            ),
            server="self-signed",
        ),
        Scenario("self-signed, --cert", **own, options=cert),
        Scenario(
            "self-signed, --cert, --trusted-host",
            **own,
            options=(*cert, "--trusted-host", "localhost"),
        ),
        Scenario("self-signed, --cert, proxy", **own, options=cert, proxy="http"),
        Scenario(
            "self-signed, build isolation",
            **own,
            **SDIST,
            environment={"PIP_CERT": both, "PIP_CLIENT_CERT": both},
        ),
        Scenario(
            "no store",
            False,
            ("no usable trust anchor was found: 'CN=index root'; searched", "none.pem"),
            store="none",
        ),
        Scenario("no store, --no-index", True, store="none", package=str(wheel), options=NO_INDEX),
    ]
    for how, name in (
        ("wheel", "wheel run from its path"),
        ("ensurepip", "wheel run as ensurepip does"),
        ("pyz", "pip.pyz"),
    ):
        found += [
            Scenario(name, True, how=how),
            Scenario(f"{name}, CA not trusted", **untrusted, how=how),
        ]
        if how != "ensurepip":
            found.append(Scenario(f"{name}, build isolation", True, **SDIST, how=how))
    return found
