#include "tools/heap/heap_text.h"

#include <gtest/gtest.h>

#include "fixtures/made_heap.h"

namespace alkaid::tools {
namespace {

TEST(HeapText, ShowsBytesAsHexAndLetters) {
  heap::HeapBlock block = heap::fixtures::Block(0x1000, 355'920, 1);
  EXPECT_EQ(FirstBytesText(block),
            "66 69 72 73 74 20 62 79 74 65 73 20 00 7f ff 0a |first bytes ....|");
  block.size = 5;
  EXPECT_EQ(FirstBytesText(block), "66 69 72 73 74 |first|");
  block.flags = 0;
  EXPECT_EQ(FirstBytesText(block), "");
}

TEST(HeapText, NamesABlocksFirstAndLastByte) {
  EXPECT_EQ(RangeText(heap::fixtures::Block(0x5600d3fa3410, 64, 1)),
            "0x00005600d3fa3410 -> 0x00005600d3fa344f");
  EXPECT_EQ(RangeText(heap::fixtures::Block(0x10, 0, 1)),
            "0x0000000000000010 -> 0x0000000000000010");
}

TEST(HeapText, ShortensFunctionNamesToWhatTellsThemApart) {
  const auto expect = [](const char* demangled, const char* name) {
    EXPECT_EQ(ShortFunctionName(demangled), name);
  };
  expect("main", "main");
  expect("alkaid::PoolBuffer::Resize(long, bool)", "alkaid::PoolBuffer::Resize");
  expect("alkaid::Buffer::size() const", "alkaid::Buffer::size");
  expect(
      "alkaid::BaseMemoryPoolImpl<alkaid::(anonymous namespace)::JemallocAllocator>::Reallocate"
      "(long, long, long, unsigned char**)",
      "alkaid::BaseMemoryPoolImpl<alkaid::(anonymous namespace)::JemallocAllocator>::Reallocate");
  expect("void (anonymous namespace)::Fill<int>(std::vector<int, std::allocator<int> >*)",
         "(anonymous namespace)::Fill<int>");
  expect(
      "std::vector<std::__cxx11::basic_string<char, std::char_traits<char>, "
      "std::allocator<char> >, std::allocator<std::__cxx11::basic_string<char, "
      "std::char_traits<char>, std::allocator<char> > > >::reserve(unsigned long)",
      "std::vector<std::string>::reserve");
  expect("main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()");
  expect("operator new(unsigned long)", "operator new");
  expect("A::operator<(A const&) const", "A::operator<");
  expect("A::operator bool() const", "A::operator bool");
  expect("std::ostream& operator<< <char>(std::ostream&, char)", "operator<< <char>");
  expect("f(int) [clone .cold]", "f");
  expect("cooperator(int)", "cooperator");
  expect("operators::apply(int)", "operators::apply");
  expect("void g<(anonymous namespace)::X>()", "g<(anonymous namespace)::X>");
  expect("", "");
  expect("(((", "(((");
}

}  // namespace
}  // namespace alkaid::tools
