"""Copied beside pip's own tests: the pip that they run is the one that they are to run.

Their `script` runs pip in a virtual environment of its own, or from the zipapp.
"""

import os
import zipfile


def test_variant(script) -> None:
    variant = os.environ["VARIANT"]
    ours = variant != "unmodified"
    shown = script.pip("debug", allow_stderr_warning=True).stdout
    assert ("\n  trustbridge==" in shown) is ours, shown
    assert ("\n  truststore==" in shown) is not ours, shown
    if ours:
        # Nothing can load a native module from a zip.
        mode = "in-handshake" if variant == "native" and not script.zipapp else "openssl"
        code = "import pip._vendor.trustbridge as t; print(t.HANDSHAKE_MODE, t.__file__)"
        if script.zipapp:
            assert zipfile.is_zipfile(script.zipapp)
            code = f"import sys; sys.path.insert(0, {script.zipapp + '/lib'!r}); {code}"
        found, path = script.run("python", "-c", code).stdout.split()
        assert found == mode
        assert not script.zipapp or path.startswith(script.zipapp)
