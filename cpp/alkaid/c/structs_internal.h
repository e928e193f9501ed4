// Structs of options and of results whose first member is their size, from programs of any age.
//
// Ownership: copies values; pointers in them stay the caller's. Threads: pure functions. Out of
// memory: messages alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::c {

// A program that states more has not set the member, or means another struct.
inline constexpr size_t kMostStructBytes = 4096;

// kInvalidArgument, naming the struct, where `size` is none; where `known` bytes are known and a
// byte after them is not zero, naming it.
ALKAID_EXPORT Status CheckStruct(const char* name, const void* given, size_t size, size_t known);

// The options that the program gave, all that it does not know 0.
template <typename T>
Result<T> ReadOptions(const char* name, const T* given) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kMostStructBytes);
  T options = {};
  if (given == nullptr) return options;
  const size_t size = given->struct_size;
  ALKAID_RETURN_NOT_OK(CheckStruct(name, given, size, sizeof(T)));
  std::memcpy(&options, given, std::min(size, sizeof(T)));
  return options;
}

// Copies the members of `result` as far as the program knows them, and leaves its struct_size.
template <typename T>
Status WriteResult(const char* name, const T& result, T* out) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kMostStructBytes);
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
