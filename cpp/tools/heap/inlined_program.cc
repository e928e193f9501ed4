// A program that keeps a block of 333,000 bytes and one of 444,000, allocated through functions
// that are inlined into one another, for tests of the names of code. Built in several ways, all
// without .debug_aranges.
#include <cstdlib>

// Linked only with the C library.
namespace shop {

void* kept[2];

struct Shelf {
  [[gnu::always_inline]] static void* Stock(size_t size) { return std::malloc(size); }
};

[[gnu::always_inline]] inline void* Order(size_t size) { return Shelf::Stock(1000 * size); }

[[gnu::always_inline]] inline void* Buy(size_t size) {
  if (size == 5) std::abort();
  return Order(size);
}

[[gnu::noinline]] void* Deliver(size_t size) {
  void* const block = Buy(size);
  asm volatile("" ::: "memory");
  return block;
}

}  // namespace shop

int main() {
  shop::kept[0] = shop::Buy(333);
  shop::kept[1] = shop::Deliver(444);
  asm volatile("" : : "r"(shop::kept) : "memory");
  return 0;
}
