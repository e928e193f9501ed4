// Structs of options and results whose first member is their size, from older and newer programs.
//
// Ownership: copies values; pointers in them stay the caller's. Threads: pure functions. Out of
// memory: only messages allocate.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::c {

// A larger size means that the program has not set the member, or passed another struct.
inline constexpr size_t kMaxStructBytes = 4096;

// kInvalidArgument, naming the struct, if `size` is invalid, or if a byte after the `known` ones is
// not zero; names that byte.
ALKAID_EXPORT Status CheckStruct(const char* name, const void* given, size_t size, size_t known);

// The program's options; members that it does not know are 0.
template <typename T>
Result<T> ReadOptions(const char* name, const T* given) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kMaxStructBytes);
  T options = {};
  if (given == nullptr) return options;
  const size_t size = given->struct_size;
  ALKAID_RETURN_NOT_OK(CheckStruct(name, given, size, sizeof(T)));
  std::memcpy(&options, given, std::min(size, sizeof(T)));
  return options;
}

// Copies the members of `result` that the program knows, and keeps its struct_size.
template <typename T>
Status WriteResult(const char* name, const T& result, T* out) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kMaxStructBytes);
  const size_t size = out->struct_size;
  ALKAID_RETURN_NOT_OK(CheckStruct(name, nullptr, size, sizeof(T)));
  auto* const bytes = reinterpret_cast<uint8_t*>(out);
  const size_t known = std::min(size, sizeof(T));
  std::memcpy(bytes + sizeof(size_t), reinterpret_cast<const uint8_t*>(&result) + sizeof(size_t),
              known - sizeof(size_t));
  if (size > known) std::memset(bytes + known, 0, size - known);
  return absl::OkStatus();
}

}  // namespace alkaid::c
