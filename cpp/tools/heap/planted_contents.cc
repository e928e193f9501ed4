// A program without Alkaid that holds a block of each kind that is recognized, and others that only
// look like one. For each it prints the expected category and the address, with a tab between them.
//
//   planted_contents         ends with exit code 0
//   planted_contents wait    prints its process id first and "end" last, and waits for a line

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace planted {

struct Shape {
  virtual ~Shape() = default;
  virtual int Sides() const { return 0; }
  uint64_t area = 1;
};
struct Named {
  virtual ~Named() = default;
  virtual int Length() const { return 1; }
  uint64_t length = 1;
};
// With two bases an object has two virtual tables, and begins with the first.
struct Square : Shape, Named {
  int Sides() const override { return 4; }
  int Length() const override { return 2; }
};
// Of 24 bytes: no power of two is a multiple of that.
struct Triangle : Shape {
  int Sides() const override { return 3; }
  uint64_t base = 1;
};
// A table that is preceded by the distance to a virtual base is not recognized.
struct Lazy : virtual Shape {
  int Sides() const override { return 5; }
};

}  // namespace planted

namespace {

using planted::Lazy;
using planted::Named;
using planted::Shape;
using planted::Square;
using planted::Triangle;

template <typename T>
struct Boxed : Shape {
  T value = {};
};

void Print(const char* category, const void* block) { std::printf("%s\t%p\n", category, block); }

// Objects that are recognized through an owner belong to one, which is a block itself.
struct Owner {
  std::string text = "a text that is longer than an object has room for";
  std::vector<Shape*> shapes;
  std::vector<std::unique_ptr<int>> numbers;
  std::deque<int> queue;
  std::unordered_map<int, double> table;
  std::vector<Shape*> last;  // its words are the last of the block
};

void Genuine() {
  Print("planted::Shape", new Shape);
  Print("planted::Square", new Square);
  Print("(anonymous namespace)::Boxed<long>", new Boxed<long>);
  // Classes of the C++ library, whose symbols have versions.
  Print("std::bad_alloc", new std::bad_alloc);
  Print("std::runtime_error", new std::runtime_error("planted"));
  auto* const triangles = new std::vector<Triangle>(3);
  Print("planted::Triangle", triangles->data());
  // The number of elements precedes them.
  Print("planted::Triangle", reinterpret_cast<const uint64_t*>(new Triangle[10]) - 1);
  auto* const owner = new Owner;
  Print("uncategorized", owner);
  Print("std::string", owner->text.data());
  for (int i = 0; i < 5; ++i) owner->shapes.push_back(new Square);
  owner->shapes.push_back(nullptr);
  Print("vector of pointers", owner->shapes.data());
  for (int i = 0; i < 2; ++i) owner->last.push_back(owner->shapes[0]);
  Print("vector of pointers", owner->last.data());
  // An array of which only two elements were ever set.
  owner->numbers.resize(3000);
  owner->numbers[0] = std::make_unique<int>(1);
  owner->numbers[2999] = std::make_unique<int>(1);
  Print("vector of pointers", owner->numbers.data());
  Print("uncategorized", owner->numbers[2999].get());
  for (int i = 0; i < 1000; ++i) owner->queue.push_back(i);
  Print("std::deque buffer", &owner->queue[0]);
  Print("std::deque buffer", &owner->queue[512]);
  for (int i = 0; i < 100; ++i) owner->table[i] = i;
  for (auto& [key, value] : owner->table) {
    // The next node's address precedes the element.
    Print("hash node", reinterpret_cast<const char*>(&key) - sizeof(void*));
    if (key == 50) break;
  }
}

struct Triple {
  const void* first;
  uint64_t second;
  uint64_t third;
  uint64_t fourth = 0;
};

void* Bytes(size_t size, const void* bytes, size_t count) {
  auto* const block = static_cast<char*>(std::calloc(1, size));
  std::memcpy(block, bytes, count);
  return block;
}

const char kText[] = "no table of functions";

// Blocks that only look alike, which must stay uncategorized, and some that fit.
void LookAlike() {
  // A pointer into constant data, and pointers near a table: to its start, before its second part,
  // and to that part, where no whole object points.
  const auto* const text = kText;
  Print("uncategorized", Bytes(64, &text, sizeof(text)));
  Square square;
  uintptr_t table = 0;
  std::memcpy(&table, static_cast<const void*>(&square), sizeof(table));
  for (const int64_t distance : {-16, -8, 8, 16}) {
    const uintptr_t near = table + static_cast<uintptr_t>(distance);
    Print("uncategorized", Bytes(32, &near, sizeof(near)));
  }
  uintptr_t second_table = 0;
  std::memcpy(&second_table, static_cast<const void*>(static_cast<const Named*>(&square)),
              sizeof(second_table));
  Print("uncategorized", Bytes(32, &second_table, sizeof(second_table)));
  // The right word, but not at the start.
  const uintptr_t later[2] = {1, table};
  Print("uncategorized", Bytes(64, later, sizeof(later)));
  Print("uncategorized", new Lazy);
  // A function, not a table.
  int (*const function)(const char*) = std::puts;
  Print("uncategorized", Bytes(32, &function, sizeof(function)));

  // Blocks larger than the object of their first word: an arena, a record with a tag, an object
  // that is followed by its data. And blocks that fit, rounded up by an allocator.
  const Triangle triangle;
  const Boxed<long> boxed;
  for (const void* const object :
       {static_cast<const void*>(&triangle), static_cast<const void*>(&boxed)}) {
    for (const size_t size : {65536, 4096, 40, 23, 8}) {
      Print("uncategorized", Bytes(size, object, std::min(size, sizeof(triangle))));
    }
  }
  Print("planted::Triangle", Bytes(32, &triangle, sizeof(triangle)));

  // A count that no array of as many objects follows, and one that may be something else.
  uint64_t numbered[7] = {0};
  for (const size_t at : {1, 4}) {
    std::memcpy(&numbered[at], static_cast<const void*>(&triangle), sizeof(triangle));
  }
  for (const uint64_t count : {1, 3}) {
    numbered[0] = count;
    Print("uncategorized", Bytes(sizeof(numbered), numbered, sizeof(numbered)));
  }
  Print("uncategorized", reinterpret_cast<const uint64_t*>(new Triangle[1]) - 1);

  std::mt19937_64 random(7);
  for (int i = 0; i < 50; ++i) {
    uint64_t words[32];
    for (uint64_t& word : words) word = random();
    Print("uncategorized", Bytes(sizeof(words), words, sizeof(words)));
  }

  // No strings: of another capacity, without the NUL at the end, longer than the capacity.
  char letters[64];
  std::memset(letters, 'x', sizeof(letters));
  const char* const full = static_cast<char*>(Bytes(41, letters, 41));
  const char* const ended = static_cast<char*>(Bytes(41, letters, 30));
  for (const Triple& owner : {Triple{full, 30, 40}, Triple{ended, 30, 39}, Triple{ended, 30, 41},
                              Triple{ended, 41, 40}, Triple{ended + 1, 29, 40}}) {
    Print("uncategorized", Bytes(sizeof(owner), &owner, sizeof(owner)));
  }
  Print("uncategorized", full);
  Print("uncategorized", ended);

  // A C struct with the form of a string and no string's memory.
  const char* const text_of_c = static_cast<char*>(Bytes(40, letters, 30));
  const Triple of_c = {text_of_c, 30, 39};
  Print("uncategorized", text_of_c);
  Print("uncategorized", Bytes(sizeof(of_c), &of_c, sizeof(of_c)));

  // A ring of bytes: data, tail, mask, head. An owner that was cleared, and whose text went to a
  // string that has not written to it.
  for (const size_t used : {0, 5, 20, 63}) {
    const void* const ring = Bytes(64, "abc\0de", 6);
    const Triple owner = {ring, used, 63, used};
    Print("uncategorized", ring);
    Print("uncategorized", Bytes(sizeof(owner), &owner, sizeof(owner)));
  }
  auto* const cleared = new std::vector<std::string>;
  for (int i = 0; i < 8; ++i) cleared->emplace_back(40, 'x');
  const void* const texts = cleared->data();
  cleared->clear();
  for (int i = 0; i < 8; ++i) Print("uncategorized", std::calloc(1, 41));
  Print("uncategorized", texts);

  // No arrays of pointers: one number among them, only nulls, one pointer, an end past the block.
  const void* pointers[8] = {full, ended, full, reinterpret_cast<const void*>(17), full};
  const void* const one_number = Bytes(sizeof(pointers), pointers, sizeof(pointers));
  const void* const nulls = Bytes(64, "", 0);
  const void* const one_pointer = Bytes(64, pointers, sizeof(void*));
  const void* const all[8] = {full, ended, full, ended, full, ended, full, ended};
  const void* const pointed = Bytes(sizeof(all), all, sizeof(all));
  const auto at = [](const void* block, uint64_t offset) {
    return reinterpret_cast<uint64_t>(block) + offset;
  };
  for (const Triple& owner : {Triple{one_number, at(one_number, 64), at(one_number, 64)},
                              Triple{nulls, at(nulls, 64), at(nulls, 64)},
                              Triple{one_pointer, at(one_pointer, 64), at(one_pointer, 64)},
                              Triple{pointed, at(pointed, 64), at(pointed, 72)},
                              Triple{pointed, at(pointed, 64), at(pointed, 56)},
                              Triple{pointed, at(pointed, 61), at(pointed, 64)}}) {
    Print("uncategorized", Bytes(sizeof(owner), &owner, sizeof(owner)));
  }
  Print("uncategorized", one_number);
  Print("uncategorized", nulls);
  Print("uncategorized", one_pointer);
  Print("uncategorized", pointed);

  // A chain with one node more than its owner counts, one with fewer, and one that no bucket leads
  // to.
  for (const uint64_t counted : {2, 4, 3}) {
    void* node = nullptr;
    for (int i = 0; i < 3; ++i) {
      const uint64_t words[3] = {reinterpret_cast<uint64_t>(node), 1, 2};
      node = Bytes(sizeof(words), words, sizeof(words));
    }
    Print("uncategorized", node);
    const void* const buckets = Bytes(size_t{13} * 8, &node, 8);
    Print("uncategorized", buckets);
    uint64_t owner[7] = {at(buckets, 0), 13, at(node, 0), counted, 0, 13, 0};
    const float load = 1;
    std::memcpy(&owner[4], &load, sizeof(load));
    Print("uncategorized", Bytes(sizeof(owner), owner, sizeof(owner)));
  }

  // A deque whose map does not point to the buffer of its end.
  const void* const buffer = Bytes(512, "", 0);
  const void* const other = Bytes(512, "", 0);
  const void* const map = Bytes(64, &buffer, 8);
  const uint64_t deque[10] = {at(map, 0),      8,          at(buffer, 0), at(buffer, 0),
                              at(buffer, 512), at(map, 0), at(other, 8),  at(other, 0),
                              at(other, 512),  at(map, 0)};
  Print("uncategorized", Bytes(sizeof(deque), deque, sizeof(deque)));
  for (const void* const part : {buffer, other, map}) Print("uncategorized", part);
}

}  // namespace

int main(int argc, char** /*argv*/) {
  const bool waits = argc > 1;
  if (waits) std::printf("process %d\n", getpid());
  Genuine();
  LookAlike();
  if (waits) std::puts("end");
  std::fflush(stdout);
  if (waits) std::getchar();
  return 0;
}
