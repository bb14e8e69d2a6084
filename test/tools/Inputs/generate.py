"""generate.py LIBRARY MODEL PROMPT TOKENS: generate.c in Python, with ctypes alone."""

import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p


class Request(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("text", c_char_p),
        ("text_bytes", c_size_t),
        ("tokens", POINTER(c_int32)),
        ("token_count", c_size_t),
        ("stops", POINTER(c_int32)),
        ("stop_count", c_size_t),
        ("stop_strings", POINTER(c_char_p)),
        ("stop_string_count", c_size_t),
        ("bias_tokens", POINTER(c_int32)),
        ("bias_values", POINTER(c_float)),
        ("bias_count", c_size_t),
        ("max_tokens", c_int64),
        ("min_tokens", c_int64),
        ("seed", c_uint64),
        ("sequence", c_uint64),
        ("temperature", c_float),
        ("top_p", c_float),
        ("min_p", c_float),
        ("repetition_penalty", c_float),
        ("presence_penalty", c_float),
        ("frequency_penalty", c_float),
        ("top_k", c_int32),
        ("flags", c_uint32),
        ("strategy", c_char_p),
    ]


class Update(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("text", c_void_p),
        ("text_bytes", c_size_t),
        ("tokens", POINTER(c_int32)),
        ("logprobs", POINTER(c_float)),
        ("token_count", c_size_t),
        ("finish", c_int32),
        ("stop_token", c_int32),
        ("message", c_char_p),
        ("stop_string", c_char_p),
    ]


OnUpdate = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Update))


class PlaitError(Exception):
    pass


def load(path):
    """The library, whose functions raise PlaitError with the message that they give."""
    plait = ctypes.CDLL(path)
    plait.plait_free.argtypes = [c_void_p]
    plait.plait_free.restype = None
    signatures = {
        "plait_model_open": [c_char_p, POINTER(c_void_p)],
        "plait_session_create": [c_void_p, c_void_p, POINTER(c_void_p)],
        "plait_request_init_sized": [c_void_p, POINTER(Request), c_size_t],
        "plait_generate": [c_void_p, POINTER(Request), OnUpdate, c_void_p, POINTER(c_void_p)],
    }
    for name in ("plait_model_release", "plait_session_release"):
        getattr(plait, name).argtypes = [c_void_p]
        getattr(plait, name).restype = None

    def wrap(function):
        def call(*arguments):
            error = c_void_p()
            if function(*arguments, byref(error)):
                message = ctypes.string_at(error).decode() if error else "out of memory"
                plait.plait_free(error)
                raise PlaitError(message)

        return call

    calls = {}
    for name, arguments in signatures.items():
        function = getattr(plait, name)
        function.argtypes = arguments + [POINTER(c_void_p)]
        function.restype = c_int32
        calls[name] = wrap(function)
    return plait, calls


def main(library, path, prompt, tokens):
    plait, calls = load(library)
    model, session, request = c_void_p(), c_void_p(), Request()

    @OnUpdate
    def print_text(_, update):
        sys.stdout.buffer.write(ctypes.string_at(update[0].text, update[0].text_bytes))
        sys.stdout.buffer.flush()
        return 0

    calls["plait_model_open"](path.encode(), byref(model))
    calls["plait_session_create"](model, None, byref(session))
    calls["plait_request_init_sized"](model, byref(request), ctypes.sizeof(request))
    request.text = prompt.encode()
    request.max_tokens = int(tokens)
    text = c_void_p()
    calls["plait_generate"](session, byref(request), print_text, None, byref(text))
    print()
    plait.plait_free(text)
    plait.plait_session_release(session)
    plait.plait_model_release(model)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except PlaitError as error:
        sys.exit(f"generate.py: error: {error}")
