#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "alkaid/heap/reports/python_types_internal.h"

namespace alkaid::heap {
namespace {

uint64_t AddressOf(const void* bytes) { return reinterpret_cast<uint64_t>(bytes); }

// `object`, `type` and `int`, in memory that the test lists as a module.
class PythonTypesTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kReady = PythonTypes::kReady;
  static constexpr uint64_t kType = PythonTypes::kIsType;

  struct Type {
    uint64_t words[50] = {};
  };

  PythonTypesTest() {
    Make(&object_, &type_, "object", 16, 0);
    Make(&type_, &type_, "type", 900, kType | PythonTypes::kHasGc);
    type_.words[32] = AddressOf(&object_);
    Make(&int_, &type_, "int", 24, 0);
    contents_.modules.resize(1);
    contents_.modules[0].start = AddressOf(this);
    contents_.modules[0].end = AddressOf(this + 1);
  }

  static void Make(Type* type, const Type* of, const char* name, uint64_t size, uint64_t flags) {
    type->words[0] = 1;
    type->words[1] = AddressOf(of);
    type->words[3] = AddressOf(name);
    type->words[4] = size;
    type->words[21] = flags | kReady;
  }
  // The category of the type at the address, or "".
  std::string NameOf(uint64_t address) {
    OwnMemory memory(1 << 20);
    BlockIndex index(contents_.blocks);
    BlockFindings findings(&contents_);
    PythonTypes types(contents_, &index, &memory, &findings);
    const PythonTypes::Type* const type = types.At(address);
    EXPECT_EQ(type == nullptr || types.is_met(), true);
    return type == nullptr ? "" : contents_.categories[type->category - 1U];
  }

  HeapContents contents_;
  Type object_, type_, int_, other_;
};

TEST_F(PythonTypesTest, ATypeIsKnownByItsOwnTypeAndHasItsName) {
  EXPECT_EQ(NameOf(AddressOf(&int_)), "Python int");
  EXPECT_EQ(NameOf(AddressOf(&type_)), "Python type");
  EXPECT_EQ(NameOf(AddressOf(&object_)), "Python object");
  EXPECT_EQ(NameOf(AddressOf(&int_) + 8), "");
  EXPECT_EQ(NameOf(AddressOf(&int_) + 1), "");
  EXPECT_EQ(NameOf(AddressOf(&other_)), "");
  EXPECT_EQ(NameOf(0), "");
}

TEST_F(PythonTypesTest, AnObjectBeginsBehindTheWordsThatItsTypeAsksFor) {
  EXPECT_EQ(PythonTypes::OffsetOf(0), 0u);
  EXPECT_EQ(PythonTypes::OffsetOf(PythonTypes::kManagedDict), 0u);
  EXPECT_EQ(PythonTypes::OffsetOf(PythonTypes::kHasGc), 16u);
  EXPECT_EQ(PythonTypes::OffsetOf(PythonTypes::kHasGc | PythonTypes::kManagedDict), 32u);
  EXPECT_EQ(PythonTypes::OffsetOf(PythonTypes::kHasGc | PythonTypes::kManagedWeakref), 32u);
}

TEST_F(PythonTypesTest, ATypeWhoseTypesDoNotEndInTypeIsNone) {
  const std::vector<std::function<void()>> spoils = {
      [this] { type_.words[3] = AddressOf("typo"); },
      [this] { type_.words[21] = kReady; },
      [this] { type_.words[32] = 0; },
      [this] { object_.words[3] = AddressOf("subject"); },
      [this] { object_.words[32] = AddressOf(&type_); },
      [this] { int_.words[21] = 0; },
      [this] { int_.words[3] = 8; },
      [this] { int_.words[3] = AddressOf("a\nline"); },
      [this] { int_.words[3] = AddressOf(""); },
      [this] { int_.words[4] = 8; },
      [this] { int_.words[1] = AddressOf(&int_); },
      [this] {  // two types, each the type of the other
        Make(&other_, &int_, "other", 900, kType);
        int_.words[1] = AddressOf(&other_);
        int_.words[21] |= kType;
      },
      [this] { contents_.modules.clear(); },
  };
  for (size_t i = 0; i < spoils.size(); ++i) {
    const Type types[] = {object_, type_, int_, other_};
    const std::vector<HeapModule> modules = contents_.modules;
    spoils[i]();
    EXPECT_EQ(NameOf(AddressOf(&int_)), "") << i;
    object_ = types[0];
    type_ = types[1];
    int_ = types[2];
    other_ = types[3];
    contents_.modules = modules;
  }
  EXPECT_EQ(NameOf(AddressOf(&int_)), "Python int");
}

}  // namespace
}  // namespace alkaid::heap
