#!/bin/bash
# Counts the instructions that an allocation with its free, and a slice with its drop, retire in the
# release build, and in one from which the memory events are compiled out. What nobody observes may
# cost at most 4 instructions for each of the two calls. And those of a pool's life, among few and among
# many pools, those of a buffer in the debug mode of pools, and those of adding a detector to a Configure
# or its data to a datagram, which have to be the same.
#
#   ci/count_instructions.sh
#
# callgrind counts the same for the same program and inputs, however busy the machine is. Two runs
# of different length are subtracted, so that starting and ending does not count. On the system backend
# what the C library retires is left out: what its malloc takes for an aligned block depends on how its
# heap happens to lie, by a hundred instructions and more.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly MOST=8
readonly SHORT=1000
readonly LONG=21000

ensure_packages "${BUILD_PACKAGES[@]}" valgrind
configure release -DALKAID_WITH_JEMALLOC=ON -DALKAID_WITH_MIMALLOC=ON
build release alkaid
configure release -B build/release-without-events -DALKAID_WITH_MEMORY_EVENTS=OFF \
  -DALKAID_BUILD_TESTS=OFF -DALKAID_BUILD_TESTING_LIBRARY=OFF -DALKAID_BUILD_TOOLS=OFF
say "building build/release-without-events"
cmake --build build/release-without-events --parallel "$JOBS" --target alkaid >&2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# program BUILD [flag...]: the counted program against that build's library.
program() {
  local tree=$1
  shift
  read -ra libraries <<<"$(pkg-config --libs absl_status absl_statusor absl_strings)"
  c++ -std=c++20 -O2 "$@" -Icpp ci/path_cost/path_cost.cc -o "$work/${tree##*/}" \
    -L"$tree/lib" -lalkaid -Wl,-rpath,"$PWD/$tree/lib" "${libraries[@]}"
}
program build/release
program build/release-without-events -DALKAID_WITHOUT_MEMORY_EVENTS

# instructions PROGRAM OPERATION TIMES. The figures of a function stand below the object ("ob=") that
# it is in; the line after "calls=" has what its callees took.
instructions() {
  valgrind --tool=callgrind --callgrind-out-file="$work/counts" "$work/$1" "$2" "$3" \
    2>"$work/log" || { cat "$work/log" >&2 && fail "$1 $2 failed under callgrind"; }
  awk -v left_out="$([[ $2 == system ]] && echo '/libc[.]so' || echo '^$')" '
    /^c?ob=/ {
      id = substr($1, index($1, "=") + 1)
      if (NF > 1) is_left_out[id] = $2 ~ left_out
    }
    /^ob=/ { counted = !is_left_out[id] }
    /^calls=/ { getline; next }
    /^[0-9+*-]/ && counted { sum += $NF }
    END { printf "%d\n", sum }' "$work/counts"
}

operations=(system slice)
for backend in jemalloc mimalloc; do
  if grep -qi "ALKAID_HAVE_$backend:INTERNAL=ON" build/release/CMakeCache.txt; then
    operations+=("$backend")
  fi
done

faults=0
printf '%-10s %10s %10s %10s\n' "" "with" "without" "more"
for operation in "${operations[@]}"; do
  counts=()
  for name in release release-without-events; do
    long=$(instructions "$name" "$operation" $LONG)
    short=$(instructions "$name" "$operation" $SHORT)
    counts+=("$(awk -v a="$long" -v b="$short" -v n=$((LONG - SHORT)) \
      'BEGIN { printf "%.2f", (a - b) / n }')")
  done
  more=$(awk -v a="${counts[0]}" -v b="${counts[1]}" 'BEGIN { printf "%.2f", a - b }')
  printf '%-10s %10s %10s %10s\n' "$operation" "${counts[@]}" "$more"
  # Each row is two calls: allocate and free, slice and drop.
  awk -v more="$more" -v most=$MOST 'BEGIN { exit !(more <= most) }' || faults=$((faults + 1))
done
((faults == 0)) || fail "$faults of the paths grew by more than 4 instructions a call"
say "no path grew by more than 4 instructions a call"

# What the debug mode of pools takes for an allocation with its free (docs/pools.md). Nobody is promised
# a figure; it is there to be known.
printf '%-10s %10s\n' "" "debug mode"
for operation in "${operations[@]}"; do
  [[ $operation != slice ]] || continue
  long=$(ALKAID_DEBUG_MEMORY_POOL=abort instructions release "$operation" $LONG)
  short=$(ALKAID_DEBUG_MEMORY_POOL=abort instructions release "$operation" $SHORT)
  printf '%-10s %10s\n' "$operation" $(((long - short) / (LONG - SHORT)))
done

# What a pool takes, of few and of many that live together, what a buffer takes in the debug mode of
# pools, and what a detector and its data take that are added to a datagram: the same, or it looks at
# the others.
printf '%-10s %10s %10s\n' "" "of 1000" "of 8000"
# few_and_many OPERATION NAME
few_and_many() {
  local few many
  few=$(($(instructions release "$1" 1000) / 1000))
  many=$(($(instructions release "$1" 8000) / 8000))
  printf '%-10s %10s %10s\n' "$2" "$few" "$many"
  ((many <= few + few / 2)) || fail "$2 takes more among 8000 than among 1000"
}
few_and_many pools "a pool"
ALKAID_DEBUG_MEMORY_POOL=abort few_and_many buffers "a buffer"
few_and_many detectors "a detector"
few_and_many data "its data"
say "none takes more among many"
