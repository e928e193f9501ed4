// Writing datagrams to a file or another sink.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uint32_t kEvents = 200;

Names Declared() {
  return Names::Make(NamesId(1, 5), "det", "type", "id", 2, {"raw", 0x010203},
                     {{"count", DataType::kUInt16, 0, {}}, {"image", DataType::kUInt32, 1, {}}})
      .value();
}

Status WriteRun(DgramWriter& writer, uint32_t events = kEvents) {
  const Names names = Declared();
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
  ALKAID_RETURN_NOT_OK(writer.Declare(names));
  ALKAID_RETURN_NOT_OK(writer.End());
  const std::vector<uint32_t> image(25, 7);
  for (uint32_t i = 0; i < events; ++i) {
    ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(2, i)));
    ALKAID_RETURN_NOT_OK(writer.Data(names, {FieldValue::Scalar(static_cast<uint16_t>(i)),
                                             FieldValue::Array<uint32_t>(image, {25})}));
    ALKAID_RETURN_NOT_OK(writer.End());
  }
  return absl::OkStatus();
}

std::string RunBytes() {
  DgramWriter writer;
  EXPECT_THAT(WriteRun(writer), IsOk());
  return writer.Finish().value()->ToString();
}

// Keeps what it is given, and fails at the write that the test chose.
class RecordingSink final : public io::OutputStream {
 public:
  explicit RecordingSink(int failing_write = 0) : failing_write_(failing_write) {}
  Status Close() override {
    ++closes;
    return absl::OkStatus();
  }
  bool closed() const override { return closes > 0; }
  Result<int64_t> Tell() const override { return static_cast<int64_t>(bytes.size()); }
  using io::Writable::Write;
  Status Write(const void* data, int64_t nbytes) override {
    if (++writes == failing_write_) return status::IOError(ENOSPC, "the sink is full");
    bytes.append(static_cast<const char*>(data), static_cast<size_t>(nbytes));
    largest = std::max(largest, nbytes);
    return absl::OkStatus();
  }

  std::string bytes;
  int64_t largest = 0;
  int writes = 0;
  int closes = 0;

 private:
  const int failing_write_;
};

class DgramWriterFile : public ::testing::Test {
 protected:
  DgramWriterFile() {
    std::string name = ::testing::TempDir() + "alkaid_writer_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    path = folder + "/run.xtc2";
  }
  ~DgramWriterFile() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  std::string Content() const {
    std::ifstream stream(path);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  int64_t Entries() const {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  }

  std::string folder;
  std::string path;
};

TEST_F(DgramWriterFile, HoldsTheBytesThatAWriterInMemoryGives) {
  for (const int64_t flush_bytes : {1, 300, 1 << 20}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto writer,
                                DgramWriter::Open(path, {.flush_bytes = flush_bytes}));
    ALKAID_ASSERT_OK(WriteRun(*writer));
    const int64_t length = writer->length();
    EXPECT_EQ(writer->size(), kEvents + 1);
    ALKAID_ASSERT_OK(writer->Close());
    ALKAID_EXPECT_OK(writer->Close());
    // Compares every byte, so two runs give identical files.
    EXPECT_EQ(Content(), RunBytes());
    EXPECT_EQ(static_cast<int64_t>(Content().size()), length);
    EXPECT_EQ(Entries(), 1);
  }
}

TEST_F(DgramWriterFile, IsReadBack) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto writer, DgramWriter::Open(path));
  ALKAID_ASSERT_OK(WriteRun(*writer));
  ALKAID_ASSERT_OK(writer->Close());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(path));
  ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
  EXPECT_EQ(batch.size(), kEvents + 1);
}

TEST_F(DgramWriterFile, HasNoNameBeforeCloseAndNoneWithoutIt) {
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto writer, DgramWriter::Open(path, {.flush_bytes = 1}));
    ALKAID_ASSERT_OK(WriteRun(*writer));
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_EQ(Entries(), 0);
}

TEST_F(DgramWriterFile, CanNotBeMadeWhereThereIsNoFolderOrNoSense) {
  EXPECT_THAT(DgramWriter::Open(folder + "/nowhere/run.xtc2"),
              StatusIs(StatusCode::kNotFound, HasSubstr(folder + "/nowhere")));
  EXPECT_THAT(DgramWriter::Open(path, {.flush_bytes = 0}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(Entries(), 0);
}

TEST_F(DgramWriterFile, ADatagramThatIsOpenAtCloseIsDroppedAndReported) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto writer, DgramWriter::Open(path));
  ALKAID_ASSERT_OK(WriteRun(*writer));
  ALKAID_ASSERT_OK(writer->Begin(TransitionId::kEndRun, Timestamp(3, 0)));
  EXPECT_THAT(writer->Close(), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("open")));
  ALKAID_ASSERT_OK(writer->Close());
  EXPECT_EQ(Content(), RunBytes());
}

