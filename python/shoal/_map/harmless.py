"""Which functions may run in the caller's own process without being asked for it.

An item may crash, exit, hang or eat up the process it runs in, so `backend="auto"` has worker processes run them. But
`len` of a megabyte takes less than sending it anywhere. So a function is looked at: it is harmless if it is a builtin,
or Python code without loops made only of builtins and methods, that do nothing but compute, in a time and a space
bounded by the size of plain arguments. What is not known to be is taken not to be.
"""

from __future__ import annotations

import builtins
import dis
import sys
import types
from typing import Any

_PLAIN = {int, float, complex, bool, str, bytes, bytearray, type(None)}
_BUILTINS = {
    "abs",
    "all",
    "any",
    "ascii",
    "bool",
    "divmod",
    "float",
    "hash",
    "hex",
    "int",
    "isinstance",
    "len",
    "max",
    "min",
    "ord",
    "round",
    "sorted",
    "str",
    "sum",
    "type",
}
_KNOWN = [getattr(builtins, name) for name in _BUILTINS]
_MODULES = {
    "binascii": {"crc32"},
    "hashlib": {"blake2b", "blake2s", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"},
    "math": {"ceil", "floor", "fsum", "isfinite", "isnan", "sqrt", "log", "sin", "cos", "exp"},
    "numpy": {"all", "any", "argmax", "argmin", "max", "mean", "median", "min", "std", "sum", "var"},
    "zlib": {"adler32", "compress", "crc32"},
}
_ATTRIBUTES = {
    "all",
    "any",
    "argmax",
    "argmin",
    "casefold",
    "count",
    "digest",
    "dtype",
    "endswith",
    "find",
    "hex",
    "hexdigest",
    "imag",
    "index",
    "isalnum",
    "isalpha",
    "isdigit",
    "itemsize",
    "lower",
    "lstrip",
    "max",
    "mean",
    "min",
    "nbytes",
    "ndim",
    "real",
    "rfind",
    "rstrip",
    "shape",
    "size",
    "split",
    "splitlines",
    "startswith",
    "std",
    "strip",
    "sum",
    "upper",
    "var",
}
# Multiplying, raising and shifting make large things of small ones, and so does formatting.
_OPERATORS = {"+", "-", "/", "//", "&", "|", "^", ">>", "+=", "-=", "/=", "//=", "&=", "|=", "^=", ">>=", "[]", ""}
_WORDS = {
    "ADD",
    "AND",
    "FLOOR_DIVIDE",
    "OR",
    "RSHIFT",
    "SLICE",
    "SUBSCR",
    "SUBTRACT",
    "TRUE_DIVIDE",
    "XOR",
}
# Each may double what there is.
_ADDITIONS = 8
_OPERATIONS = {
    "BUILD_SLICE",
    "BUILD_TUPLE",
    "CACHE",
    "CALL",
    "CALL_FUNCTION",
    "CALL_METHOD",
    "COMPARE_OP",
    "CONTAINS_OP",
    "COPY",
    "DUP_TOP",
    "EXTENDED_ARG",
    "IS_OP",
    "JUMP_IF_FALSE_OR_POP",
    "JUMP_IF_TRUE_OR_POP",
    "LOAD_ATTR",
    "LOAD_CONST",
    "LOAD_FAST",
    "LOAD_FAST_BORROW",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW",
    "LOAD_FAST_LOAD_FAST",
    "LOAD_GLOBAL",
    "LOAD_METHOD",
    "LOAD_SMALL_INT",
    "NOP",
    "NOT_TAKEN",
    "POP_JUMP_FORWARD_IF_FALSE",
    "POP_JUMP_FORWARD_IF_NONE",
    "POP_JUMP_FORWARD_IF_NOT_NONE",
    "POP_JUMP_FORWARD_IF_TRUE",
    "POP_JUMP_IF_FALSE",
    "POP_JUMP_IF_NONE",
    "POP_JUMP_IF_NOT_NONE",
    "POP_JUMP_IF_TRUE",
    "POP_TOP",
    "PRECALL",
    "PUSH_NULL",
    "RESUME",
    "RETURN_CONST",
    "RETURN_VALUE",
    "ROT_TWO",
    "STORE_FAST",
    "STORE_FAST_LOAD_FAST",
    "STORE_FAST_STORE_FAST",
    "SWAP",
    "TO_BOOL",
    "UNARY_INVERT",
    "UNARY_NEGATIVE",
    "UNARY_NOT",
}


def is_harmless(fn: object) -> bool:
    """Whether the function can do nothing to its process, given plain items."""
    if isinstance(fn, types.FunctionType):
        return _is_harmless_code(fn)
    return _is_known(fn)


def is_plain(items: list[Any]) -> bool:
    """Whether all items are numbers, texts, bytes or arrays of numbers, and nothing that brings code of its own."""
    kinds = set(map(type, items))
    if kinds <= _PLAIN:
        return True
    return all(type(item) in _PLAIN or _is_array(item) for item in items)


def size_of(item: Any) -> int:  # noqa: ANN401 - a plain one
    """About how many bytes sending it takes."""
    if type(item) in {str, bytes, bytearray}:
        return len(item)
    return int(getattr(item, "nbytes", 16))


def _is_array(item: Any) -> bool:  # noqa: ANN401 - whatever it is
    kind = type(item)
    return kind.__module__ == "numpy" and kind.__name__ == "ndarray" and not item.dtype.hasobject


def _is_known(fn: object) -> bool:
    """Whether it is one of the listed functions itself, and not something else under its name."""
    if any(fn is each for each in _KNOWN):
        return True
    loaded = ((sys.modules.get(name), names) for name, names in _MODULES.items())
    return any(getattr(module, name, None) is fn for module, names in loaded if module for name in names)


def _is_harmless_code(fn: types.FunctionType) -> bool:
    code = fn.__code__
    return _is_simple(fn, code) and _does_no_harm(code, fn.__globals__)


def _is_simple(fn: types.FunctionType, code: types.CodeType) -> bool:
    # Closures, generators, coroutines, and functions of other than one argument are looked at no further.
    if code.co_freevars or code.co_cellvars or code.co_flags & (0x04 | 0x08 | 0x20 | 0x80 | 0x200):
        return False
    if code.co_argcount != 1 or code.co_kwonlyargcount or fn.__defaults__:
        return False
    return not any(isinstance(constant, types.CodeType) for constant in code.co_consts)


def _does_no_harm(code: types.CodeType, spaces: dict[str, Any]) -> bool:
    allowed = set(_ATTRIBUTES)
    added = 0
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        added += name in {"BINARY_ADD", "INPLACE_ADD"} or instruction.argrepr in {"+", "+="}
        if added > _ADDITIONS:
            return False
        if name in {"LOAD_GLOBAL", "LOAD_NAME"}:
            known = _global(spaces, instruction.argval)
            if known is None:
                return False
            allowed |= known
        elif not _is_harmless_instruction(name, instruction, allowed):
            return False
    return True


def _is_harmless_instruction(name: str, instruction: dis.Instruction, allowed: set[str]) -> bool:
    if name in {"LOAD_ATTR", "LOAD_METHOD"}:
        return instruction.argval in allowed
    if name == "BINARY_OP":
        return instruction.argrepr in _OPERATORS
    kind, _, word = name.partition("_")
    if kind in {"BINARY", "INPLACE"}:
        return word in _WORDS
    if "JUMP" in name and isinstance(instruction.argval, int) and instruction.argval <= instruction.offset:
        return False  # a loop
    return name in _OPERATIONS


def _global(spaces: dict[str, Any], name: str) -> set[str] | None:
    """The attributes that a global name allows; `None` if the name itself is not allowed."""
    if name in spaces:
        value = spaces[name]
        if isinstance(value, types.ModuleType):
            return _MODULES.get(value.__name__)
        return set() if _is_known(value) else None
    return set() if name in _BUILTINS and _is_known(getattr(builtins, name)) else None
