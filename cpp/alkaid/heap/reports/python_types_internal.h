// PythonTypes: the types of a Python in this process, in the layout of CPython 3.8 and later, for
// 64 bits and with the global lock.
//
// `type` identifies itself: it is its own type, has the name "type" and the base "object", and lies
// in a module. For every other type, following the type of its type and so on ends at `type`.
//
// Ownership: borrows everything. Threads: one. Out of memory: throws std::bad_alloc. Keeps at most
// 32,768 entries, one for each address that is a type or looked like one.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "alkaid/heap/reports/block_findings_internal.h"
#include "alkaid/heap/reports/block_index_internal.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/own_memory_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT PythonTypes {
 public:
  struct Type {
    uint16_t category = 0;  // 0: no type
    uint64_t flags = 0;
    uint64_t size = 0;  // bytes of an object
    bool is_bytearray = false;
  };
  enum Flags : uint64_t {
    kManagedWeakref = uint64_t{1} << 3,
    kManagedDict = uint64_t{1} << 4,
    kReady = uint64_t{1} << 12,
    kHasGc = uint64_t{1} << 14,
    kIsList = uint64_t{1} << 25,
    kIsStr = uint64_t{1} << 28,
    kIsDict = uint64_t{1} << 29,
    kIsType = uint64_t{1} << 31,
  };

  PythonTypes(const HeapContents& contents, BlockIndex* index, OwnMemory* memory,
              BlockFindings* findings)
      : contents_(contents), index_(*index), memory_(*memory), findings_(*findings) {}

  // Null if there is no type at the address. Types in blocks are recognized only after a type in a
  // module was met, so that a program without Python does not look for them.
  const Type* At(uint64_t address);
  bool is_met() const { return root_ != 0; }

  // The offset of an object of a type with these flags in its block.
  static uint64_t OffsetOf(uint64_t flags) {
    if ((flags & kHasGc) == 0) return 0;
    return (flags & (kManagedDict | kManagedWeakref)) != 0 ? 32 : 16;
  }

 private:
  struct Object;  // the part of a PyTypeObject that is read

  bool InModule(uint64_t address) const {
    return LoadedModuleAt(contents_.modules, address) != nullptr;
  }
  bool InBlock(uint64_t address);
  bool Load(uint64_t address, Object* object);
  bool IsTypesType(uint64_t address, int depth);
  bool ReadName(uint64_t address, std::string* name);

  const HeapContents& contents_;
  BlockIndex& index_;
  OwnMemory& memory_;
  BlockFindings& findings_;
  std::unordered_map<uint64_t, Type> types_;
  uint64_t root_ = 0;  // PyType_Type; 0 until it is met
};

}  // namespace alkaid::heap
