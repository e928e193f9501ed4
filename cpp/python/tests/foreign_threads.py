"""Threads that Python does not know, for tests of what C++ releases on them."""

import ctypes
from typing import Any

_libc = ctypes.CDLL(None)  # releases the GIL while it waits
_held = ctypes.PyDLL(None)  # keeps it
_api = ctypes.pythonapi
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
_api.PyCapsule_GetName.restype = ctypes.c_char_p
_api.PyCapsule_GetName.argtypes = (ctypes.py_object,)
_api.PyCapsule_SetName.argtypes = (ctypes.py_object, ctypes.c_char_p)

# Capsules borrow their names.
_USED = {b"dltensor": b"used_dltensor", b"dltensor_versioned": b"used_dltensor_versioned"}


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class Managed(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


def capsule_name(capsule: Any) -> str:
    return _api.PyCapsule_GetName(capsule).decode()


def consume(capsule: Any) -> Any:
    """Takes the structure out of a DLPack capsule, as a consumer does; the caller must delete it."""
    name = _api.PyCapsule_GetName(capsule)
    kind = {b"dltensor": Managed, b"dltensor_versioned": Versioned}[name]
    managed = kind.from_address(_api.PyCapsule_GetPointer(capsule, name))
    _api.PyCapsule_SetName(capsule, _USED[name])
    return managed


def delete_here(managed: Any) -> None:
    """Calls the deleter on this thread, with the GIL."""
    ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(managed.deleter)(ctypes.addressof(managed))


def start_deleting(managed: Any) -> ctypes.c_ulong:
    """Starts a system thread that calls the deleter."""
    thread = ctypes.c_ulong()
    failed = _libc.pthread_create(
        ctypes.byref(thread), None, ctypes.c_void_p(managed.deleter), ctypes.c_void_p(ctypes.addressof(managed))
    )
    assert failed == 0
    return thread


def join(thread: ctypes.c_ulong, with_gil: bool = False) -> None:
    assert (_held if with_gil else _libc).pthread_join(thread, None) == 0


def delete_elsewhere(managed: Any) -> None:
    """Calls the deleter on a thread without a Python thread state, and waits for it without the GIL."""
    join(start_deleting(managed))


def prepare_deleting(structures: list[Any]) -> Any:
    """A function that calls all deleters of one kind at once, without the GIL."""
    tree = ctypes.c_void_p()
    for managed in structures:
        # Any comparison but equality.
        assert _libc.tsearch(ctypes.c_void_p(ctypes.addressof(managed)), ctypes.byref(tree), _libc.ffs)
    return lambda: _libc.tdestroy(tree, ctypes.c_void_p(structures[0].deleter))


def sleep_after_the_interpreter(microseconds: int) -> None:
    """The C library's exit handlers run after Python's, while daemon threads still exist."""
    _libc.__cxa_atexit(_libc.usleep, ctypes.c_void_p(microseconds), None)
