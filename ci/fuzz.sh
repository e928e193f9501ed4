#!/bin/bash
# Builds the fuzz targets with clang, makes their seeds, and runs each for SECONDS, as many at a time
# as there are processors. Prints a table of executions and coverage; fails where a target finds
# something, and says where the bytes are that show it.
#
#   ci/fuzz.sh SECONDS [TARGET...]    all targets when none is named
#
# What the targets learn stays in build/fuzz/corpus, and the next run starts from there. To see a
# finding again: build/fuzz/bin/TARGET FILE
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($#)) && [[ $1 =~ ^[1-9][0-9]*$ ]] || fail "usage: ci/fuzz.sh SECONDS [TARGET...]"
duration=$1
shift

ensure_packages "${BUILD_PACKAGES[@]}" clang libclang-rt-14-dev
configure fuzz
build fuzz
mapfile -t known <build/fuzz/fuzz_targets
targets=("$@")
((${#targets[@]})) || targets=("${known[@]}")
for target in "${targets[@]}"; do
  [[ " ${known[*]} " == *" $target "* ]] || fail "no target '$target'; there are: ${known[*]}"
done
sanitizer_runner

rm -rf build/fuzz/seeds build/fuzz/logs
mkdir -p build/fuzz/findings build/fuzz/logs

# Fuzzing that finds nothing proves something only if it finds what was planted.
if "${RUNNER[@]}" build/fuzz/bin/planted_fault -runs=2000000 -seed=1 -max_total_time=60 \
  -artifact_prefix=build/fuzz/logs/planted- >build/fuzz/logs/planted_fault.log 2>&1 ||
  ! grep -q 'heap-buffer-overflow' build/fuzz/logs/planted_fault.log; then
  cat build/fuzz/logs/planted_fault.log >&2
  fail "the planted fault was not found"
fi
say "seeds: $("${RUNNER[@]}" build/fuzz/bin/make_seeds build/fuzz/seeds)"

# fuzz TARGET: leaves its output and its exit code in build/fuzz/logs. A single execution may take 10
# seconds and 1 GiB; leaks are found at the end of each.
fuzz() {
  local target=$1 code=0
  mkdir -p "build/fuzz/corpus/$target" "build/fuzz/seeds/$target"
  ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
    "${RUNNER[@]}" "build/fuzz/bin/$target" -max_total_time="$duration" -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$target-" \
    "build/fuzz/corpus/$target" "build/fuzz/seeds/$target" \
    >"build/fuzz/logs/$target.log" 2>&1 || code=$?
  echo "$code" >"build/fuzz/logs/$target.exit"
}

say "fuzzing for $duration s each: ${targets[*]}"
running=0
for target in "${targets[@]}"; do
  if ((running == JOBS)); then
    wait -n
    running=$((running - 1))
  fi
  fuzz "$target" &
  running=$((running + 1))
done
wait

findings=0
printf '%-20s %12s %10s %10s %10s  %s\n' target executions 'per s' edges features outcome
for target in "${targets[@]}"; do
  log=build/fuzz/logs/$target.log
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  features=$(sed -n 's/.* ft: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  outcome=nothing
  if [[ $(<"build/fuzz/logs/$target.exit") != 0 ]]; then
    outcome=FOUND
    findings=$((findings + 1))
  fi
  printf '%-20s %12s %10s %10s %10s  %s\n' "$target" "${executions:--}" "${rate:--}" \
    "${edges:--}" "${features:--}" "$outcome"
done

((findings == 0)) && exit 0
for target in "${targets[@]}"; do
  [[ $(<"build/fuzz/logs/$target.exit") == 0 ]] && continue
  log=build/fuzz/logs/$target.log
  say "$target ended with $(<"build/fuzz/logs/$target.exit"); its output is in $log, the last of it:"
  grep -v '^#' "$log" | tail -n 30 >&2
  reproducer=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  [[ -z $reproducer ]] || say "see it again: build/fuzz/bin/$target $reproducer"
done
exit 1
