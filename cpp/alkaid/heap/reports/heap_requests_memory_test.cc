// Heap files that are requested when memory is exhausted. Each case runs in a separate process, in
// which operator new fails on demand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_requests.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/run_all_tests.h"

namespace {

// How many more blocks operator new gives; below 0: any number.
std::atomic<int64_t> blocks_left{-1};

[[maybe_unused]] void* New(std::size_t size) {
  if (blocks_left.load() >= 0) {
    if (blocks_left.load() == 0) throw std::bad_alloc();
    blocks_left.fetch_sub(1);
  }
  void* const block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((visibility("default"))) void* operator new(std::size_t size) { return New(size); }
__attribute__((visibility("default"))) void operator delete(void* block) noexcept {
  std::free(block);
}
__attribute__((visibility("default"))) void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
#endif

namespace alkaid::heap {
namespace {

namespace fs = std::filesystem;
using internal::ChildResult;
using internal::kMallocIsSanitizers;
using internal::RunSelf;
using ::testing::HasSubstr;

constexpr int64_t kKept = 123'456;

// The children's part.

void Keep() {
  uint8_t* block = nullptr;
  if (!system_memory_pool()->Allocate(kKept, &block).ok()) ::abort();
}

// Takes all memory that malloc gives, to the last block.
void TakeAll() {
  void** last = nullptr;
  for (size_t size = size_t{16} << 20; size >= 24; size /= 2) {
    while (void* const block = std::malloc(size)) {
      *static_cast<void**>(block) = last;
      last = static_cast<void**>(block);
    }
  }
}

size_t AddressSpace() {
  char text[64] = "";
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fgets(text, sizeof(text), file) == nullptr) ::abort();
  std::fclose(file);
  return std::strtoull(text, nullptr, 10) * static_cast<size_t>(::getpagesize());
}

// Allocates tracked blocks, then takes all other memory.
void Fill(int64_t blocks) {
  for (int64_t i = 0; i < blocks; ++i) {
    uint8_t* block = nullptr;
    if (!system_memory_pool()->Allocate(16 + i % 7, &block).ok()) ::abort();
  }
  Keep();
  const size_t limit = AddressSpace() + (size_t{40} << 20);
  const rlimit bound = {limit, limit};
  if (::setrlimit(RLIMIT_AS, &bound) != 0) ::abort();
  TakeAll();
}

// Makes stderr a pipe, and reads the answers to requests from it line by line.
class Answers {
 public:
  Answers() {
    if (::pipe(ends_) != 0 || ::dup2(ends_[1], STDERR_FILENO) < 0) ::abort();
  }
  // The next line without its end. Allocates nothing.
  const char* Next() {
    size_t length = 0;
    while (length + 1 < sizeof(line_) && ::read(ends_[0], line_ + length, 1) == 1 &&
           line_[length] != '\n') {
      ++length;
    }
    line_[length] = '\0';
    return line_;
  }

 private:
  int ends_[2];
  char line_[1024];
};

bool Has(const char* line, const char* text) {
  return std::string_view(line).find(text) != std::string_view::npos;
}

int FillAndSignal(const char* blocks) {
  Fill(std::atoll(blocks));
  Answers answers;
  for (int i = 0; i < 3; ++i) {
    ::raise(SIGUSR2);
    const char* const line = answers.Next();
    if (!Has(line, "live blocks written to")) {
      std::printf("%s\n", line);
      return 4;
    }
  }
  return 3;
}

int FillAndEnd(const char* blocks) {
  Fill(std::atoll(blocks));
  return 3;
}

// Other threads take the reserve as it is released.
int FillAndGoOnFilling() {
  static std::atomic<bool> begin{false};
  for (int i = 0; i < 2; ++i) {
    std::thread([] {
      begin.wait(false);
      while (true) TakeAll();
    }).detach();
  }
  Fill(100);
  begin = true;
  begin.notify_all();
  Answers answers;
  for (int i = 0; i < 20; ++i) {
    ::raise(SIGUSR2);
    const char* const line = answers.Next();
    if (Has(line, "live blocks written to") || Has(line, "alkaid: no heap file ")) continue;
    std::printf("%s\n", line);
    return 4;
  }
  ::_exit(3);  // not exit: another thread may hold malloc's lock
}

// For each request operator new gives one block more, from none on, until the file is written.
int FailAtEachPoint() {
  Keep();
  Answers answers;
  int refused = 0;
  for (;; ++refused) {
    blocks_left = refused;
    ::raise(SIGUSR2);
    const char* const line = answers.Next();
    blocks_left = -1;
    if (Has(line, "live blocks written to")) break;
    // The line has the file's name, with its number in place of %n.
    if (!Has(line, "alkaid: no heap file ") || Has(line, "%n") || refused > 5000) {
      std::printf("%d: %s\n", refused, line);
      return 4;
    }
  }
  std::printf("refused %d times\n", refused);
  return refused > 20 ? 3 : 5;
}

int FailAndEnd(const char* blocks) {
  Keep();
  std::fflush(stdout);
  blocks_left = std::atoll(blocks);
  return 3;
}

int RunAsChild(const std::string& what, char** arguments) {
  if (what == "fill-signal") return FillAndSignal(arguments[0]);
  if (what == "fill-end") return FillAndEnd(arguments[0]);
  if (what == "fill-on") return FillAndGoOnFilling();
  if (what == "fail-signal") return FailAtEachPoint();
  if (what == "fail-end") return FailAndEnd(arguments[0]);
  return 99;
}

// The parent's part.

class HeapRequestsShortOfMemory : public ::testing::Test {
 protected:
  HeapRequestsShortOfMemory() {
    std::string folder = ::testing::TempDir() + "/alkaid_heap_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) ::abort();
    folder_ = folder;
  }
  ~HeapRequestsShortOfMemory() override { fs::remove_all(folder_); }

  void SetUp() override {
    if (kMallocIsSanitizers) {
      GTEST_SKIP() << "a sanitizer takes more address space than any limit, and operator new";
    }
  }

  ChildResult Run(std::vector<std::string> arguments, bool at_exit) const {
    internal::ChildEnvironment environment = {
        {"ALKAID_TRACK_ALLOCATIONS", "1"},   {"ALKAID_DEFAULT_MEMORY_POOL", std::nullopt},
        {"ALKAID_HEAP_OWNER", std::nullopt}, {"ALKAID_HEAP_AT_EXIT", std::nullopt},
        {"ALKAID_HEAP_SIGNAL", "USR2"},      {"ALKAID_HEAP_FILE", File("now.%n")}};
    if (at_exit) environment["ALKAID_HEAP_AT_EXIT"] = File("end");
    return RunSelf(arguments, environment);
  }
  std::string File(const std::string& name) const { return folder_ + "/" + name; }
  int64_t FileCount() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }
  static int64_t KeptIn(const std::string& file) {
    const auto snapshot = ReadHeapFile(file);
    if (!snapshot.ok()) return -1;
    return std::ranges::count(snapshot->blocks(), kKept, &HeapBlock::size);
  }

  std::string folder_;
};

TEST_F(HeapRequestsShortOfMemory, ASignalIsAnsweredByTheFileEachTime) {
  for (const std::string blocks : {"0", "100000"}) {
    const ChildResult child = Run({"fill-signal", blocks}, false);
    EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err << child.out;
    for (const char* name : {"now.1", "now.2", "now.3"}) EXPECT_EQ(KeptIn(File(name)), 1);
  }
}

TEST_F(HeapRequestsShortOfMemory, AtExitTheFileIsWrittenAndTheExitCodeStays) {
  for (const std::string blocks : {"0", "100000"}) {
    const ChildResult child = Run({"fill-end", blocks}, true);
    EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
    EXPECT_EQ(child.err, "");
    EXPECT_EQ(KeptIn(File("end")), 1);
  }
}

// A heap that is too large for the reserve.
TEST_F(HeapRequestsShortOfMemory, AHeapThatFindsNoRoomIsALine) {
  const ChildResult child = Run({"fill-end", "600000"}, true);
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  EXPECT_THAT(child.err, HasSubstr("alkaid: no heap file " + File("end") + ": "));
  EXPECT_EQ(std::ranges::count(child.err, '\n'), 1);
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(HeapRequestsShortOfMemory, WhereOthersTakeTheReserveThereIsAFileOrALine) {
  const ChildResult child = Run({"fill-on"}, false);
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err << child.out;
  for (const auto& entry : fs::directory_iterator(folder_)) EXPECT_EQ(KeptIn(entry.path()), 1);
}

TEST_F(HeapRequestsShortOfMemory, WhereverAnAllocationFailsASignalIsAnsweredByALine) {
  const ChildResult child = Run({"fail-signal"}, false);
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err << child.out;
  // From the last request.
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(HeapRequestsShortOfMemory, WhereverAnAllocationFailsTheExitCodeStays) {
  int lines = 0;
  for (int64_t blocks = 0; FileCount() == 0; blocks += 1 + blocks / 5) {
    ASSERT_LT(blocks, 100'000);
    const ChildResult child = Run({"fail-end", std::to_string(blocks)}, true);
    ASSERT_TRUE(child.ExitedWith(3)) << blocks << ": " << child.status << child.err;
    if (FileCount() != 0) {
      EXPECT_EQ(child.err, "");
      continue;
    }
    EXPECT_THAT(child.err, HasSubstr("alkaid: no heap file " + File("end") + ": "));
    EXPECT_EQ(std::ranges::count(child.err, '\n'), 1) << child.err;
    ++lines;
  }
  EXPECT_GT(lines, 5);
  EXPECT_EQ(KeptIn(File("end")), 1);
}

}  // namespace
}  // namespace alkaid::heap

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[0]) == "child") {
    return alkaid::heap::RunAsChild(argv[1], argv + 2);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
