// operator new and delete, for allocators that bring their own.
//
// The C++ library's operators call malloc and free. They are passed on by a jump, so that their
// blocks are seen once, by malloc, and no frame of this library appears in their stack traces. An
// allocator that replaces malloc usually replaces these operators too, and does not call malloc in
// them: those are watched here.
//
// Ownership, threads, out of memory: as the next definition's.

#include <atomic>
#include <cstddef>
#include <new>

#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "preload/next_allocator_internal.h"

namespace {

using alkaid::heap::preload::AllocateFromStore;
using alkaid::heap::preload::InNextAllocator;
using alkaid::heap::preload::IsFromStore;
using alkaid::heap::preload::IsNextAllocators;
using alkaid::heap::preload::Next;
using alkaid::heap::preload::NextDefinition;

// One of the operators; filled at its first call.
template <typename Function>
struct Operator {
  const char* name;
  std::atomic<Function*> next{nullptr};
  bool watched = false;  // written before `next`

  [[gnu::noinline]] Function* LookUp() {
    Next();
    auto* const found = reinterpret_cast<Function*>(NextDefinition(name));
    watched = IsNextAllocators(reinterpret_cast<const void*>(found));
    next.store(found, std::memory_order_release);
    return found;
  }
  Function* Get() {
    Function* const known = next.load(std::memory_order_acquire);
    return known != nullptr ? known : LookUp();
  }
};

using Nothrow = const std::nothrow_t&;
using Align = std::align_val_t;

constinit Operator<void*(size_t)> op_new{"_Znwm"};
constinit Operator<void*(size_t)> op_new_array{"_Znam"};
constinit Operator<void*(size_t, Nothrow)> op_new_nothrow{"_ZnwmRKSt9nothrow_t"};
constinit Operator<void*(size_t, Nothrow)> op_new_array_nothrow{"_ZnamRKSt9nothrow_t"};
constinit Operator<void*(size_t, Align)> op_new_align{"_ZnwmSt11align_val_t"};
constinit Operator<void*(size_t, Align)> op_new_array_align{"_ZnamSt11align_val_t"};
constinit Operator<void*(size_t, Align, Nothrow)> op_new_align_nothrow{
    "_ZnwmSt11align_val_tRKSt9nothrow_t"};
constinit Operator<void*(size_t, Align, Nothrow)> op_new_array_align_nothrow{
    "_ZnamSt11align_val_tRKSt9nothrow_t"};
constinit Operator<void(void*)> op_delete{"_ZdlPv"};
constinit Operator<void(void*)> op_delete_array{"_ZdaPv"};
constinit Operator<void(void*, size_t)> op_delete_sized{"_ZdlPvm"};
constinit Operator<void(void*, size_t)> op_delete_array_sized{"_ZdaPvm"};
constinit Operator<void(void*, Nothrow)> op_delete_nothrow{"_ZdlPvRKSt9nothrow_t"};
constinit Operator<void(void*, Nothrow)> op_delete_array_nothrow{"_ZdaPvRKSt9nothrow_t"};
constinit Operator<void(void*, Align)> op_delete_align{"_ZdlPvSt11align_val_t"};
constinit Operator<void(void*, Align)> op_delete_array_align{"_ZdaPvSt11align_val_t"};
constinit Operator<void(void*, size_t, Align)> op_delete_sized_align{"_ZdlPvmSt11align_val_t"};
constinit Operator<void(void*, size_t, Align)> op_delete_array_sized_align{
    "_ZdaPvmSt11align_val_t"};
constinit Operator<void(void*, Align, Nothrow)> op_delete_align_nothrow{
    "_ZdlPvSt11align_val_tRKSt9nothrow_t"};
constinit Operator<void(void*, Align, Nothrow)> op_delete_array_align_nothrow{
    "_ZdaPvSt11align_val_tRKSt9nothrow_t"};

// Looked up before any other thread exists, like the rest of the allocator.
[[gnu::constructor]] void LookUpAtLoad() {
  const auto look_up = [](auto&... operators) { (operators.LookUp(), ...); };
  look_up(op_new, op_new_array, op_new_nothrow, op_new_array_nothrow, op_new_align,
          op_new_array_align, op_new_align_nothrow, op_new_array_align_nothrow, op_delete,
          op_delete_array, op_delete_sized, op_delete_array_sized, op_delete_nothrow,
          op_delete_array_nothrow, op_delete_align, op_delete_array_align, op_delete_sized_align,
          op_delete_array_sized_align, op_delete_align_nothrow, op_delete_array_align_nothrow);
}

size_t AlignmentIn() { return 0; }
size_t AlignmentIn(Nothrow /*tag*/) { return 0; }
size_t AlignmentIn(Align alignment) { return static_cast<size_t>(alignment); }
size_t AlignmentIn(Align alignment, Nothrow /*tag*/) { return static_cast<size_t>(alignment); }

// Inline: the library must be called by the very function that the program called.
template <typename Op, typename... Rest>
[[gnu::always_inline]] inline void* New(Op& op, size_t size, Rest... rest) {
  auto* const next = op.Get();
  if (!op.watched) [[likely]]
    return next(size, rest...);
  if (Next() == nullptr) return AllocateFromStore(size, AlignmentIn(rest...));
  const InNextAllocator call;
  void* const block = next(size, rest...);
  if (block != nullptr && call.outermost()) alkaid_track_malloc(block, size);
  return block;
}

template <typename Op, typename... Rest>
[[gnu::always_inline]] inline void Delete(Op& op, void* ptr, Rest... rest) {
  auto* const next = op.Get();
  if (op.watched && ptr != nullptr) {
    if (IsFromStore(ptr) || Next() == nullptr) return;
    alkaid_track_free(ptr);
    const InNextAllocator call;
    next(ptr, rest...);
    return;
  }
  next(ptr, rest...);
}

}  // namespace

