#!/usr/bin/env python3
"""Holds the C interface to its dump, cpp/alkaid/c/interface.txt.

The dump has all that programs are compiled against: functions with their types, and with the names
of their parameters, since two of one type may change places; structs with the places of their
members, types, numbers. It is of x86-64 (LP64). The headers are read after the compiler's
preprocessor; what was read is given to the compiler once more, which refuses what was read wrongly
and answers where members lie. What is no declaration of a known form is an error.

  check_c_interface.py --cc CC [--library LIBRARY] [--used-by PROGRAM]
      compares the headers with the dump; the C names that LIBRARY exports with its functions; and
      finds functions that PROGRAM, a test, does not call
  check_c_interface.py --cc CC --update       writes the dump, unless that would hide a break
  check_c_interface.py --cc CC --self-test    plants changes of every kind and finds them

Exits 1 where something differs, 77 on another kind of machine.
"""

import argparse
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DUMP = ROOT / "cpp" / "alkaid" / "c" / "interface.txt"
HEADER = "#include <alkaid/c/alkaid.h>\n"
# C names that are exported for this project's own parts: the preloaded library, gdb, perf.
INTERNAL = re.compile(r"alkaid_(track_\w+|block_events|view_events|heap_root|pools)")
ABI = "macro ALKAID_C_ABI"
TOKEN = re.compile(r'"[^"]*"|\w+|[-(){},;=*]')
ADDED = """This is more than the dump has, or names a parameter otherwise. Programs that were compiled before
go on. Write the dump anew and commit it:  python3 ci/check_c_interface.py --cc cc --update"""
BROKEN = """This breaks programs that were compiled before. Undo it, and add a function or a member at the
end instead. Where it must be: raise ALKAID_C_ABI in cpp/alkaid/c/errors.h, say in CHANGELOG.md what
breaks, and then  python3 ci/check_c_interface.py --cc cc --update"""

RAISED = """The number of the interface was raised for this. Write the dump anew and commit it:
  python3 ci/check_c_interface.py --cc cc --update"""


class Unreadable(Exception):
    pass


def compiled(cc, include, source, *options):
    """What the compiler prints for `source`."""
    done = subprocess.run([cc, "-std=c99", "-x", "c", "-I", include, *options, "-"], input=source,
                          text=True, capture_output=True)
    if done.returncode != 0:
        raise Unreadable(f"{cc} refuses what was read:\n{done.stderr}")
    return done.stdout


def tokens_of(cc, include):
    """The tokens of the C interface's own headers."""
    own, tokens = False, []
    for line in compiled(cc, include, HEADER, "-E").splitlines():
        marker = re.match(r'#\s*\d+\s+"([^"]*)"', line)
        if marker:
            own = "/alkaid/c/" in marker[1]
        elif own and not line.startswith("#"):
            rest = TOKEN.sub("", line).strip()
            if rest:
                raise Unreadable(f"not understood: '{rest}' in '{line.strip()}'")
            tokens += TOKEN.findall(line)
    return tokens


def declarations(tokens):
    """The tokens up to each ';' that is in no brackets, without attributes and `extern "C"`."""
    depth, one, at = 0, [], 0
    while at < len(tokens):
        token = tokens[at]
        if token == "__attribute__":
            at += 1
            inner = 0
            while True:
                inner += {"(": 1, ")": -1}.get(tokens[at], 0)
                at += 1
                if inner == 0:
                    break
            continue
        at += 1
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(token, 0)
        if token == ";" and depth == 0:
            yield one
            one = []
        else:
            one.append(token)
    if one:
        raise Unreadable("a declaration that does not end: " + " ".join(one))


def split(tokens, separator):
    parts = [[]]
    for token in tokens:
        if token == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def type_text(tokens):
    return re.sub(r" ?\*", "*", " ".join(tokens)).replace("*const", "* const")


