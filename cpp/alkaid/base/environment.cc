#include "alkaid/base/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "alkaid/base/similar_word.h"

namespace alkaid::internal {
namespace {

constexpr std::string_view kPrefix = "ALKAID_";

std::vector<EnvironmentVariable> MakeVariables() {
  return {
      {kDefaultMemoryPoolVariable,
       "the backend of the default memory pool: mimalloc, jemalloc, system, or one that the "
       "program "
       "registered; case counts",
       ReadAt::kFirstUse, /*counts_when_raised=*/true},
      {kDebugMemoryPoolVariable,
       "checks every block of pools and the bytes around it; on a fault abort, trap or warn; none "
       "is "
       "off",
       ReadAt::kFirstUse},
      {kGuardedSamplingVariable,
       "places some blocks between pages that nobody can touch, so that a use after free or an "
       "overrun stops there: 1000 is one allocation in 1000, 64MiB one for each 64 MiB, 1000,64MiB "
       "both; not set, or 0, is none",
       ReadAt::kFirstUse},
      {kReadQueueVariable,
       "how files are read ahead: io_uring, threads or inline; not set is io_uring where the "
       "kernel "
       "grants it, else threads",
       ReadAt::kEachUse},
      {kTrackAllocationsVariable,
       "keeps a table of live allocations from the start: 1, or a list such as "
       "sample:524288,frames=16,unwinder=fp,views; not set, or 0, is off",
       ReadAt::kLoad},
      {kHeapAtExitVariable,
       "a file of what is live when the process ends: %p becomes the process id; not set is none; "
       "live memory is tracked for it",
       ReadAt::kLoad},
      {kHeapOwnerVariable,
       "the id of the process that the names of heap files and leak profiles are meant for, set by "
       "alkaid run: others append their own id to a name without %p; not set is any",
       ReadAt::kLoad},
      {kHeapSignalVariable,
       "the signal that asks for a file of what is live now, such as USR2; not set is none",
       ReadAt::kLoad},
      {kHeapFileVariable,
       "the name of the files that the signal asks for: %p becomes the process id and %n the "
       "file's "
       "number; not set is alkaid-heap.%p.%n",
       ReadAt::kLoad},
      {kHeapAtStampsVariable,
       "the numbers, from 1, of the stamps at which the process writes a heap file of the name "
       "that "
       "the signal's have, such as 11,100; a program stamps by growth::StampEvent; not set is none",
       ReadAt::kLoad},
      {kExitSignalsVariable,
       "signals, such as TERM or TERM,INT, that end the process only after what is written at exit "
       "is written: heap files, leak profiles, reservations; one that the program handles itself "
       "is "
       "left to it; not set is none",
       ReadAt::kLoad},
      {kTraceGrowthVariable,
       "1: a line on stderr for each growth of a builder; not set, or 0, is none", ReadAt::kLoad},
      {kReservationsVariable,
       "a file of what builders with a label hold at most: reserved from the start; what was "
       "learnt "
       "is written there when the process ends; not set is none",
       ReadAt::kLoad},
      {kLeakProfileVariable,
       "a leak profile, .npy, of one stamp for each event of the process: %p becomes the process "
       "id; "
       "not set is none",
       ReadAt::kLoad},
      {kProfileReleaseAtVariable,
       "the number of the stamp, from 1, at which the leak profile tries what ReleaseUnused gives "
       "back; not set is the end of the process, where the program still holds what it held",
       ReadAt::kLoad},
      {kProfileLeakMbVariable,
       "plants a leak of so many MB of 1,000,000 bytes at each stamp of a leak profile, to see "
       "that "
       "it is found; not set, or 0, is none",
       ReadAt::kFirstUse},
      {kProfileLeakByVariable,
       "what the planted leak is made of: pool is blocks of the default memory pool, malloc is the "
       "C "
       "library's; not set is pool",
       ReadAt::kFirstUse},
      {"ALKAID_CACHE_DIR",
       "where archives and builds of allocators are kept; not set is alkaid in the user's cache",
       ReadAt::kScripts},
      {"ALKAID_JEMALLOC_URL", "a file or URL of jemalloc's archive", ReadAt::kScripts},
      {"ALKAID_MIMALLOC_URL", "a file or URL of mimalloc's archive", ReadAt::kScripts},
      {"ALKAID_TEST_DATA", "a folder of real XTC2 files, for the tests", ReadAt::kScripts},
      {"ALKAID_TEST_PYTHON", "the Python that tests of its lines run", ReadAt::kScripts},
      {"ALKAID_LIFETIMES", "how many objects the test of Python's lifetimes makes",
       ReadAt::kScripts},
      {"ALKAID_BENCH_ARGS", "more arguments for the benchmarks", ReadAt::kScripts},
      {"ALKAID_IN_OWN_MOUNTS", "set by scripts that enter bare systems", ReadAt::kScripts},
  };
}

}  // namespace

const std::vector<EnvironmentVariable>& EnvironmentVariables() {
  static const auto* const variables = new std::vector<EnvironmentVariable>(MakeVariables());
  return *variables;
}

std::string ReadAtText(ReadAt read_at) {
  switch (read_at) {
    case ReadAt::kLoad:
      return "read when the library is loaded";
    case ReadAt::kFirstUse:
      return "read once, at the first use";
    case ReadAt::kEachUse:
      return "read at each use";
    case ReadAt::kScripts:
      return "read by the build and the tests, not by the library";
  }
  return "";
}

std::vector<std::string> UnknownEnvironmentVariables() {
  std::vector<std::string> sentences;
  std::vector<std::string> known;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with(kPrefix)) continue;
    const std::string name(text.substr(0, text.find('=')));
    if (GetEnvironment(name.c_str()).empty()) continue;
    if (known.empty()) {
      for (const EnvironmentVariable& one : EnvironmentVariables()) {
        known.push_back(one.name.substr(kPrefix.size()));
      }
    }
    const std::string rest = name.substr(kPrefix.size());
    if (std::ranges::find(known, rest) != known.end()) continue;
    const std::string meant = SimilarWord(rest, known);
    sentences.push_back(
        name + " is set, and is no variable of Alkaid" +
        (meant.empty() ? "" : "; did you mean " + (std::string(kPrefix) + meant) + "?"));
  }
  return sentences;
}

std::string GetEnvironment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value == nullptr ? "" : value;
}

std::string GetEnvironment(const char* name, const std::vector<std::string>& harmless) {
  const char* value = std::getenv(name);
  if (value == nullptr) return "";
  return std::ranges::find(harmless, value) != harmless.end() ? value : GetEnvironment(name);
}

}  // namespace alkaid::internal
