#include "alkaid/base/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "alkaid/base/printable_text.h"
#include "alkaid/base/similar_word.h"

namespace alkaid::internal {
namespace {

constexpr std::string_view kPrefix = "ALKAID_";
constexpr size_t kMaxNameLength = 80;

struct Row {
  const char* name;
  const char* meaning;
  ReadAt read_at;
  bool counts_when_raised = false;
};

// Looking a name up at load allocates nothing: the program's heap lies as it would.
constexpr Row kRows[] = {
    {kDefaultMemoryPoolVariable,
     "the backend of the default memory pool: mimalloc, jemalloc, system, or one that the "
     "program registered; case-sensitive",
     ReadAt::kFirstUse, /*counts_when_raised=*/true},
    {kDebugMemoryPoolVariable,
     "checks every block of pools and the bytes around it; on a fault abort, trap or warn; "
     "unset or none: off",
     ReadAt::kFirstUse},
    {kGuardedSamplingVariable,
     "places some blocks between inaccessible pages, so that a use after free or an overrun "
     "stops there: 1000 is one allocation in 1000, 64MiB one for each 64 MiB, 1000,64MiB "
     "both; unset or 0: none",
     ReadAt::kFirstUse},
    {kReadQueueVariable,
     "how files are read ahead: io_uring, threads or inline; unset: io_uring if the kernel "
     "permits it, else threads",
     ReadAt::kEachUse},
    {kTrackAllocationsVariable,
     "keeps a table of live allocations from the start: 1, or a list such as "
     "sample:524288,frames=16,unwinder=fp,views; unset or 0: off",
     ReadAt::kLoad},
    {kHeapAtExitVariable,
     "a file of what is live when the process ends, for which live memory is tracked; %p "
     "becomes the process id; unset: none",
     ReadAt::kLoad},
    {kHeapOwnerVariable,
     "the id of the process for which the names of heap files and leak profiles are meant, "
     "set by alkaid run: other processes append their id to a name without %p; unset: any",
     ReadAt::kLoad},
    {kHeapSignalVariable,
     "the signal that requests a file of what is live now, such as USR2; unset: none",
     ReadAt::kLoad},
    {kHeapFileVariable,
     "the name of the files that the signal requests: %p becomes the process id, %n the "
     "number of the file; unset: alkaid-heap.%p.%n",
     ReadAt::kLoad},
    {kHeapAtStampsVariable,
     "the numbers, from 1, of the stamps at which the process writes a heap file, such as "
     "11,100; its name is that of the files by signal; a program stamps by "
     "growth::StampEvent; unset: none",
     ReadAt::kLoad},
    {kExitSignalsVariable,
     "signals, such as TERM or TERM,INT, that end the process only after the files at exit "
     "are written: heap files, leak profiles, reservations; a signal that the program "
     "handles is left to it; unset: none",
     ReadAt::kLoad},
    {kTraceGrowthVariable, "1: a line on stderr for each growth of a builder; unset or 0: none",
     ReadAt::kLoad},
    {kReservationsVariable,
     "a file of the largest sizes of labelled builders: they are reserved from the start, "
     "and the file is updated when the process ends; unset: none",
     ReadAt::kLoad},
    {kLeakProfileVariable,
     "a leak profile, .npy, with one stamp for each event of the process; %p becomes the "
     "process id; unset: none",
     ReadAt::kLoad},
    {kProfileReleaseAtVariable,
     "the number of the stamp, from 1, at which the leak profile tries ReleaseUnused; unset: "
     "the end of the process, where the program still holds what it held",
     ReadAt::kLoad},
    {kProfileLeakMbVariable,
     "plants a leak of so many MB (1,000,000 bytes) at each stamp of a leak profile, to see "
     "that it is found; unset or 0: none",
     ReadAt::kFirstUse},
    {kProfileLeakByVariable,
     "what the planted leak is made of: pool (blocks of the default memory pool) or malloc "
     "(the C library's); unset: pool",
     ReadAt::kFirstUse},
    {"ALKAID_CACHE_DIR",
     "where archives and builds of allocators are kept; unset: alkaid in the user's cache",
     ReadAt::kScripts},
    {"ALKAID_JEMALLOC_URL", "a file or URL of jemalloc's archive", ReadAt::kScripts},
    {"ALKAID_MIMALLOC_URL", "a file or URL of mimalloc's archive", ReadAt::kScripts},
    {"ALKAID_TEST_DATA", "a folder of real XTC2 files, for the tests", ReadAt::kScripts},
    {"ALKAID_TEST_PYTHON", "the Python that tests of its lines run", ReadAt::kScripts},
    {"ALKAID_LIFETIMES", "how many objects the test of Python's lifetimes makes", ReadAt::kScripts},
    {"ALKAID_BENCH_ARGS", "more arguments for the benchmarks", ReadAt::kScripts},
    {"ALKAID_IN_OWN_MOUNTS", "set by scripts that enter bare systems", ReadAt::kScripts},
};

bool IsKnown(std::string_view name) {
  return std::ranges::any_of(kRows, [name](const Row& row) { return name == row.name; });
}

}  // namespace

const std::vector<EnvironmentVariable>& EnvironmentVariables() {
  static const auto* const variables = [] {
    auto all = std::make_unique<std::vector<EnvironmentVariable>>();
    for (const Row& row : kRows) {
      all->push_back({row.name, row.meaning, row.read_at, row.counts_when_raised});
    }
    return all.release();
  }();
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
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (!name.starts_with(kPrefix) || name.size() == text.size() - 1 || IsKnown(name)) continue;
    // What CMake's find_package looks at.
    if (name.ends_with("_ROOT") || name.ends_with("_DIR")) continue;
    const std::string owned(name);
    if (GetEnvironment(owned.c_str()).empty()) continue;
    std::vector<std::string> known;
    for (const Row& row : kRows) known.emplace_back(row.name + kPrefix.size());
    const std::string meant =
        name.size() > kMaxNameLength ? "" : SimilarWord(name.substr(kPrefix.size()), known);
    std::string sentence =
        CutTo(Printable(name), kMaxNameLength) + " is set, but is not a variable of Alkaid" +
        (meant.empty() ? "" : "; did you mean " + (std::string(kPrefix) + meant) + "?");
    if (std::ranges::find(sentences, sentence) != sentences.end()) continue;
    sentences.push_back(std::move(sentence));
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