TEST(DgramWriterSink, IsGivenWholeDatagramsOnceEnoughBytesAreThere) {
  const auto sink = std::make_shared<RecordingSink>();
  ProxyMemoryPool pool(default_memory_pool());
  DgramWriter writer(sink, {.flush_bytes = 4096, .pool = &pool});
  ALKAID_ASSERT_OK(WriteRun(writer));
  EXPECT_GT(sink->writes, 4);
  EXPECT_GE(sink->largest, 4096);
  EXPECT_LT(sink->largest, 4096 + 200);
  ALKAID_ASSERT_OK(writer.Close());
  EXPECT_EQ(sink->bytes, RunBytes());
  EXPECT_EQ(sink->closes, 1);
}

TEST(DgramWriterSink, MemoryDoesNotGrowWithTheFile) {
  const auto peak = [](uint32_t events) {
    ProxyMemoryPool pool(default_memory_pool());
    DgramWriter writer(std::make_shared<RecordingSink>(), {.flush_bytes = 4096, .pool = &pool});
    EXPECT_THAT(WriteRun(writer, events), IsOk());
    EXPECT_THAT(writer.Close(), IsOk());
    return pool.max_memory();
  };
  EXPECT_LE(peak(100), 2 * 4096 + 2 * 200);
  EXPECT_EQ(peak(100), peak(5000));
}

TEST(DgramWriterSink, ALargeDatagramGoesStraightOnAndInOrder) {
  const auto sink = std::make_shared<RecordingSink>();
  ProxyMemoryPool pool(default_memory_pool());
  DgramWriter writer(sink, {.flush_bytes = 2000, .pool = &pool});
  const std::string small = fixtures::Event(1);
  const std::string large = fixtures::Dgram(TransitionId::kL1Accept,
                                            fixtures::Xtc(9, std::string(size_t{1} << 20, 'x')), 2);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram one, Dgram::Make(fixtures::AsBuffer(small)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram two, Dgram::Make(fixtures::AsBuffer(large)));
  ALKAID_ASSERT_OK(writer.Append(one));
  ALKAID_ASSERT_OK(writer.Append(two));
  ALKAID_ASSERT_OK(writer.Append(one));
  EXPECT_EQ(writer.size(), 3);
  EXPECT_EQ(writer.length(), static_cast<int64_t>(2 * small.size() + large.size()));
  ALKAID_ASSERT_OK(writer.Close());
  EXPECT_EQ(sink->bytes, small + large + small);
  EXPECT_LT(pool.max_memory(), 5000);
}

TEST(DgramWriterSink, AFailureStaysAndIsReportedByClose) {
  const auto sink = std::make_shared<RecordingSink>(3);
  DgramWriter writer(sink, {.flush_bytes = 1000});
  const Status status = WriteRun(writer);
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted, HasSubstr("the sink is full")));
  EXPECT_EQ(writer.Begin(TransitionId::kEndRun, Timestamp(3, 0)), status);
  EXPECT_EQ(writer.Close(), status);
  EXPECT_EQ(writer.Close(), status);
  EXPECT_EQ(sink->writes, 3);
  EXPECT_EQ(sink->closes, 1);
}

TEST(DgramWriterSink, TakesNoFinishAndNothingAfterClose) {
  const auto sink = std::make_shared<RecordingSink>();
  DgramWriter writer(sink);
  EXPECT_THAT(writer.Finish(), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("sink")));
  ALKAID_ASSERT_OK(writer.Close());
  EXPECT_THAT(writer.Begin(TransitionId::kEnable, Timestamp(1, 0)),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("after Close")));
  EXPECT_EQ(sink->bytes, "");
}

TEST(DgramWriterSink, WhereAnAllocationFailsNothingIsLostOrWrittenTwice) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  const auto sink = std::make_shared<RecordingSink>();
  DgramWriter writer(sink, {.flush_bytes = 500, .pool = &pool});
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram one, Dgram::Make(fixtures::AsBuffer(fixtures::Event(1))));
  pool.fail_after(1);
  EXPECT_THAT(writer.Append(one), StatusIs(StatusCode::kResourceExhausted));
  for (int i = 0; i < 10; ++i) ALKAID_ASSERT_OK(writer.Append(one));
  ALKAID_ASSERT_OK(writer.Close());
  std::string expected;
  for (int i = 0; i < 10; ++i) expected += fixtures::Event(1);
  EXPECT_EQ(sink->bytes, expected);
}

}  // namespace
}  // namespace alkaid::dgram
