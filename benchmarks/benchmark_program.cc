#include "benchmark_program.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "alkaid/base/version.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "turns.h"

namespace alkaid::bench {
namespace {

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

}  // namespace

Bar Bar::Above(double ns) { return {"above " + Number(ns)}; }
Bar Bar::Times(double factor) { return {"times " + Number(factor)}; }
Bar Bar::Speed(double share) { return {"speed " + Number(share)}; }
Bar Bar::Most(double ns) { return {"most " + Number(ns)}; }
Bar Bar::Count(const std::string& name, int64_t most) {
  return {"count " + name + " " + std::to_string(most)};
}

void Require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "benchmark: %s\n", what.c_str());
  std::abort();
}

void RequireOk(const Status& status, const std::string& what) {
  Require(status.ok(), what + ": " + status.ToString());
}

std::string SizeName(int64_t bytes) {
  if (bytes >= 1 << 20) return std::to_string(bytes >> 20) + " MiB";
  if (bytes >= 1 << 10) return std::to_string(bytes >> 10) + " KiB";
  return std::to_string(bytes) + " B";
}

void Register(const Case& measured) {
  std::string label = "question=" + measured.question + ";variant=" + measured.variant;
  for (const Bar& bar : measured.bars) label += ";bar=" + bar.text;
  auto turns = std::make_shared<Turns>(measured);
  auto* registered =
      benchmark::RegisterBenchmark(measured.name.c_str(), [label, turns](benchmark::State& state) {
        turns->Run(state);
        state.SetLabel(label);
      });
  // By the clock, since processor time would hide threads that wait for each other.
  registered->UseManualTime();
  if (measured.threads > 1) registered->Threads(measured.threads);
}

int RunBenchmarks(int argc, char** argv) {
  const char* debug_mode = std::getenv("ALKAID_DEBUG_MEMORY_POOL");
  Require(debug_mode == nullptr || *debug_mode == '\0' || std::string(debug_mode) == "none",
          "ALKAID_DEBUG_MEMORY_POOL is set: pools in debug mode are not what is measured");
  // Until a process has its first thread, copies of a shared_ptr need no locked instructions.
  std::thread([] {}).join();

  std::vector<std::string> flags = {argv[0], "--benchmark_enable_random_interleaving=true",
                                    "--benchmark_repetitions=9", "--benchmark_min_time=0.02"};
  flags.insert(flags.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (std::string& flag : flags) pointers.push_back(flag.data());
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 1;

  benchmark::AddCustomContext("alkaid_version", Version());
  for (const MemoryBackend& backend : MemoryBackends()) {
    benchmark::AddCustomContext("backend_" + backend.name, backend.version);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace alkaid::bench
