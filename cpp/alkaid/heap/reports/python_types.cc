#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "alkaid/heap/reports/python_types_internal.h"

namespace alkaid::heap {
namespace {

constexpr size_t kMaxTypes = 32768;

}  // namespace

struct PythonTypes::Object {
  uint64_t references;
  uint64_t type;
  uint64_t items;
  uint64_t name;
  uint64_t basic_size;
  uint64_t item_size;
  std::array<uint64_t, 15> functions;
  uint64_t flags;
  std::array<uint64_t, 10> others;
  uint64_t base;
};

const PythonTypes::Type* PythonTypes::At(uint64_t address) {
  static_assert(offsetof(Object, flags) == 168 && offsetof(Object, base) == 256);
  if (address % OwnMemory::kWord != 0 || !(InModule(address) || (root_ != 0 && InBlock(address)))) {
    return nullptr;
  }
  const auto known = types_.find(address);
  if (known != types_.end()) return known->second.category == 0 ? nullptr : &known->second;
  if (types_.size() >= kMaxTypes || memory_.exhausted()) return nullptr;
  Type& type = types_[address];
  Object object;
  std::string name;
  if (Load(address, &object) && IsTypesType(object.type, 0) && (object.flags & kReady) != 0 &&
      ReadName(object.name, &name)) {
    const bool is_bytearray = name == "bytearray";
    type = {findings_.Add("Python " + name), object.flags, object.basic_size, is_bytearray};
  }
  return type.category == 0 ? nullptr : &type;
}

// Whether a heap type may be there: it lies 16 bytes after the start of its block, past the words
// of the garbage collector.
bool PythonTypes::InBlock(uint64_t address) {
  if (!index_.MayHold(address)) return false;
  const uint32_t block = index_.At(address - 16);
  return block != BlockIndex::kNone &&
         static_cast<uint64_t>(contents_.blocks[block].size) >= 16 + sizeof(Object);
}

bool PythonTypes::Load(uint64_t address, Object* object) {
  return memory_.Read(address, object, sizeof(*object)) &&
         static_cast<uint32_t>(object->references) != 0 && object->basic_size >= 16 &&
         object->basic_size < (uint64_t{1} << 32) && object->item_size < (uint64_t{1} << 32);
}

// Whether a type is `type` or derived from it: following the type of its type and so on ends at
// `type`, which is its own type.
bool PythonTypes::IsTypesType(uint64_t address, int depth) {
  constexpr int kMaxDepth = 4;
  if (address == root_ && address != 0) return true;
  Object object;
  if (address % OwnMemory::kWord != 0 || (!InModule(address) && !InBlock(address)) ||
      !Load(address, &object) || (object.flags & kIsType) == 0) {
    return false;
  }
  if (object.type != address) return depth < kMaxDepth && IsTypesType(object.type, depth + 1);
  Object base;
  std::string name;
  std::string base_name;
  if (!InModule(address) || !InModule(object.base) || !ReadName(object.name, &name) ||
      name != "type" || !Load(object.base, &base) || base.type != address || base.base != 0 ||
      !ReadName(base.name, &base_name) || base_name != "object") {
    return false;
  }
  root_ = address;
  return true;
}

// Reads a C string without control characters.
bool PythonTypes::ReadName(uint64_t address, std::string* name) {
  constexpr uint64_t kMax = 128;
  constexpr uint64_t kPage = 4096;
  std::array<char, kMax> text;
  const uint64_t first = std::min(kMax, kPage - address % kPage);
  uint64_t got = memory_.ReadSome(address, text.data(), first);
  if (got == first && got < kMax && std::memchr(text.data(), 0, got) == nullptr) {
    got += memory_.ReadSome(address + got, text.data() + got, kMax - got);
  }
  const size_t length = ::strnlen(text.data(), got);
  if (length == 0 || length == got) return false;
  name->assign(text.data(), length);
  return std::ranges::none_of(
      *name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace alkaid::heap
