// A small library, compiled in several ways: what the fuzzing of the symbol reader starts from.
//
// It has what names are made of: functions that were inlined in two levels, a template, a namespace,
// a lambda, a static function, and code of no line.

namespace seed {

template <typename T>
struct Ring {
  T values[4];
  __attribute__((always_inline)) void Push(T value) { values[Next()] = value; }
  __attribute__((always_inline)) int Next() { return at = (at + 1) % 4; }
  int at = 0;
};

Ring<long> ring;

}  // namespace seed

extern "C" int seed_outside(int);

namespace {

__attribute__((noinline)) long Twice(long value) {
  seed::ring.Push(value);
  return 2 * value + seed_outside(static_cast<int>(value));
}

}  // namespace

__attribute__((visibility("default"))) long Entry(long value) {
  const auto add = [&](long more) { return Twice(value) + more; };
  return add(1) + add(value);
}

asm(".text\n.globl seed_without_lines\n.type seed_without_lines, @function\n"
    "seed_without_lines:\n nop\n nop\n ret\n.size seed_without_lines, 3\n");
