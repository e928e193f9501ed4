// Memory pools of both libraries: Arrow's memory from an Alkaid pool, and Alkaid's from an Arrow
// pool.
//
//   alkaid::LabelledMemoryPool labelled(alkaid::default_memory_pool(),
//                                       alkaid::Label::Intern("tables"));
//   alkaid::interop::ArrowMemoryPool pool(&labelled);
//   arrow::Int64Builder builder(&pool);  // its blocks have the label, in every report
//
// Not part of alkaid/interop.h: it needs Arrow's headers, and the program links both libraries. It
// is header-only, so that it fits the Arrow that the program is compiled with; tested with Arrow
// 26. On either side the Alkaid pool emits the memory events, so each block is seen once. A pool
// that is wrapped there and back is listed once, as the outer pool's.
//
// Ownership: both borrow the pool that they wrap, or share it when given a shared_ptr. Arrow's
// buffers keep a plain pointer to their pool, which must outlive them.
// Threads: all functions, from any thread, as far as the wrapped pool allows.
// Out of memory: arrow::Status::OutOfMemory and kResourceExhausted are converted into each other,
// with their text. Nothing is thrown into Arrow: std::bad_alloc of a program's own pool also
// becomes OutOfMemory, any other std::exception UnknownError.
#pragma once

#ifdef arrow
#error "alkaid/interop/arrow_pool.h needs Arrow itself, and -Darrow=alkaid renames it"
#endif
#if !__has_include(<arrow/memory_pool.h>)
#error "alkaid/interop/arrow_pool.h needs the headers of Apache Arrow C++ in the include path"
#endif

#include <arrow/memory_pool.h>
#include <arrow/status.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "alkaid/base/status.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid::interop {

// The same failure as an Arrow status. If Arrow has no code for it, it is UnknownError, and the
// text begins with Alkaid's name of the code.
inline ::arrow::Status ToArrowStatus(const Status& status) try {
  const std::string text(status.message());
  switch (status.code()) {
    case StatusCode::kOk:
      return ::arrow::Status::OK();
    case StatusCode::kResourceExhausted:
      return ::arrow::Status::OutOfMemory(text);
    case StatusCode::kInvalidArgument:
      return ::arrow::Status::Invalid(text);
    case StatusCode::kOutOfRange:
      return ::arrow::Status::IndexError(text);
    case StatusCode::kUnimplemented:
      return ::arrow::Status::NotImplemented(text);
    case StatusCode::kNotFound:
      return ::arrow::Status::KeyError(text);
    case StatusCode::kAlreadyExists:
      return ::arrow::Status::AlreadyExists(text);
    case StatusCode::kCancelled:
      return ::arrow::Status::Cancelled(text);
    default:
      return ::arrow::Status::UnknownError(status.ToString());
  }
} catch (const std::bad_alloc&) {
  return ::arrow::Status::OutOfMemory("");
}

