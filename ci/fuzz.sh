#!/bin/bash
# Builds the fuzz targets with clang, makes their seeds, and runs each for SECONDS, as many at a time
# as there are processors. Prints a table of executions and coverage; fails where a target finds
# something, and says where the bytes are that show it.
#
#   ci/fuzz.sh [--quiet N] [--executions N] SECONDS [TARGET...]    all targets when none is named
#
# With --quiet each target runs on, SECONDS at a time, until its last N executions found no new edge;
# with --executions, until it has executed N times.
#
# What the targets learn stays in build/fuzz/corpus, and the next run starts from there; how much each
# has done is in build/fuzz/history, and counts on for as long as neither it nor the library is built
# anew. To see a finding again: build/fuzz/bin/TARGET FILE
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

quiet=0
executions_at_least=0
usage='usage: ci/fuzz.sh [--quiet N] [--executions N] SECONDS [TARGET...]'
while [[ ${1-} == --* ]]; do
  [[ ${2-} =~ ^[1-9][0-9]*$ ]] || fail "$usage"
  case $1 in
    --quiet) quiet=$2 ;;
    --executions) executions_at_least=$2 ;;
    *) fail "$usage" ;;
  esac
  shift 2
done
(($#)) && [[ $1 =~ ^[1-9][0-9]*$ ]] || fail "$usage"
duration=$1
shift

ensure_packages "${BUILD_PACKAGES[@]}" clang libclang-rt-dev
configure fuzz
build fuzz
declare -A most_bytes
while read -r target bytes; do most_bytes[$target]=$bytes; done <build/fuzz/fuzz_targets
mapfile -t known < <(printf '%s\n' "${!most_bytes[@]}" | sort)
targets=("$@")
((${#targets[@]})) || targets=("${known[@]}")
for target in "${targets[@]}"; do
  [[ -v most_bytes[$target] ]] || fail "no target '$target'; there are: ${known[*]}"
done
sanitizer_runner

rm -rf build/fuzz/seeds build/fuzz/logs
mkdir -p build/fuzz/findings build/fuzz/logs build/fuzz/history

# Fuzzing that finds nothing proves something only if it finds what was planted.
if "${RUNNER[@]}" build/fuzz/bin/planted_fault -runs=2000000 -seed=1 -max_total_time=60 \
  -artifact_prefix=build/fuzz/logs/planted- >build/fuzz/logs/planted_fault.log 2>&1 ||
  ! grep -q 'heap-buffer-overflow' build/fuzz/logs/planted_fault.log; then
  cat build/fuzz/logs/planted_fault.log >&2
  fail "the planted fault was not found"
fi
say "seeds: $("${RUNNER[@]}" build/fuzz/bin/make_seeds build/fuzz/seeds)"

# Nor does an opinion that two sides share, unless a difference of opinion is seen: from sound
# datagrams alone.
if "${RUNNER[@]}" build/fuzz/bin/planted_difference -runs=2000000 -seed=1 -max_total_time=60 \
  -max_len="${most_bytes[fuzz_verify]}" -artifact_prefix=build/fuzz/logs/planted- \
  build/fuzz/seeds/planted_difference >build/fuzz/logs/planted_difference.log 2>&1 ||
  ! grep -q '^difference: ' build/fuzz/logs/planted_difference.log; then
  cat build/fuzz/logs/planted_difference.log >&2
  fail "the planted difference was not found"
fi

# run TARGET: leaves its output and its exit code in build/fuzz/logs. A single execution may take 10
# seconds and 1 GiB; leaks are found at the end of each. libFuzzer searches a list of rare features for
# every feature that an execution has: features count as rare up to 16 times instead of 255, since the
# search took a third of the time. Blocks keep two levels of the stack that allocated them, which saves a
# tenth more; a finding that is seen again has them all.
run() {
  local target=$1 code=0
  mkdir -p "build/fuzz/corpus/$target" "build/fuzz/seeds/$target"
  ASAN_OPTIONS=allocator_may_return_null=1:malloc_context_size=2 UBSAN_OPTIONS=print_stacktrace=1 \
    "${RUNNER[@]}" "build/fuzz/bin/$target" -max_total_time="$duration" -timeout=10 \
    -max_len="${most_bytes[$target]}" -rss_limit_mb=1024 -entropic_feature_frequency_threshold=16 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$target-" \
    "build/fuzz/corpus/$target" "build/fuzz/seeds/$target" \
    >"build/fuzz/logs/$target.log" 2>&1 || code=$?
  echo "$code" >"build/fuzz/logs/$target.exit"
}

# count_run TARGET: adds a run to build/fuzz/history/TARGET, "BUILD EXECUTIONS QUIET": of what was
# built, how many executions in all, and how many since the last that found a new edge. Those that read
# the corpus are not counted.
count_run() {
  local history=build/fuzz/history/$1 built all=0 since=0 before
  built=$(cat "build/fuzz/bin/$1" build/fuzz/lib/libalkaid.so | sha256sum | cut -c 1-16)
  if [[ -e $history ]]; then
    read -r before all since <"$history"
    [[ $before == "$built" ]] || all=0 since=0
  fi
  awk -v built="$built" -v all="$all" -v since="$since" '
    /^#[0-9]/ {
      number = substr($1, 2) + 0
      for (i = 2; i < NF; ++i) if ($i == "cov:") edges = $(i + 1)
      if ($2 == "INITED") { begun = 1; first = latest = number; most = edges }
      if (begun && edges > most) { latest = number; most = edges }
      end = number
    }
    /^stat::number_of_executed_units:/ { end = $2 }
    END {
      if (!begun) first = latest = end
      print built, all + end - first, (latest > first ? end - latest : since + end - first)
    }' "build/fuzz/logs/$1.log" >"$history.new"
  mv "$history.new" "$history"
}

fuzz() {
  local all=0 since=0
  while :; do
    run "$1"
    count_run "$1"
    read -r _ all since <"build/fuzz/history/$1"
    ((since >= quiet && all >= executions_at_least)) || [[ $(<"build/fuzz/logs/$1.exit") != 0 ]] && return
  done
}

say "fuzzing for $duration s each$( ((quiet)) && echo ", and on until $quiet executions found no new edge")$( ((executions_at_least)) && echo ", and on until $executions_at_least executions"): ${targets[*]}"
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

# Of this build in all; the rate is the last run's.
findings=0
sum=0
printf '%-20s %12s %12s %10s %10s %10s  %s\n' \
  target executions quiet 'per s' edges features outcome
for target in "${targets[@]}"; do
  log=build/fuzz/logs/$target.log
  read -r _ executions since <"build/fuzz/history/$target"
  sum=$((sum + executions))
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  features=$(sed -n 's/.* ft: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  outcome=nothing
  if [[ $(<"build/fuzz/logs/$target.exit") != 0 ]]; then
    outcome=FOUND
    findings=$((findings + 1))
  fi
  printf '%-20s %12s %12s %10s %10s %10s  %s\n' "$target" "$executions" "$since" "${rate:--}" \
    "${edges:--}" "${features:--}" "$outcome"
done
printf '%-20s %12s\n' 'all together' "$sum"

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
