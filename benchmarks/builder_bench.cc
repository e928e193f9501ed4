// What does a builder cost compared with std::vector? A million appends without reserved room on
// either side.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/pools/memory_pool.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

constexpr int64_t kLength = 1'000'000;
constexpr int64_t kMaxReallocations = 20;

// Both sides read the values from memory, so that the compiler cannot know them. Bytes for bool.
template <typename T>
using Input = std::vector<std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>>;

std::vector<int32_t> Integers() {
  std::vector<int32_t> values(kLength);
  std::mt19937 random(1);
  for (int32_t& value : values) value = static_cast<int32_t>(random());
  return values;
}

std::vector<uint8_t> EveryThirdBit() {
  std::vector<uint8_t> values(kLength);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i % 3 == 0;
  return values;
}

std::vector<uint8_t> RandomBits() {
  std::vector<uint8_t> values(kLength);
  std::mt19937 random(1);
  for (uint8_t& value : values) value = random() & 1;
  return values;
}

void RequireSame(const TypedBufferBuilder<int32_t>& builder, const Input<int32_t>& values) {
  Require(std::equal(values.begin(), values.end(), builder.data()), "the builder holds others");
}

void RequireSame(const TypedBufferBuilder<bool>& builder, const Input<bool>& values) {
  bool same = true;
  for (size_t i = 0; i < values.size(); ++i) {
    same &= (builder.data()[i / 8] >> (i % 8) & 1) == values[i];
  }
  Require(same, "the builder holds other bits");
}

template <typename T>
void AppendToVector(const Input<T>& values, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    std::vector<T> out;
    for (const auto value : values) out.push_back(static_cast<T>(value));
    benchmark::DoNotOptimize(out);
    benchmark::ClobberMemory();
    if (static_cast<int64_t>(out.size()) != kLength) std::abort();
  }
}

template <typename T>
void AppendToBuilder(MemoryPool* pool, const Input<T>& values, int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    TypedBufferBuilder<T> out(pool);
    for (const auto value : values) {
      if (!out.Append(static_cast<T>(value)).ok()) [[unlikely]]
        std::abort();
    }
    benchmark::DoNotOptimize(out);
    benchmark::ClobberMemory();
    if (out.length() != kLength) std::abort();
  }
}

// Also checks that the builder holds what was appended.
template <typename T>
int64_t CountReallocations(MemoryPool* pool, const Input<T>& values) {
  // As the pool sees it: the first allocation, and every growing reallocation.
  const int64_t before = pool->num_allocations();
  TypedBufferBuilder<T> out(pool);
  for (const auto value : values) RequireOk(out.Append(static_cast<T>(value)), "append");
  RequireSame(out, values);
  const int64_t allocations = pool->num_allocations() - before;
  Require(allocations >= 1, "the builder's bytes are not from the pool");
  return allocations - 1;
}

template <typename T>
void RegisterBuilders(const std::string& type, const std::string& pattern, double factor,
                      const Input<T>& input) {
  const auto values = std::make_shared<const Input<T>>(input);
  ForEachRawAllocator([&](auto raw) {
    const std::string backend = decltype(raw)::kName;
    MemoryPool* const pool = PoolOver(backend);
    Register(
        {.name = "append/" + type + "/" + pattern + "/" + backend,
         .question = "TypedBufferBuilder<" + type + ">::Append beside push_back",
         .variant = pattern + ", " + backend,
         .measured = [values, pool](int64_t times) { AppendToBuilder<T>(pool, *values, times); },
         .floor = [values](int64_t times) { AppendToVector<T>(*values, times); },
         .bars = {Bar::Times(factor), Bar::Count("reallocations", kMaxReallocations)},
         .items = kLength,
         .after =
             [values, pool](int64_t, benchmark::UserCounters* counters) {
               (*counters)["reallocations"] =
                   static_cast<double>(CountReallocations<T>(pool, *values));
             }});
  });
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  RegisterBuilders<int32_t>("int32_t", "random", 1.1, Integers());
  RegisterBuilders<bool>("bool", "random", 1.0, RandomBits());
  RegisterBuilders<bool>("bool", "every third set", 1.0, EveryThirdBit());
  return RunBenchmarks(argc, argv);
}