// The same failure as an Alkaid status. If there is no code for it, it is kUnknown, and the text
// begins with Arrow's name of the code.
inline Status FromArrowStatus(const ::arrow::Status& status) try {
  const std::string& text = status.message();
  switch (status.code()) {
    case ::arrow::StatusCode::OK:
      return absl::OkStatus();
    case ::arrow::StatusCode::OutOfMemory:
    case ::arrow::StatusCode::CapacityError:
      return status::OutOfMemory(text);
    case ::arrow::StatusCode::Invalid:
      return status::Invalid(text);
    case ::arrow::StatusCode::IndexError:
      return status::IndexError(text);
    case ::arrow::StatusCode::NotImplemented:
      return status::NotImplemented(text);
    case ::arrow::StatusCode::KeyError:
      return status::KeyError(text);
    case ::arrow::StatusCode::AlreadyExists:
      return status::AlreadyExists(text);
    case ::arrow::StatusCode::Cancelled:
      return absl::CancelledError(text);
    default:
      return absl::UnknownError(status.ToString());
  }
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// An arrow::MemoryPool over a pool of Alkaid's, or of the program's. The wrapped pool checks sizes,
// alignments and limits, and the figures are its own. To count Arrow's memory alone, wrap a
// ProxyMemoryPool.
class ArrowMemoryPool : public ::arrow::MemoryPool {
 public:
  explicit ArrowMemoryPool(PoolHandle pool) : pool_(std::move(pool)) {}

  using ::arrow::MemoryPool::Allocate;
  using ::arrow::MemoryPool::Free;
  using ::arrow::MemoryPool::Reallocate;

  ::arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    return Translated([&] {
      ALKAID_RETURN_NOT_OK(alkaid::internal::CheckArguments("allocate", size, alignment));
      return alkaid::internal::AllocateChecked(pool_.get(), size, alignment, out);
    });
  }
  ::arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                             uint8_t** ptr) override {
    return Translated([&] {
      ALKAID_RETURN_NOT_OK(alkaid::internal::CheckArguments("reallocate to", new_size, alignment));
      return alkaid::internal::ReallocateChecked(pool_.get(), old_size, new_size, alignment, ptr);
    });
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    pool_->Free(buffer, size, alignment);
  }
  void ReleaseUnused() override { pool_->ReleaseUnused(); }
  void PrintStats() override { pool_->PrintStats(); }

  int64_t bytes_allocated() const override { return pool_->bytes_allocated(); }
  int64_t max_memory() const override { return pool_->max_memory(); }
  int64_t total_bytes_allocated() const override { return pool_->total_bytes_allocated(); }
  int64_t num_allocations() const override { return pool_->num_allocations(); }
  std::string backend_name() const override { return pool_->backend_name(); }

  alkaid::MemoryPool* pool() const { return pool_.get(); }

 private:
  template <typename Call>
  static ::arrow::Status Translated(const Call& call) try {
    const Status status = call();
    if (status.ok()) [[likely]]
      return ::arrow::Status::OK();
    return ToArrowStatus(status);
  } catch (const std::bad_alloc&) {
    return ToArrowStatus(status::NoMemory());
  } catch (const std::exception& thrown) {
    return ::arrow::Status::UnknownError(thrown.what());
  }

  PoolHandle pool_;
};

namespace internal {

// The Allocator of BaseMemoryPoolImpl, over an Arrow pool.
class ArrowAllocator {
 public:
  explicit ArrowAllocator(std::shared_ptr<::arrow::MemoryPool> pool) : pool_(std::move(pool)) {}

  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    uint8_t* block = nullptr;
    const ::arrow::Status status = pool_->Allocate(size, Granted(alignment), &block);
    if (!status.ok()) return FromArrowStatus(status);
    if (!alkaid::internal::IsAlignedBlock(block, alignment)) [[unlikely]] {
      Status refused = status::OutOfMemory(name(), " answered OK with a block at 0x",
                                           absl::Hex(reinterpret_cast<uintptr_t>(block)), " for ",
                                           size, " bytes aligned to ", alignment);
      if (block != nullptr) pool_->Free(block, size, Granted(alignment));
      return refused;
    }
    *out = block;
    return absl::OkStatus();
  }
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    uint8_t* block = *ptr;
    const ::arrow::Status status =
        pool_->Reallocate(old_size, new_size, Granted(alignment), &block);
    if (!status.ok()) return FromArrowStatus(status);
    *ptr = block;
    return absl::OkStatus();
  }
  void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment) {
    pool_->Free(ptr, size, Granted(alignment));
  }
  void ReleaseUnused() { pool_->ReleaseUnused(); }
  void PrintStats() { pool_->PrintStats(); }
  std::string name() const { return "arrow:" + pool_->backend_name(); }

  ::arrow::MemoryPool* pool() const { return pool_.get(); }

 private:
  // Arrow's pools refuse alignments below that of a pointer.
  static int64_t Granted(int64_t alignment) { return std::max(alignment, kDefaultBufferAlignment); }

  std::shared_ptr<::arrow::MemoryPool> pool_;
};

}  // namespace internal

// An Alkaid pool over an Arrow pool, such as arrow::default_memory_pool(): to register as a
// backend, to cap, to label, to track. Its name is "arrow:" and the Arrow pool's name. Its figures
// count what went through it; the Arrow pool's change with them. Requests for zero bytes, and those
// that no pool grants, do not reach the Arrow pool.
class MemoryPoolOverArrow : public BaseMemoryPoolImpl<internal::ArrowAllocator> {
 public:
  explicit MemoryPoolOverArrow(::arrow::MemoryPool* pool)
      : MemoryPoolOverArrow(std::shared_ptr<::arrow::MemoryPool>(std::shared_ptr<void>(), pool)) {}
  explicit MemoryPoolOverArrow(std::shared_ptr<::arrow::MemoryPool> pool)
      : BaseMemoryPoolImpl(internal::ArrowAllocator(std::move(pool))) {}

  ::arrow::MemoryPool* arrow_pool() { return allocator()->pool(); }
};

}  // namespace alkaid::interop