def named(tokens):
    """(type, name) of a member, a parameter or an alias."""
    if len(tokens) < 2 or not re.fullmatch(r"[a-z_]\w*", tokens[-1]) or {"(", ")", "="} & set(tokens):
        raise Unreadable("not understood: " + " ".join(tokens))
    return type_text(tokens[:-1]), tokens[-1]


def parameters(tokens):
    if tokens == ["void"]:
        return "void"
    return ", ".join(" ".join(named(parameter)) for parameter in split(tokens, ","))


def read(tokens):
    """A list of (kind, name, text or members), in the order of the headers."""
    found = []
    for one in declarations(tokens):
        text = " ".join(one)
        if match := re.fullmatch(r"enum \{ (.*) \}", text):
            for entry in split(match[1].split(), ","):
                name, equals, *value = entry
                if equals != "=" or not re.fullmatch(r"-?\d+", "".join(value)):
                    raise Unreadable("a number without its value: " + " ".join(entry))
                found.append(("number", name, ""))
        elif match := re.fullmatch(r"typedef struct (\w+) (\w+)", text):
            if match[1] != match[2]:
                raise Unreadable(f"two names for one struct: {text}")
            found.append(("handle", match[1], ""))
        elif match := re.fullmatch(r"typedef struct (\w+) \{ (.*) \} (\w+)", text):
            if match[1] != match[3]:
                raise Unreadable(f"two names for one struct: {text}")
            found.append(("struct", match[1], [named(m) for m in split(match[2].split(), ";")]))
        elif match := re.fullmatch(r"typedef ([\w *]+) \( \* (\w+) \) \( (.*) \)", text):
            result = type_text(match[1].split())
            found.append(("callback", match[2], f"{result} ({parameters(match[3].split())})"))
        elif match := re.fullmatch(r"struct (\w+)", text):
            found.append(("foreign struct", match[1], ""))
        elif one[0] == "typedef":
            aliased, name = named(one[1:])
            found.append(("type", name, aliased))
        elif match := re.fullmatch(r"([\w *]+) \( (.*) \)", text):
            result, name = named(match[1].split())
            found.append(("function", name, f"{result} ({parameters(match[2].split())})"))
        else:
            raise Unreadable("not understood: " + text)
    names = [entry[:2] for entry in found if entry[0] != "foreign struct"]
    if not found or len(set(names)) != len(names):
        raise Unreadable("nothing, or one thing twice, is declared")
    return found


