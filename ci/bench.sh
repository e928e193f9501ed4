#!/bin/bash
# Builds and runs the benchmark programs, and prints how far each figure is from its floor.
#
#   ci/bench.sh [--quick] [--strict] [--filter REGEX] [PROGRAM ...]
#
#   PROGRAM   for example pool_bench; all of them, about four minutes, when none is named. python_bench
#             measures the module of Python, by PYTHON where that names one, and psana where it has that
#   --filter  only the cases whose names match, for example 'jemalloc|slice'; a floor that it leaves
#             out judges nothing
#   --quick   fewer and shorter repetitions: shows that everything runs, the figures are rough
#   --strict  exits with 1 when a bar is missed
#
# ALKAID_BENCH_ARGS adds arguments for Google Benchmark, for example --benchmark_repetitions=31
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read -ra more <<<"${ALKAID_BENCH_ARGS-}"
table=()
names=()
while (($#)); do
  case $1 in
    --quick) more=(--benchmark_repetitions=3 --benchmark_min_time=0.002 "${more[@]}") ;;
    --strict) table+=(--strict) ;;
    --filter)
      (($# > 1)) || fail "--filter needs an expression"
      more+=("--benchmark_filter=$2")
      shift
      ;;
    -*) fail "not understood: $1 (the head of this script says what is)" ;;
    *) names+=("$1") ;;
  esac
  shift
done

ensure_packages "${BUILD_PACKAGES[@]}" libbenchmark-dev python3-numpy
configure bench
build bench

programs=()
if ((${#names[@]})); then
  for name in "${names[@]}"; do
    [[ -x build/bench/bin/$name ]] || fail "there is no benchmark program '$name'"
    programs+=("build/bench/bin/$name")
  done
else
  programs=(build/bench/bin/*_bench)
  [[ -x ${programs[0]} ]] || fail "no benchmark program was built"
fi

mkdir -p build/bench/results
results=()
for program in "${programs[@]}"; do
  name=${program##*/}
  say "running $name"
  # How often and in which order is the programs' own choice: benchmarks/benchmark_program.cc.
  "$program" --benchmark_format=console --benchmark_out_format=json \
    --benchmark_out="build/bench/results/$name.json" "${more[@]}" >&2
  results+=("build/bench/results/$name.json")
done
python3 -B ci/bench_table.py "${table[@]}" "${results[@]}"
