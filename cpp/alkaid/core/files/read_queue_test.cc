#include "alkaid/core/files/read_queue.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/scripted_file.h"

namespace alkaid::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Bytes in which no two ranges are alike.
std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

std::shared_ptr<Buffer> Memory(int64_t size, MemoryPool* pool = default_memory_pool()) {
  auto buffer = AllocateBuffer(size, pool);
  EXPECT_THAT(buffer, IsOk());
  std::memset((*buffer)->mutable_data(), '.', static_cast<size_t>(size));
  return std::move(*buffer);
}

std::string BytesOf(const std::shared_ptr<Buffer>& buffer, const ReadOutcome& outcome) {
  return buffer->ToString().substr(0, static_cast<size_t>(outcome.nbytes));
}

// Fails below 3000, in a different way for each thousand.
Result<int64_t> ReadWithTrouble(int64_t position, int64_t nbytes, void*) {
  if (position < 1000) return status::DataLoss("rust at ", position);
  if (position < 2000) return status::IOError(EIO, "no answer at ", position);
  if (position < 3000) throw std::bad_alloc();
  return nbytes;
}

// Every kind returns what an inline one returns. A new kind costs one line at the end of this
// suite.
class ReadQueueContract : public ::testing::TestWithParam<ReadQueueKind> {
 protected:
  void SetUp() override {
    if (GetParam() == ReadQueueKind::kIoUring && !CheckIoUring().ok()) {
      GTEST_SKIP() << "no io_uring here: " << CheckIoUring().ToString();
    }
    std::string name = ::testing::TempDir() + "alkaid_read_queue_XXXXXX";
    const int fd = ::mkstemp(name.data());
    ASSERT_GE(fd, 0);
    ::close(fd);
    path_ = name;
  }
  void TearDown() override {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  std::unique_ptr<ReadQueue> Queue(int depth) {
    auto queue = ReadQueue::Make(GetParam(), depth);
    EXPECT_THAT(queue, IsOk());
    return std::move(*queue);
  }
  std::shared_ptr<ReadableFile> File(std::string_view bytes, int64_t position = 0) {
    const auto out = FileOutputStream::Open(path_);
    EXPECT_THAT(out, IsOk());
    EXPECT_THAT((*out)->WriteAt(position, bytes.data(), static_cast<int64_t>(bytes.size())),
                IsOk());
    auto file = ReadableFile::Open(path_);
    EXPECT_THAT(file, IsOk());
    return *file;
  }

  std::string path_;
};

TEST_P(ReadQueueContract, SaysWhatItIs) {
  const auto queue = Queue(3);
  EXPECT_EQ(queue->kind(), GetParam());
  EXPECT_EQ(queue->depth(), 3);
  EXPECT_EQ(queue->in_flight(), 0);
}

TEST_P(ReadQueueContract, GivesTheBytesThatPreadGives) {
  const std::string bytes = Pattern(300'000);
  const auto file = File(bytes);
  const auto queue = Queue(8);
  for (const auto& [position, nbytes] : std::vector<std::pair<int64_t, int64_t>>{
           {0, 1}, {0, 300'000}, {1, 4096}, {4095, 2}, {123'457, 99'999}, {299'999, 1}}) {
    const auto buffer = Memory(nbytes);
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket,
                                queue->Submit({file, position, nbytes, buffer}));
    const ReadOutcome outcome = queue->Wait(ticket);
    ALKAID_ASSERT_OK(outcome.status);
    EXPECT_EQ(outcome.nbytes, nbytes);
    std::string expected(static_cast<size_t>(nbytes), '\0');
    ASSERT_EQ(::pread(file->file_descriptor(), expected.data(), expected.size(), position), nbytes);
    EXPECT_TRUE(BytesOf(buffer, outcome) == expected) << position << ' ' << nbytes;
  }
  EXPECT_THAT(file->Tell(), IsOkAndHolds(0));
}

TEST_P(ReadQueueContract, ReadsAtTheEndAreShortAndWriteNoFurther) {
  const std::string bytes = Pattern(10'000);
  const auto file = File(bytes);
  const auto queue = Queue(4);
  for (const auto& [position, got] : std::vector<std::pair<int64_t, int64_t>>{
           {9'000, 1'000}, {9'999, 1}, {10'000, 0}, {50'000, 0}, {INT64_MAX, 0}}) {
    const auto buffer = Memory(5'000);
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket,
                                queue->Submit({file, position, 5'000, buffer}));
    const ReadOutcome outcome = queue->Wait(ticket);
    ALKAID_ASSERT_OK(outcome.status);
    ASSERT_EQ(outcome.nbytes, got) << position;
    EXPECT_EQ(BytesOf(buffer, outcome), got > 0 ? bytes.substr(static_cast<size_t>(position)) : "");
    for (int64_t i = got; i < 5'000; ++i) ASSERT_EQ(buffer->data()[i], '.') << position << ' ' << i;
  }
}

TEST_P(ReadQueueContract, ReadsNothingWhenAskedForNothing) {
  const auto queue = Queue(2);
  const auto empty = File("");
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t none, queue->Submit({empty, 0, 0, Memory(0)}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t some, queue->Submit({empty, 0, 100, Memory(100)}));
  for (const int64_t ticket : {none, some}) {
    const ReadOutcome outcome = queue->Wait(ticket);
    ALKAID_EXPECT_OK(outcome.status);
    EXPECT_EQ(outcome.nbytes, 0);
  }
}

TEST_P(ReadQueueContract, ManyReadsPassThroughAFewPlacesInOrder) {
  const std::string bytes = Pattern(200'000);
  const auto file = File(bytes);
  const auto queue = Queue(8);
  std::deque<std::pair<int64_t, std::shared_ptr<Buffer>>> flying;
  std::string read;
  int64_t last = 0;
  for (int64_t position = 0; position < 200'000 || !flying.empty(); position += 1000) {
    if (flying.size() == 8 || position >= 200'000) {
      const ReadOutcome outcome = queue->Wait(flying.front().first);
      ALKAID_ASSERT_OK(outcome.status);
      read += BytesOf(flying.front().second, outcome);
      flying.pop_front();
    }
    if (position >= 200'000) continue;
    const auto buffer = Memory(1000);
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket,
                                queue->Submit({file, position, 1000, buffer}));
    EXPECT_GT(ticket, last);
    last = ticket;
    flying.emplace_back(ticket, buffer);
  }
  EXPECT_TRUE(read == bytes);
}

TEST_P(ReadQueueContract, ReadsAreWaitedForInAnyOrder) {
  const std::string bytes = Pattern(7 * 3000);
  const auto file = File(bytes);
  const auto queue = Queue(7);
  std::vector<int64_t> tickets;
  std::vector<std::shared_ptr<Buffer>> buffers;
  for (int64_t i = 0; i < 7; ++i) {
    buffers.push_back(Memory(3000));
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket,
                                queue->Submit({file, i * 3000, 3000, buffers.back()}));
    tickets.push_back(ticket);
  }
  for (const size_t i : {6u, 0u, 3u, 5u, 1u, 2u, 4u}) {
    const ReadOutcome outcome = queue->Wait(tickets[i]);
    ALKAID_ASSERT_OK(outcome.status);
    EXPECT_TRUE(BytesOf(buffers[i], outcome) == bytes.substr(i * 3000, 3000)) << i;
  }
  EXPECT_EQ(queue->in_flight(), 0);
}

TEST_P(ReadQueueContract, FilesOfAllSortsShareAQueue) {
  const std::string on_disk = Pattern(5000);
  const std::string in_memory = Pattern(9000).substr(4000);
  const auto file = File(on_disk);
  const auto memory = std::make_shared<BufferReader>(Buffer::FromString(in_memory));
  const auto queue = Queue(2);
  const auto first = Memory(5000), second = Memory(6000);
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t a, queue->Submit({file, 0, 5000, first}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t b, queue->Submit({memory, 0, 6000, second}));
  EXPECT_TRUE(BytesOf(second, queue->Wait(b)) == in_memory);
  EXPECT_TRUE(BytesOf(first, queue->Wait(a)) == on_disk);
}

TEST_P(ReadQueueContract, WhatAFileSaysComesWithTheTicketOfItsRead) {
  const auto file = std::make_shared<internal::ScriptedFile>(ReadWithTrouble);
  const auto queue = Queue(8);
  std::vector<int64_t> tickets;
  for (const int64_t position : {3500, 500, 1500, 2500, 3500}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket,
                                queue->Submit({file, position, 100, Memory(100)}));
    tickets.push_back(ticket);
  }
  EXPECT_EQ(queue->Wait(tickets[4]).nbytes, 100);
  EXPECT_THAT(queue->Wait(tickets[1]).status, StatusIs(StatusCode::kDataLoss, "rust at 500"));
  EXPECT_THAT(queue->Wait(tickets[2]).status.ToString(), HasSubstr("no answer at 1500"));
  EXPECT_THAT(queue->Wait(tickets[3]).status, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(queue->Wait(tickets[0]).nbytes, 100);
}

TEST_P(ReadQueueContract, AClosedFileIsSaidWithTheOutcome) {
  const auto file = File("0123456789");
  ALKAID_ASSERT_OK(file->Close());
  const auto queue = Queue(2);
  for (const int64_t nbytes : {5, 0}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit({file, 0, nbytes, Memory(5)}));
    const ReadOutcome outcome = queue->Wait(ticket);
    EXPECT_THAT(outcome.status, StatusIs(StatusCode::kInvalidArgument,
                                         AllOf(HasSubstr(path_), HasSubstr("closed"))));
    EXPECT_EQ(outcome.nbytes, 0);
  }
}

TEST_P(ReadQueueContract, RefusesMoreThanItsDepthUntilOneIsWaitedFor) {
  const auto file = File("0123456789");
  const auto queue = Queue(3);
  std::vector<int64_t> tickets;
  for (int i = 0; i < 3; ++i) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit({file, i, 1, Memory(1)}));
    tickets.push_back(ticket);
  }
  const auto buffer = Memory(1);
  EXPECT_THAT(queue->Submit({file, 0, 1, buffer}),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("3 reads are in flight"), HasSubstr("depth is 3"))));
  EXPECT_EQ(buffer.use_count(), 1);
  EXPECT_EQ(queue->in_flight(), 3);
  ALKAID_EXPECT_OK(queue->Wait(tickets[1]).status);
  EXPECT_EQ(queue->in_flight(), 2);
  ALKAID_EXPECT_OK(queue->Submit({file, 0, 1, buffer}));
}

TEST_P(ReadQueueContract, ATicketIsGoodOnceAndNoOther) {
  const auto file = File("0123456789");
  const auto queue = Queue(2);
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit({file, 0, 4, Memory(4)}));
  for (const int64_t wrong : {ticket + 1, int64_t{0}, int64_t{-1}}) {
    EXPECT_THAT(queue->Wait(wrong).status, StatusIs(StatusCode::kNotFound, HasSubstr("ticket")));
  }
  EXPECT_EQ(queue->Wait(ticket).nbytes, 4);
  EXPECT_THAT(queue->Wait(ticket).status, StatusIs(StatusCode::kNotFound));
}

TEST_P(ReadQueueContract, ARequestThatMakesNoSenseIsRefusedAtOnce) {
  const auto file = File("0123456789");
  const auto queue = Queue(2);
  const auto constant = Buffer::FromString("constant");
  const auto is_invalid = [](const char* why) {
    return StatusIs(StatusCode::kInvalidArgument, HasSubstr(why));
  };
  EXPECT_THAT(queue->Submit({nullptr, 0, 4, Memory(4)}), is_invalid("no file"));
  EXPECT_THAT(queue->Submit({file, 0, 4, nullptr}), is_invalid("no buffer"));
  EXPECT_THAT(queue->Submit({file, 0, -1, Memory(4)}), is_invalid("-1"));
  EXPECT_THAT(queue->Submit({file, 0, 5, Memory(4)}), is_invalid("5 bytes into a buffer of 4"));
  EXPECT_THAT(queue->Submit({file, 0, 4, constant}), is_invalid("cannot write"));
  EXPECT_THAT(queue->Submit({file, -7, 4, Memory(4)}),
              StatusIs(StatusCode::kOutOfRange, HasSubstr("-7")));
  EXPECT_EQ(queue->in_flight(), 0);
  EXPECT_EQ(constant->ToString(), "constant");
}

TEST_P(ReadQueueContract, LetsGoOfFileAndBufferOnceWaitedFor) {
  const auto file = File(Pattern(1000));
  const auto buffer = Memory(1000);
  const auto queue = Queue(2);
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit({file, 0, 1000, buffer}));
  EXPECT_GT(buffer.use_count(), 1);
  ALKAID_EXPECT_OK(queue->Wait(ticket).status);
  EXPECT_EQ(buffer.use_count(), 1);
  EXPECT_EQ(file.use_count(), 1);
}

TEST_P(ReadQueueContract, NothingIsWrittenOrHeldAfterDestruction) {
  constexpr int64_t kBytes = 4 << 20;
  const auto file = File("end", 8 * kBytes);
  ProxyMemoryPool pool(default_memory_pool());
  for (int round = 0; round < 3; ++round) {
    std::vector<std::shared_ptr<Buffer>> buffers;
    auto queue = Queue(8);
    for (int64_t i = 0; i < 8; ++i) {
      buffers.push_back(Memory(kBytes, &pool));
      ALKAID_ASSERT_OK(queue->Submit({file, i * kBytes, kBytes, buffers.back()}));
    }
    if (round == 1) buffers.clear();  // the queue then holds the last references
    queue.reset();
    for (const auto& buffer : buffers) {
      EXPECT_EQ(buffer.use_count(), 1);
      std::memset(buffer->mutable_data(), 0xAA, kBytes);
    }
    for (const auto& buffer : buffers) {
      EXPECT_EQ(std::memchr(buffer->data(), 0, kBytes), nullptr) << "a late write";
    }
    buffers.clear();
    EXPECT_EQ(pool.bytes_allocated(), 0);
    EXPECT_EQ(file.use_count(), 1);
  }
}

TEST_P(ReadQueueContract, PositionsBeyond4GiBAreReached) {
  constexpr int64_t kFar = (int64_t{5} << 30) + 1234;
  const auto file = File("far away", kFar);
  const auto queue = Queue(2);
  const auto there = Memory(100), before = Memory(8);
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t a, queue->Submit({file, kFar, 100, there}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t b, queue->Submit({file, kFar - 4, 8, before}));
  EXPECT_EQ(BytesOf(there, queue->Wait(a)), "far away");
  EXPECT_EQ(BytesOf(before, queue->Wait(b)), std::string("\0\0\0\0far ", 8));
}

// Files that the system generates as they are read come about a page at a time.
TEST_P(ReadQueueContract, ReadsThatComeInPiecesAreMadeWhole) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, ReadableFile::Open("/proc/kallsyms"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto expected, file->ReadAt(0, 100'000));
  if (expected->size() == 0) GTEST_SKIP() << "this system hides what is in /proc/kallsyms";
  std::vector<char> once(100'000);
  EXPECT_LT(::pread(file->file_descriptor(), once.data(), once.size(), 0), expected->size());
  const auto queue = Queue(2);
  const auto buffer = Memory(100'000);
  ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit({file, 0, 100'000, buffer}));
  const ReadOutcome outcome = queue->Wait(ticket);
  ALKAID_ASSERT_OK(outcome.status);
  EXPECT_TRUE(BytesOf(buffer, outcome) == expected->ToString());
}

TEST_P(ReadQueueContract, AReadOutlivesTheThreadThatSubmittedIt) {
  const std::string bytes = Pattern(3 << 20);
  const auto file = File(bytes);
  const auto queue = Queue(4);
  std::vector<std::pair<int64_t, std::shared_ptr<Buffer>>> flying;
  std::thread([&] {
    for (int64_t i = 0; i < 3; ++i) {
      const auto buffer = Memory(1 << 20);
      const auto ticket = queue->Submit({file, i << 20, 1 << 20, buffer});
      flying.emplace_back(ticket.ok() ? *ticket : -1, buffer);
    }
  }).join();
  std::string read;
  for (const auto& [ticket, buffer] : flying) {
    const ReadOutcome outcome = queue->Wait(ticket);
    ALKAID_ASSERT_OK(outcome.status);
    read += BytesOf(buffer, outcome);
  }
  EXPECT_TRUE(read == bytes);
}

// What a child does with its parent's queue; the number says what failed.
int InChild(std::unique_ptr<ReadQueue> queue, int64_t ticket, const ReadRequest& request) {
  if (queue->Submit(request).status().code() != StatusCode::kFailedPrecondition) return 11;
  if (queue->Wait(ticket).status.code() != StatusCode::kFailedPrecondition) return 12;
  queue.reset();
  return request.buffer.use_count() == 1 ? 0 : 13;
}

TEST_P(ReadQueueContract, AChildOfForkDestroysItAndTheParentReadsOn) {
  const std::string bytes = Pattern(2 << 20);
  const auto file = File(bytes);
  auto queue = Queue(4);
  ReadRequest request = {file, 0, 2 << 20, Memory(2 << 20)};
  for (int round = 0; round < 10; ++round) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const int64_t ticket, queue->Submit(request));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(20);
      ::_exit(InChild(std::move(queue), ticket, request));
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    const ReadOutcome outcome = queue->Wait(ticket);
    ALKAID_ASSERT_OK(outcome.status);
    EXPECT_TRUE(BytesOf(request.buffer, outcome) == bytes) << round;
  }
}

std::string KindName(const ::testing::TestParamInfo<ReadQueueKind>& kind) {
  return ToString(kind.param);
}

INSTANTIATE_TEST_SUITE_P(Inline, ReadQueueContract, ::testing::Values(ReadQueueKind::kInline),
                         KindName);
INSTANTIATE_TEST_SUITE_P(Threads, ReadQueueContract, ::testing::Values(ReadQueueKind::kThreads),
                         KindName);
INSTANTIATE_TEST_SUITE_P(IoUring, ReadQueueContract, ::testing::Values(ReadQueueKind::kIoUring),
                         KindName);

TEST(ReadQueue, ADepthOutsideItsRangeIsRefused) {
  for (const int depth : {0, -1, ReadQueue::kMaxDepth + 1}) {
    EXPECT_THAT(ReadQueue::Make(ReadQueueKind::kInline, depth),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(std::to_string(depth)), HasSubstr("1 to 1024"))));
  }
  for (const auto kind : {ReadQueueKind::kAutomatic, ReadQueueKind::kThreads}) {
    ALKAID_EXPECT_OK(ReadQueue::Make(kind, ReadQueue::kMaxDepth));
  }
}

// Sets ALKAID_READ_QUEUE during its lifetime.
class Variable {
 public:
  explicit Variable(const char* value) {
    ::setenv(alkaid::internal::kReadQueueVariable, value, /*overwrite=*/1);
  }
  ~Variable() { ::unsetenv(alkaid::internal::kReadQueueVariable); }
};

TEST(ReadQueue, AutomaticIsIoUringWhereItIsGrantedElseThreads) {
  const Variable nothing("");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto queue, ReadQueue::Make(ReadQueueKind::kAutomatic, 4));
  EXPECT_EQ(queue->kind(), CheckIoUring().ok() ? ReadQueueKind::kIoUring : ReadQueueKind::kThreads);
}

TEST(ReadQueue, TheVariableSaysWhatAutomaticIsAndNothingElse) {
  for (const auto kind : {ReadQueueKind::kThreads, ReadQueueKind::kInline}) {
    const Variable chosen(ToString(kind));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto queue, ReadQueue::Make(ReadQueueKind::kAutomatic, 4));
    EXPECT_EQ(queue->kind(), kind);
  }
  const Variable chosen("threads");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto queue, ReadQueue::Make(ReadQueueKind::kInline, 4));
  EXPECT_EQ(queue->kind(), ReadQueueKind::kInline);
}

