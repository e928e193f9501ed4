#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>

#include <cstring>
#include <string>
#include <vector>

#include "alkaid/heap/tracking/build_id_internal.h"

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A note as a linker writes it, padded to `alignment`.
std::vector<uint8_t> Note(uint32_t type, const std::string& name, const std::vector<uint8_t>& bytes,
                          size_t alignment) {
  const ElfW(Nhdr)
      head = {static_cast<uint32_t>(name.size() + 1), static_cast<uint32_t>(bytes.size()), type};
  std::vector<uint8_t> note(sizeof(head));
  std::memcpy(note.data(), &head, sizeof(head));
  const auto add = [&](const auto& part, size_t size) {
    note.insert(note.end(), part.begin(), part.end());
    note.resize((note.size() + size - 1) / size * size);
  };
  add(std::string(name.c_str(), name.size() + 1), alignment);
  add(bytes, alignment);
  return note;
}

std::vector<uint8_t> Found(const std::vector<uint8_t>& notes, size_t alignment) {
  const std::span<const uint8_t> found = BuildIdInNotes(notes, alignment);
  return {found.begin(), found.end()};
}

TEST(BuildId, IsFoundBehindOtherNotes) {
  for (const size_t alignment : {4, 8}) {
    std::vector<uint8_t> notes = Note(NT_GNU_PROPERTY_TYPE_0, "GNU", {1, 2, 3, 4, 5}, alignment);
    const std::vector<uint8_t> others = Note(NT_GNU_BUILD_ID, "GNX", {6}, alignment);
    const std::vector<uint8_t> id = Note(NT_GNU_BUILD_ID, "GNU", {7, 8, 9}, alignment);
    notes.insert(notes.end(), others.begin(), others.end());
    EXPECT_THAT(Found(notes, alignment), IsEmpty());
    notes.insert(notes.end(), id.begin(), id.end());
    EXPECT_THAT(Found(notes, alignment), ElementsAre(7, 8, 9));
  }
}

TEST(BuildId, OfNotesThatAreCutOrLieIsNone) {
  const std::vector<uint8_t> whole = Note(NT_GNU_BUILD_ID, "GNU", {7, 8, 9, 10}, 4);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(Found({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}, 4), IsEmpty())
        << size;
  }
  for (const size_t field : {0, 4}) {
    std::vector<uint8_t> lying = whole;
    std::memset(lying.data() + field, 0xff, 4);
    EXPECT_THAT(Found(lying, 4), IsEmpty()) << field;
  }
}

TEST(BuildId, OfWhatIsNoFileIsNone) {
  const std::vector<uint8_t> zeros(size_t{2} * 4096);
  const auto start = reinterpret_cast<uint64_t>(zeros.data());
  EXPECT_TRUE(BuildIdOfMapped(start, start + zeros.size(), start).empty());
  EXPECT_TRUE(BuildIdOfMapped(start, start + 100, start).empty());
}

}  // namespace
}  // namespace alkaid::heap
