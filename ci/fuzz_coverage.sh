#!/bin/bash
# Which lines of each parser the corpus of its fuzz target reaches. Builds the targets in a tree of
# their own, has each run what ci/fuzz.sh has collected in build/fuzz/corpus and the seeds, and nothing
# else, and prints what llvm-cov counts.
#
#   ci/fuzz_coverage.sh [--lines]    --lines: also the lines that are not reached
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# == 0)) || [[ $# == 1 && $1 == --lines ]] || fail "usage: ci/fuzz_coverage.sh [--lines]"

# What each target is for: files below cpp/.
parsers=(
  'fuzz_columns alkaid/columns/row_walk.cc alkaid/columns/same_place.cc alkaid/columns/list_column.cc'
  'fuzz_edit alkaid/dgram/dgram_edit.cc alkaid/dgram/dgram_edit_save.cc'
  'fuzz_event_batch alkaid/events/event_batch.cc alkaid/events/smd_window.cc'
  'fuzz_event_builder alkaid/events/event_builder.cc alkaid/events/smd_reader.cc'
  'fuzz_function_names tools/heap/rust_names.cc tools/heap/heap_text.cc'
  'fuzz_heap_file alkaid/heap/reports/heap_file_reader.cc'
  'fuzz_packet_footer alkaid/events/packet_footer.cc'
  'fuzz_reader alkaid/dgram/xtc_walk.cc alkaid/dgram/shapes_data.cc alkaid/dgram/batch_reader.cc'
  'fuzz_smd alkaid/events/smd_record.cc alkaid/events/smd_writer.cc'
  'fuzz_symbols tools/heap/heap_symbols.cc tools/heap/code_units.cc'
  'fuzz_verify alkaid/dgram/verify_dgram.cc alkaid/dgram/verify_names.cc alkaid/dgram/verify_data.cc alkaid/dgram/verify_records.cc alkaid/dgram/verify.cc alkaid/events/chunk_info.cc'
)

ensure_packages "${BUILD_PACKAGES[@]}" clang libclang-rt-dev llvm
configure fuzz-coverage
declare -A most_bytes
while read -r target bytes; do
  [[ " ${parsers[*]%% *} " == *" $target "* ]] || fail "no parser of $target is named here"
  most_bytes[$target]=$bytes
done <build/fuzz-coverage/fuzz_targets
build fuzz-coverage make_seeds "${!most_bytes[@]}"
sanitizer_runner
rm -rf build/fuzz-coverage/seeds build/fuzz-coverage/profiles
mkdir -p build/fuzz-coverage/profiles
export LLVM_PROFILE_FILE=/dev/null  # what makes the seeds is built like the targets
say "seeds: $("${RUNNER[@]}" build/fuzz-coverage/bin/make_seeds build/fuzz-coverage/seeds)"

printf '%-20s %-45s %8s %8s\n' target parser lines reached
for entry in "${parsers[@]}"; do
  read -r target files <<<"$entry"
  [[ -v most_bytes[$target] ]] || continue
  mkdir -p "build/fuzz/corpus/$target"
  profile=build/fuzz-coverage/profiles/$target
  LLVM_PROFILE_FILE=$profile.raw ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0 \
    "${RUNNER[@]}" "build/fuzz-coverage/bin/$target" -runs=0 -max_len="${most_bytes[$target]}" \
    "build/fuzz/corpus/$target" "build/fuzz-coverage/seeds/$target" >"$profile.log" 2>&1 || {
    tail -n 20 "$profile.log" >&2
    fail "$target failed on its own corpus"
  }
  llvm-profdata merge -sparse "$profile.raw" -o "$profile.profdata"
  for file in $files; do
    covered=(llvm-cov export -summary-only "build/fuzz-coverage/bin/$target"
      -object build/fuzz-coverage/lib/libalkaid.so -instr-profile "$profile.profdata"
      "cpp/$file")
    read -r lines reached < <("${covered[@]}" 2>/dev/null | python3 -c '
import json, sys
lines = json.load(sys.stdin)["data"][0]["totals"]["lines"]
print(lines["count"], "%.1f%%" % lines["percent"])')
    printf '%-20s %-45s %8s %8s\n' "$target" "$file" "$lines" "$reached"
    [[ ${1-} != --lines ]] || "${covered[@]/export/show}" -show-regions=0 2>/dev/null |
      grep -E '^ *[0-9]+\| +0\|' || true
  done
done