def ask(cc, include, found):
    """The dump of what was read: {line's name: line's value}, in order."""
    source = [HEADER, "#include <stdio.h>\n#include <stddef.h>\n"]
    lines = ['if (sizeof(long) != 8 || sizeof(void*) != 8) return 77;']

    def emit(text, *values):
        arguments = "".join(f", (long long)({value})" for value in values)
        lines.append(f'printf("{text}\\n"{arguments});')

    for kind, name, value in found:
        if kind == "number":
            emit(f"number {name}\\t%lld", name)
        elif kind == "type":
            emit(f"type {name}\\t{value}, %lld bytes", f"sizeof({name})")
            source.append(f"extern {value} alkaid_probe_{name}; extern {name} alkaid_probe_{name};\n")
        elif kind == "callback":
            result, given = value.split(" (", 1)
            source.append(f"extern {name} alkaid_probe_{name};\n"
                          f"extern {result} (*alkaid_probe_{name})({given};\n")
            emit(f"callback {name}\\t{value}")
        elif kind == "function":
            result, given = value.split(" (", 1)
            source.append(f"{result} {name}({given};\n")
            emit(f"function {name}\\t{value}")
        elif kind == "struct":
            emit(f"struct {name}\\t%lld bytes, aligned to %lld", f"sizeof({name})",
                 f"__alignof__({name})")
            for member_type, member in value:
                source.append(f"struct probe_{name}_{member} {{ {member_type} member; }};\n"
                              f"extern __typeof__((({name}*)0)->{member})* probe_{name}_{member}_p;\n"
                              f"extern {member_type}* probe_{name}_{member}_p;\n")
                emit(f"member {name}.{member}\\t{member_type}, %lld bytes at %lld",
                     f"sizeof((({name}*)0)->{member})", f"offsetof({name}, {member})")
        else:
            emit(f"{kind} {name}\\t")
    source.append("int main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "probe"
        compiled(cc, include, "".join(source), "-Wno-unused", "-Werror=incompatible-pointer-types",
                 "-o", str(program))
        done = subprocess.run([program], text=True, capture_output=True)
    if done.returncode == 77:
        print("skipped: the dump is of machines of 64-bit longs and pointers")
        sys.exit(77)
    dump = {}
    for line in compiled(cc, include, HEADER, "-E", "-dM").splitlines():
        if match := re.match(r"#define (ALKAID_\w+(?:\(.*?\))?)(?: (.*))?$", line):
            if match[1] != "ALKAID_C_EXPORT":
                dump[f"macro {match[1]}"] = match[2] or ""
    for line in done.stdout.splitlines():
        name, value = line.split("\t")
        dump[name] = value
    return dump


def dump_of(cc, include):
    return ask(cc, str(include), read(tokens_of(cc, str(include))))


def text_of(dump):
    head = ("# The C interface of Alkaid on x86-64 (LP64), made by ci/check_c_interface.py --update.\n"
            "# Only ever added to, as long as ALKAID_C_ABI stays.\n")
    return head + "".join(f"{name}: {value}".rstrip(" :") + "\n" for name, value in dump.items())


def dump_from(text):
    dump = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition(": ")
            dump[name] = value
    return dump


def only_renamed(old, new):
    """Whether all that differs are names of parameters, of which none moved to another place."""
    split_up = [re.fullmatch(r"(.* \()(.*)\)", value) for value in (old, new)]
    if None in split_up or "void" in (split_up[0][2], split_up[1][2]):
        return False
    before, after = ([p.rpartition(" ") for p in m[2].split(", ")] for m in split_up)
    names = [name for _, _, name in after]
    return (split_up[0][1] == split_up[1][1] and [p[0] for p in before] == [p[0] for p in after]
            and all(name not in names or names.index(name) == at
                    for at, (_, _, name) in enumerate(before)))


def compare(old, new):
    """(what breaks, what is added), as lines."""
    broken, added = [], []
    for name, value in old.items():
        if name not in new:
            broken.append(f"gone:    {name}: {value}")
        elif new[name] != value:
            grown = False
            if name.startswith("struct "):
                prefix = "member " + name[len("struct "):] + "."
                before = [int(v) for v in re.findall(r"\d+", value)]
                after = [int(v) for v in re.findall(r"\d+", new[name])]
                places = [int(new[member].rsplit(" ", 1)[1]) for member in new
                          if member.startswith(prefix) and member not in old]
                # Options grow at the end: what an older program passes ends before what is new.
                grown = (after[0] > before[0] and after[1] == before[1]
                         and all(place >= before[0] for place in places)
                         and prefix + "struct_size" in old)
            elif name.startswith(("function ", "callback ")):
                grown = only_renamed(value, new[name])
            (added if grown else broken).append(f"changed: {name}: {value}\n     to: {new[name]}")
    added += [f"new:     {name}: {value}" for name, value in new.items() if name not in old]
    # A member in what was padding before is seen by programs of before as garbage.
    for name in new:
        if name.startswith("member ") and name not in old:
            struct = name[len("member "):].split(".")[0]
            if "struct " + struct in old and old["struct " + struct] == new["struct " + struct]:
                broken.append(f"new:     {name}: {new[name]}, inside the struct of before")
    return broken, [line for line in added if not any(line in other for other in broken)]


def report(old, new):
    """Prints the differences and what to do; whether there are none."""
    broken, added = compare(old, new)
    raised = int(new.get(ABI, 0)) > int(old.get(ABI, 0))
    for line in broken + added:
        print(line)
    if broken:
        print(RAISED if raised else BROKEN)
    elif added:
        print(ADDED)
    return not broken and not added


def functions_of(dump):
    return {name.split(" ")[1] for name in dump if name.startswith("function ")}


def wrong_exports(functions, exported):
    """What a library lacks of the dump, and what it exports besides."""
    wrong = [f"the library does not export {name}" for name in sorted(functions - exported)]
    wrong += [f"{name} is of this interface and of the internal names"
              for name in sorted(functions) if INTERNAL.fullmatch(name)]
    wrong += [f"the library exports {name}, which is in no header of the C interface; an internal "
              "name is listed in ci/check_c_interface.py"
              for name in sorted(exported - functions) if not INTERNAL.fullmatch(name)]
    return wrong


def symbols(*command):
    done = subprocess.run(["nm", *command], text=True, capture_output=True, check=True)
    names = (line.split()[-1].split("@")[0] for line in done.stdout.splitlines() if line)
    return {name for name in names if name.startswith("alkaid_")}


# What is done to a header, and what it is: ("broken" or "added" or "unreadable").
PLANTED = [
    ("pools.h", r"(alkaid_pool_capped\(alkaid_pool\* below, )int64_t", r"\1int32_t", "broken"),
    ("pools.h", r"int64_t alkaid_strings_count", "int32_t alkaid_strings_count", "broken"),
    ("pools.h", r"const char\* alkaid_label_current", "char* alkaid_label_current", "broken"),
    ("pools.h", r"alkaid_label_pop\(uint32_t outer\)", "alkaid_label_pop(int32_t outer)", "broken"),
    ("pools.h", r"alkaid_pool_release_unused\(alkaid_pool\* pool\)",
     "alkaid_pool_release_unused(alkaid_pool* pool, int32_t hard)", "broken"),
    ("pools.h", r"ALKAID_C_EXPORT void alkaid_strings_release[^;]*;", "", "broken"),
    ("pools.h", r"  int64_t max_memory;", "  uint64_t max_memory;", "broken"),
    ("pools.h", r"  int64_t max_memory;", "", "broken"),
    ("pools.h", r"  int64_t max_memory;", "  int64_t max_memory;\n  int64_t more;", "broken"),
    ("pools.h", r"(  int64_t bytes_allocated;)(.*?)(  int64_t max_memory;)", r"\3\2\1", "broken"),
    ("pools.h", r"  int64_t num_allocations;", "  int64_t num_allocations;\n  int64_t more;", "added"),
    ("pools.h", r"  int64_t num_allocations;", "  int64_t num_allocated;", "broken"),
    # Alike in type, and another thing.
    ("pools.h", r"(alkaid_pool_free\(alkaid_pool\* pool, void\* block, int64_t )size(,\s+int64_t )alignment",
     r"\1alignment\2size", "broken"),
    ("pools.h", r"alkaid_pool_free\(alkaid_pool\* pool, void\* block, int64_t size",
     "alkaid_pool_free(alkaid_pool* pool, void* block, int64_t nbytes", "added"),
    ("errors.h", r"#define ALKAID_C_ABI 1",
     "#define ALKAID_C_ABI 1\n#define ALKAID_FAILED(status) ((status) != 0)", "added"),
    ("errors.h", r"ALKAID_INVALID = 2", "ALKAID_INVALID = 20", "broken"),
    ("errors.h", r"ALKAID_UNKNOWN = 16", "ALKAID_UNKNOWN = 16, ALKAID_NEW = 17", "added"),
    ("errors.h", r"typedef int32_t alkaid_status", "typedef int64_t alkaid_status", "broken"),
    ("errors.h", r"const char\* alkaid_version\(void\);",
     "const char* alkaid_version(void);\nvoid alkaid_new(int32_t a);", "added"),
    ("errors.h", r"const char\* alkaid_version\(void\)", "const char* alkaid_version()", "unreadable"),
    ("errors.h", r"#define ALKAID_C_ABI 1", "#define ALKAID_C_ABI 2", "broken"),
    ("buffers.h", r"\*alkaid_release_function\)\(void\* context\)",
     "*alkaid_release_function)(const void* context)", "broken"),
    ("buffers.h", r"typedef struct alkaid_buffer alkaid_buffer;",
     "typedef struct alkaid_buffer alkaid_buffer;\nunion alkaid_u { int a; };", "unreadable"),
    ("dgrams.h", r"  int32_t on_fault;", "  int16_t on_fault;", "broken"),
    ("dgrams.h", r"  void\* on_skip_context;", "  void* on_skip_context;\n  int64_t window[4];",
     "unreadable"),
    ("dgrams.h", r"ALKAID_ON_FAULT_SKIP = 1", "ALKAID_ON_FAULT_SKIP = 1 + 1", "unreadable"),
    ("exchange.h", r"struct ArrowArray;", "", "unreadable"),
]


def self_test(cc):
    """Plants each change in a copy of the headers; True when each is found for what it is."""
    old, sound = dump_of(cc, ROOT / "cpp"), True

    def complain(text):
        nonlocal sound
        print(text)
        sound = False

    for file, pattern, replacement, expected in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "alkaid" / "c"
            shutil.copytree(ROOT / "cpp" / "alkaid" / "c", copy,
                            ignore=shutil.ignore_patterns("*.cc", "*_internal.h"))
            text = (copy / file).read_text()
            changed = re.sub(pattern, replacement, text, count=1, flags=re.DOTALL)
            if changed == text:
                complain(f"{file}: '{pattern}' is not there any more: plant something else")
                continue
            (copy / file).write_text(changed)
            try:
                broken, added = compare(old, dump_of(cc, folder))
                came = "broken" if broken else "added" if added else "no difference"
            except Unreadable:
                came = "unreadable"
            if came != expected:
                complain(f"{file}: '{replacement}': {came}, and not {expected}")
    # A change with its number raised, and what may be written.
    new = {**old, ABI: str(int(old[ABI]) + 1)}
    if may_update(old, {**old, "number ALKAID_OK": "7"}) or not may_update(old, new):
        complain("a break may be written without its number, or not with it")
    functions = functions_of(old)
    if dump_from(text_of(old)) != old:
        complain("the dump is not read as it was written")
    for exported, count in ((functions | {"alkaid_track_malloc"}, 0), (functions - {"alkaid_version"}, 1),
                            (functions | {"alkaid_unknown"}, 1)):
        if len(wrong_exports(functions, exported)) != count:
            complain(f"of {len(exported)} exported names {count} had to be wrong")
    print(f"{len(PLANTED)} changes planted, in an interface of {len(old)} entries")
    return sound


def may_update(old, new):
    return not compare(old, new)[0] or int(new[ABI]) > int(old.get(ABI, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cc", required=True)
    parser.add_argument("--library")
    parser.add_argument("--used-by")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if platform.machine() != "x86_64":
        print(f"skipped: the dump is of x86-64, and this is {platform.machine()}")
        return 77
    if arguments.self_test:
        return 0 if self_test(arguments.cc) else 1
    try:
        new = dump_of(arguments.cc, ROOT / "cpp")
    except Unreadable as fault:
        print(fault)
        return 1
    old = dump_from(DUMP.read_text()) if DUMP.exists() else {}
    if arguments.update:
        if not may_update(old, new):
            report(old, new)
            return 1
        DUMP.write_text(text_of(new))
        return 0
    same = report(old, new)
    wrong = []
    if arguments.library:
        wrong += wrong_exports(functions_of(new), symbols("-D", "--defined-only", arguments.library))
    if arguments.used_by:
        unused = functions_of(new) - symbols("-D", "--undefined-only", arguments.used_by)
        wrong += [f"{name} is called by no program in C" for name in sorted(unused)]
    for line in wrong:
        print(line)
    print(f"{len(new)} entries, {len(functions_of(new))} functions")
    return 0 if same and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
