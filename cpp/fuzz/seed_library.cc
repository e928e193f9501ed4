// A small library, compiled in several ways: the seeds of the fuzz target for symbols.
//
// It has every kind of name: functions inlined in two levels, a template, a namespace, a lambda, a
// static function, classes, code without a line, Rust's mangled names, and, if the target asks for
// it, a virtual table among the code.

namespace seed {

template <typename T>
struct Ring {
  T values[4];
  __attribute__((always_inline)) void Push(T value) { values[Next()] = value; }
  __attribute__((always_inline)) int Next() { return at = (at + 1) % 4; }
  int at = 0;
};

Ring<long> ring;

#if defined(ALKAID_SEED_CLASSES)
// With virtual tables and sizes. It moves the code, so only one library has it.
template <typename T>
struct Shape {
  virtual long Sides() const { return 0; }
  T area = 1;
};
struct Square : Shape<unsigned long> {
  long Sides() const override { return 4; }
  unsigned long side = 1;
};
Square square;
#endif

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

#define WITHOUT_LINES(name)                                                 \
  asm(".text\n.balign 8\n.globl " name "\n.type " name ", @function\n" name \
      ":\n nop\n ret\n.size " name ", 2\n")
WITHOUT_LINES("seed_without_lines");
WITHOUT_LINES("_ZN4core3fmt5write17h0123456789abcdefE");
WITHOUT_LINES("_RNCNvC7mycrate4main0");
WITHOUT_LINES("_RNvXs_C7mycrateNtB4_3BarNtB4_3Foo3baz");
WITHOUT_LINES("_RINvNtC3std3mem8align_ofjFUdExE");
WITHOUT_LINES("_RINvC7mycrate4sizeRATlyKj9_DNtC3std5Errorp4ItemhEL_E");

asm(".text\n.balign 8\n.globl _ZTVN4seed5ShelfIlEE\n.type _ZTVN4seed5ShelfIlEE, @object\n"
    "_ZTVN4seed5ShelfIlEE:\n .quad 0, 0, 0\n.size _ZTVN4seed5ShelfIlEE, 24\n");
