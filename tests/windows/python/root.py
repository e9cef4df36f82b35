"""A CA in the current user's store ROOT, for as long as a block runs.

Only for the tests' own Wine prefix: Windows itself asks its user. Wine writes what was added when
the store is closed, and never a deletion, so the registry is cleaned as well. A store that changed
is written whole, with what it had when it was opened: one process at a time, or a certificate that
another one has taken out comes back.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import winreg
from collections.abc import Iterator
from ctypes import wintypes

_PROVIDER_SYSTEM = 10
_CURRENT_USER = 1 << 16
_X509_AND_PKCS7 = 0x10001
_REPLACE_EXISTING = 3
_FIND_EXISTING = 13 << 16
_KEY = r"Software\Microsoft\SystemCertificates\Root\Certificates"

_crypt32 = ctypes.WinDLL("crypt32", use_last_error=True)
_open = _crypt32.CertOpenStore
_open.restype = ctypes.c_void_p
_open.argtypes = [
    *(ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.LPCWSTR),
]
_add = _crypt32.CertAddEncodedCertificateToStore
_add.argtypes = [
    *(ctypes.c_void_p, wintypes.DWORD, ctypes.c_char_p, wintypes.DWORD, wintypes.DWORD),
    ctypes.c_void_p,
]
_create = _crypt32.CertCreateCertificateContext
_create.restype = ctypes.c_void_p
_create.argtypes = [wintypes.DWORD, ctypes.c_char_p, wintypes.DWORD]
_free = _crypt32.CertFreeCertificateContext
_free.argtypes = [ctypes.c_void_p]
_find = _crypt32.CertFindCertificateInStore
_find.restype = ctypes.c_void_p
_find.argtypes = [
    *(ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p),
    ctypes.c_void_p,
]
_delete = _crypt32.CertDeleteCertificateFromStore
_delete.argtypes = [ctypes.c_void_p]
_close = _crypt32.CertCloseStore
_close.argtypes = [ctypes.c_void_p, wintypes.DWORD]

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_create_mutex = _kernel32.CreateMutexW
_create_mutex.restype = wintypes.HANDLE
_create_mutex.argtypes = [ctypes.c_void_p, wintypes.BOOL, wintypes.LPCWSTR]
_wait = _kernel32.WaitForSingleObject
_wait.restype = wintypes.DWORD
_wait.argtypes = [wintypes.HANDLE, wintypes.DWORD]
_release = _kernel32.ReleaseMutex
_release.argtypes = [wintypes.HANDLE]
_close_handle = _kernel32.CloseHandle
_close_handle.argtypes = [wintypes.HANDLE]
_WAIT_MILLISECONDS = 60_000
_WAIT_OBJECT_0, _WAIT_ABANDONED = 0, 0x80


@contextlib.contextmanager
def in_root(der: bytes) -> Iterator[None]:
    with _alone(), _store() as store:
        if not _add(store, _X509_AND_PKCS7, der, len(der), _REPLACE_EXISTING, None):
            raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield
    finally:
        _remove(der)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    mutex = _create_mutex(None, False, "trustbridge tests: ROOT")
    if not mutex:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        if _wait(mutex, _WAIT_MILLISECONDS) not in (_WAIT_OBJECT_0, _WAIT_ABANDONED):
            raise TimeoutError("another process of the tests keeps ROOT")
        try:
            yield
        finally:
            _release(mutex)
    finally:
        _close_handle(mutex)


@contextlib.contextmanager
def _store() -> Iterator[int]:
    store = _open(_PROVIDER_SYSTEM, 0, None, _CURRENT_USER, "ROOT")
    if not store:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield store
    finally:
        _close(store, 0)


def _remove(der: bytes) -> None:
    with _alone():
        context = _create(_X509_AND_PKCS7, der, len(der))
        try:
            with _store() as store:
                found = _find(store, _X509_AND_PKCS7, 0, _FIND_EXISTING, context, None)
                if found:
                    _delete(found)  # frees it too
        finally:
            _free(context)
        with contextlib.suppress(OSError):
            winreg.DeleteKey(
                winreg.HKEY_CURRENT_USER, rf"{_KEY}\{hashlib.sha1(der).hexdigest().upper()}"
            )