// The operators under their mangled names, as functions: defining the operators themselves would
// need more than the C++ library.
extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier): these are the names
ALKAID_EXPORT void* _Znwm(size_t size) { return New(op_new, size); }
ALKAID_EXPORT void* _Znam(size_t size) { return New(op_new_array, size); }
ALKAID_EXPORT void* _ZnwmRKSt9nothrow_t(size_t size, const std::nothrow_t* tag) {
  return New<decltype(op_new_nothrow), Nothrow>(op_new_nothrow, size, *tag);
}
ALKAID_EXPORT void* _ZnamRKSt9nothrow_t(size_t size, const std::nothrow_t* tag) {
  return New<decltype(op_new_array_nothrow), Nothrow>(op_new_array_nothrow, size, *tag);
}
ALKAID_EXPORT void* _ZnwmSt11align_val_t(size_t size, std::align_val_t alignment) {
  return New(op_new_align, size, alignment);
}
ALKAID_EXPORT void* _ZnamSt11align_val_t(size_t size, std::align_val_t alignment) {
  return New(op_new_array_align, size, alignment);
}
ALKAID_EXPORT void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, std::align_val_t alignment,
                                                       const std::nothrow_t* tag) {
  return New<decltype(op_new_align_nothrow), Align, Nothrow>(op_new_align_nothrow, size, alignment,
                                                             *tag);
}
ALKAID_EXPORT void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t size, std::align_val_t alignment,
                                                       const std::nothrow_t* tag) {
  return New<decltype(op_new_array_align_nothrow), Align, Nothrow>(op_new_array_align_nothrow, size,
                                                                   alignment, *tag);
}
ALKAID_EXPORT void _ZdlPv(void* ptr) { Delete(op_delete, ptr); }
ALKAID_EXPORT void _ZdaPv(void* ptr) { Delete(op_delete_array, ptr); }
ALKAID_EXPORT void _ZdlPvm(void* ptr, size_t size) { Delete(op_delete_sized, ptr, size); }
ALKAID_EXPORT void _ZdaPvm(void* ptr, size_t size) { Delete(op_delete_array_sized, ptr, size); }
ALKAID_EXPORT void _ZdlPvRKSt9nothrow_t(void* ptr, const std::nothrow_t* tag) {
  Delete<decltype(op_delete_nothrow), Nothrow>(op_delete_nothrow, ptr, *tag);
}
ALKAID_EXPORT void _ZdaPvRKSt9nothrow_t(void* ptr, const std::nothrow_t* tag) {
  Delete<decltype(op_delete_array_nothrow), Nothrow>(op_delete_array_nothrow, ptr, *tag);
}
ALKAID_EXPORT void _ZdlPvSt11align_val_t(void* ptr, std::align_val_t alignment) {
  Delete(op_delete_align, ptr, alignment);
}
ALKAID_EXPORT void _ZdaPvSt11align_val_t(void* ptr, std::align_val_t alignment) {
  Delete(op_delete_array_align, ptr, alignment);
}
ALKAID_EXPORT void _ZdlPvmSt11align_val_t(void* ptr, size_t size, std::align_val_t alignment) {
  Delete(op_delete_sized_align, ptr, size, alignment);
}
ALKAID_EXPORT void _ZdaPvmSt11align_val_t(void* ptr, size_t size, std::align_val_t alignment) {
  Delete(op_delete_array_sized_align, ptr, size, alignment);
}
ALKAID_EXPORT void _ZdlPvSt11align_val_tRKSt9nothrow_t(void* ptr, std::align_val_t alignment,
                                                       const std::nothrow_t* tag) {
  Delete<decltype(op_delete_align_nothrow), Align, Nothrow>(op_delete_align_nothrow, ptr, alignment,
                                                            *tag);
}
ALKAID_EXPORT void _ZdaPvSt11align_val_tRKSt9nothrow_t(void* ptr, std::align_val_t alignment,
                                                       const std::nothrow_t* tag) {
  Delete<decltype(op_delete_array_align_nothrow), Align, Nothrow>(op_delete_array_align_nothrow,
                                                                  ptr, alignment, *tag);
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