TEST(ReadQueue, AWrongValueOfTheVariableIsAnErrorThatNamesTheChoices) {
  for (const char* const value : {"uring", "Threads", "automatic", " inline"}) {
    const Variable wrong(value);
    EXPECT_THAT(ReadQueue::Make(ReadQueueKind::kAutomatic, 4),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(std::string("ALKAID_READ_QUEUE=") + value),
                               HasSubstr("io_uring, threads or inline"))));
    ALKAID_EXPECT_OK(ReadQueue::Make(ReadQueueKind::kThreads, 4));
  }
}

// UndefinedBehaviorSanitizer opens a pipe to inspect an object's type, and reports an object that
// it cannot inspect. It runs together with AddressSanitizer.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCanDoWithoutDescriptors = false;
#else
constexpr bool kCanDoWithoutDescriptors = true;
#endif

// A process that may open no descriptors: the kernel refuses it a ring and everything else that
// takes one.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none = {0, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_;
};

TEST(ReadQueue, WhereTheKernelRefusesARingAutomaticIsThreads) {
  if (!kCanDoWithoutDescriptors) GTEST_SKIP() << "the sanitizers need descriptors of their own";
  const NoDescriptors refused;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto queue, ReadQueue::Make(ReadQueueKind::kAutomatic, 4));
  EXPECT_EQ(queue->kind(), ReadQueueKind::kThreads);
}

TEST(ReadQueue, WhereTheKernelRefusesARingAskingForOneFails) {
  if (!kCanDoWithoutDescriptors) GTEST_SKIP() << "the sanitizers need descriptors of their own";
  const NoDescriptors refused;
  const Status why = CheckIoUring();
  EXPECT_FALSE(why.ok());
  EXPECT_THAT(ReadQueue::Make(ReadQueueKind::kIoUring, 4),
              StatusIs(why.code(), HasSubstr("io_uring")));
  const Variable asked("io_uring");
  EXPECT_THAT(ReadQueue::Make(ReadQueueKind::kAutomatic, 4),
              StatusIs(why.code(), HasSubstr("ALKAID_READ_QUEUE=io_uring")));
}

}  // namespace
}  // namespace alkaid::io
