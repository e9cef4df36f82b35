"""`python -m trustbridge run`: a program with injected contexts, as `python` would run it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_interrupted = False


def main(arguments: list[str]) -> int:
    """What is behind `run` on the command line; the exit status."""
    from .output import USAGE

    module = arguments[:1] == ["-m"]
    rest = arguments[1:] if module else arguments
    if not rest or (not module and rest[0].startswith("-")):
        what = f"unknown option {rest[0]}" if rest else "no MODULE" if module else "no SCRIPT"
        text = f"python -m trustbridge run: error: {what} (--help explains)"
        print(text, file=sys.stderr)
        return USAGE
    return run(rest[0], rest[1:], module=module)


def run(target: str, arguments: list[str], *, module: bool) -> int:
    """Runs a script, or a module by its name, as `__main__`. What it raises is shown as the
    interpreter shows it; SystemExit goes through. The exit status."""
    import atexit
    import builtins

    from .. import inject_into_ssl

    # Registered first, so it runs last.
    atexit.register(_die_of_interrupt)
    inject_into_ssl()
    program = type(sys)("__main__")
    namespace = vars(program)
    namespace["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    sys.modules["__main__"] = program
    sys.argv = ["-m" if module else target, *arguments]
    try:
        if module:
            _run_module(target)
        else:
            _run_script(target, namespace)
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        return _status(error, windows=os.name == "nt")
    return 0


def _status(error: BaseException, *, windows: bool) -> int:
    """As the interpreter ends after what nobody has caught. On other systems than Windows it dies
    of an interrupt: see `_die_of_interrupt`."""
    if windows and isinstance(error, KeyboardInterrupt):
        return 0xC000013A - 2**32  # STATUS_CONTROL_C_EXIT, as the signed number that it takes
    return 1


def _run_module(name: str) -> None:
    import runpy

    # What `python -m` itself calls. It names the module's file in sys.argv[0].
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def _run_script(path: str, namespace: dict[str, object]) -> None:
    import io
    import runpy
    from importlib.machinery import SourceFileLoader
    from pkgutil import get_importer

    # Under -P nothing was put there for us, and nothing is for a script.
    safe_path = getattr(sys.flags, "safe_path", False) or sys.flags.isolated
    filename = _filename(path, windows=os.name == "nt")
    if os.path.isdir(path) or get_importer(path) is not None:
        # A folder or an archive with a __main__ in it comes first even under -P.
        if safe_path:
            sys.path.insert(0, filename)
        else:
            sys.path[0] = filename
        runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
        return
    try:
        with io.open_code(filename) as file:
            source = file.read()
    except OSError as error:
        text = f"{sys.executable}: can't open file {filename!r}: "
        print(f"{text}[Errno {error.errno}] {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    if not safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    namespace.update(
        __file__=filename,
        __loader__=SourceFileLoader("__main__", filename),
        __package__=None,
        __spec__=None,
        __doc__=None,
    )
    if sys.version_info < (3, 15):
        namespace["__cached__"] = None
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)


def _filename(path: str, *, windows: bool) -> str:
    """The script's `__file__`, as the interpreter makes it."""
    if windows:
        import ntpath

        full = ntpath.abspath(path)
        # The interpreter keeps a separator at the end.
        is_cut = path.endswith(("/", "\\")) and not full.endswith("\\")
        return f"{full}\\" if is_cut else full
    # Nothing else is normalised.
    return os.path.join(os.getcwd(), path.removeprefix("./"))


def _show(error: BaseException) -> None:
    """As the interpreter does for what nobody has caught."""
    global _interrupted
    _interrupted = isinstance(error, KeyboardInterrupt)
    trace = _without_ours(error.__traceback__)
    error.__traceback__ = trace
    # As `python` leaves them for debuggers.
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    sys.excepthook(type(error), error, trace)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Leaves out what brought the program to run."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    return trace


def _die_of_interrupt() -> None:
    """A program that nobody stops from being interrupted ends by the signal, as with `python`."""
    if _interrupted and os.name == "posix":
        import signal

        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
