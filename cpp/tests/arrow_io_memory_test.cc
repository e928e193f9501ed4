// Programs written for Arrow's streams over memory (arrow_io_program.h).
#include <sys/mman.h>

#include <cstring>
#include <vector>

#include "tests/arrow_io_program.h"

namespace arrow_program {
namespace {

// Counts allocations, and refuses them above a limit.
class LimitedPool : public arrow::MemoryPool {
 public:
  LimitedPool(arrow::MemoryPool* below, int64_t limit) : below_(below), limit_(limit) {}
  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Free;
  using arrow::MemoryPool::Reallocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (live_ + size > limit_) return Failed("over the limit");
    auto status = below_->Allocate(size, alignment, out);
    if (status.ok()) live_ += size;
    return status;
  }
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                           uint8_t** pointer) override {
    if (live_ - old_size + new_size > limit_) return Failed("over the limit");
    auto status = below_->Reallocate(old_size, new_size, alignment, pointer);
    if (status.ok()) live_ += new_size - old_size;
    return status;
  }
  void Free(uint8_t* pointer, int64_t size, int64_t alignment) override {
    live_ -= size;
    below_->Free(pointer, size, alignment);
  }
  int64_t bytes_allocated() const override { return live_; }
  int64_t total_bytes_allocated() const override { return live_; }
  int64_t num_allocations() const override { return 0; }
  std::string backend_name() const override { return "limited"; }

 private:
  arrow::MemoryPool* below_;
  int64_t limit_;
  int64_t live_ = 0;
};

TEST(ArrowBufferOutputStream, GrowsAndGivesWhatWasWritten) {
  auto stream = Get(arrow::io::BufferOutputStream::Create(10));
  EXPECT_EQ(stream->capacity(), 10);
  ASSERT_DONE(stream->Write("0123456789", 10));
  EXPECT_EQ(stream->capacity(), 256);
  ASSERT_DONE(stream->Write(std::string(300, 'y')));
  EXPECT_EQ(stream->capacity(), 512);
  ASSERT_DONE(stream->Write(arrow::Buffer::FromString("end")));
  ASSERT_DONE(stream->Write("", 0));
  ASSERT_DONE(stream->Flush());
  EXPECT_EQ(Get(stream->Tell()), 313);
  EXPECT_FALSE(stream->closed());
  const auto buffer = Get(stream->Finish());
  EXPECT_TRUE(stream->closed());
  EXPECT_EQ(buffer->ToString(), "0123456789" + std::string(300, 'y') + "end");
  for (int64_t i = buffer->size(); i < buffer->capacity(); ++i) EXPECT_EQ(buffer->data()[i], 0);
}

TEST(ArrowBufferOutputStream, WritesNothingOnceItIsFinishedUntilReset) {
  auto stream = Get(arrow::io::BufferOutputStream::Create());
  EXPECT_EQ(stream->capacity(), 4096);
  ASSERT_DONE(stream->Write(std::string_view("one")));
  EXPECT_EQ(Text(stream->Finish()), "one");
  EXPECT_FAILS(stream->Write("more", 4));
  EXPECT_EQ(Get(stream->Tell()), 3);
  ASSERT_DONE(stream->Reset(5));
  EXPECT_FALSE(stream->closed());
  EXPECT_EQ(stream->capacity(), 5);
  EXPECT_EQ(Get(stream->Tell()), 0);
  ASSERT_DONE(stream->Write("two", 3));
  ASSERT_DONE(stream->Close());
  ASSERT_DONE(stream->Close());
  EXPECT_EQ(Text(stream->Finish()), "two");
  EXPECT_FAILS(arrow::io::BufferOutputStream::Create(-1));
}

TEST(ArrowBufferOutputStream, CutsABufferOfTheProgramsOwn) {
  std::shared_ptr<arrow::ResizableBuffer> buffer = Get(arrow::AllocateResizableBuffer(100));
  {
    arrow::io::BufferOutputStream stream(buffer);
    EXPECT_EQ(stream.capacity(), 100);
    for (int i = 0; i < 4; ++i) ASSERT_DONE(stream.Write("data", 4));
    EXPECT_EQ(buffer->size(), 100);
  }
  EXPECT_EQ(buffer->ToString(), "datadatadatadata");
  arrow::io::BufferOutputStream again(buffer);
  ASSERT_DONE(again.Write(std::string(400, 'k')));
  ASSERT_DONE(again.Abort());
  EXPECT_TRUE(again.closed());
  EXPECT_EQ(buffer->size(), 400);
}

TEST(ArrowBufferOutputStream, TakesItsMemoryFromThePoolAndGivesItBack) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  {
    auto stream = Get(arrow::io::BufferOutputStream::Create(1024, &pool));
    EXPECT_EQ(pool.bytes_allocated(), 1024);
    ASSERT_DONE(stream->Write(std::string(1500, 'x')));
    EXPECT_EQ(pool.bytes_allocated(), 2048);
    const std::shared_ptr<arrow::Buffer> buffer = Get(stream->Finish());
    stream.reset();
    EXPECT_EQ(buffer->size(), 1500);
    EXPECT_GT(pool.bytes_allocated(), 0);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(ArrowBufferOutputStream, KeepsWhatItHasWhenItsPoolRefuses) {
  LimitedPool pool(arrow::default_memory_pool(), 512);
  auto stream = Get(arrow::io::BufferOutputStream::Create(64, &pool));
  ASSERT_DONE(stream->Write(std::string(300, 'a')));
  EXPECT_FAILS(stream->Write(std::string(300, 'b')));
  EXPECT_EQ(Get(stream->Tell()), 300);
  ASSERT_DONE(stream->Write("c", 1));
  EXPECT_EQ(Text(stream->Finish()), std::string(300, 'a') + "c");
  stream.reset();
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_FAILS(arrow::io::BufferOutputStream::Create(1000, &pool));
}

TEST(ArrowBufferReader, ReadsAStringOfItsOwn) {
  std::unique_ptr<arrow::io::BufferReader> reader =
      arrow::io::BufferReader::FromString(std::string("0123456789"));
  EXPECT_EQ(Get(reader->GetSize()), 10);
  EXPECT_EQ(Get(reader->Peek(3)), "012");
  EXPECT_EQ(Get(reader->Tell()), 0);
  char out[4] = {};
  EXPECT_EQ(Get(reader->Read(3, out)), 3);
  EXPECT_STREQ(out, "012");
  EXPECT_EQ(Get(reader->Peek(100)), "3456789");
  ASSERT_DONE(reader->Advance(2));
  EXPECT_EQ(Text(reader->Read(2)), "56");
  ASSERT_DONE(reader->Seek(10));
  EXPECT_EQ(Text(reader->Read(2)), "");
  EXPECT_EQ(Get(reader->Peek(1)), "");
  EXPECT_FAILS(reader->Seek(11));
  EXPECT_FAILS(reader->Seek(-1));
  EXPECT_FAILS(reader->Read(-1));
  EXPECT_FAILS(reader->ReadAt(-1, 1));
  EXPECT_FAILS(reader->ReadAt(1, -1));
  ASSERT_DONE(reader->Abort());
  EXPECT_TRUE(reader->closed());
  EXPECT_FAILS(reader->Read(1));
  EXPECT_FAILS(reader->Peek(1));
  EXPECT_FAILS(reader->Tell());
}

TEST(ArrowBufferReader, GivesSlicesThatOutliveIt) {
  auto buffer = arrow::Buffer::FromString("hello world");
  const uint8_t* const bytes = buffer->data();
  auto reader = std::make_shared<arrow::io::BufferReader>(std::move(buffer));
  EXPECT_TRUE(reader->supports_zero_copy());
  const auto slice = Get(reader->ReadAt(6, 5));
  EXPECT_EQ(slice->data(), bytes + 6);
  EXPECT_EQ(reader->buffer()->size(), 11);
  reader.reset();
  EXPECT_EQ(slice->ToString(), "world");
}

TEST(ArrowBufferReader, SaysWhereAWholeReadIsTooLong) {
  arrow::io::BufferReader reader(arrow::Buffer::FromString("0123456789"));
  char out[8];
  EXPECT_EQ(Get(reader.ReadAt(8, 4, /*allow_short_read=*/true, out)), 2);
  EXPECT_FAILS(reader.ReadAt(8, 4, /*allow_short_read=*/false, out));
  EXPECT_EQ(Text(reader.ReadAt(8, 4, /*allow_short_read=*/true)), "89");
  EXPECT_FAILS(reader.ReadAt(8, 4, /*allow_short_read=*/false));
  EXPECT_EQ(Text(reader.ReadAt(8, 2, /*allow_short_read=*/false)), "89");
}

TEST(ArrowBufferReader, TakesNoBufferForNoBytes) {
  arrow::io::BufferReader reader(std::shared_ptr<arrow::Buffer>(nullptr));
  EXPECT_FALSE(reader.closed());
  EXPECT_EQ(Get(reader.GetSize()), 0);
  EXPECT_EQ(Text(reader.Read(10)), "");
  EXPECT_EQ(Text(reader.ReadAt(0, 10)), "");
  EXPECT_EQ(Get(reader.Peek(10)), "");
}

// Knows how much is left, and counts the calls that ask for it.
class CountingReader : public arrow::io::BufferReader {
 public:
  explicit CountingReader(std::shared_ptr<arrow::Buffer> buffer)
      : BufferReader(std::move(buffer)) {}
  bool supports_zero_copy() const override { return false; }
  int64_t left() const { return size_ - position_; }
  uint8_t next() const { return data_[position_]; }
  bool open() const { return is_open_ && buffer_ != nullptr; }
  int peeks = 0;

 protected:
  arrow::Result<std::string_view> DoPeek(int64_t nbytes) override {
    ++peeks;
    return BufferReader::DoPeek(nbytes);
  }
};

TEST(ArrowBufferReader, IsDerivedFrom) {
  auto reader = std::make_shared<CountingReader>(arrow::Buffer::FromString("abcdef"));
  const std::shared_ptr<arrow::io::InputStream> stream = reader;
  EXPECT_EQ(Text(stream->Read(2)), "ab");
  EXPECT_EQ(reader->left(), 4);
  EXPECT_EQ(reader->next(), 'c');
  EXPECT_EQ(Get(stream->Peek(2)), "cd");
  EXPECT_EQ(reader->peeks, 1);
  EXPECT_FALSE(stream->supports_zero_copy());
  EXPECT_TRUE(reader->open());
  ASSERT_DONE(stream->Close());
  EXPECT_FALSE(reader->open());
}

TEST(ArrowFixedSizeBufferWriter, WritesInsideItsBufferAlone) {
  std::shared_ptr<arrow::Buffer> buffer = Get(arrow::AllocateBuffer(8));
  std::memset(buffer->mutable_data(), '.', 8);
  auto writer = std::make_shared<arrow::io::FixedSizeBufferWriter>(buffer);
  writer->set_memcopy_threads(4);
  writer->set_memcopy_blocksize(64);
  writer->set_memcopy_threshold(1 << 20);
  ASSERT_DONE(writer->Write("abc"));
  EXPECT_EQ(Get(writer->Tell()), 3);
  EXPECT_FAILS(writer->Write("123456"));
  EXPECT_EQ(Get(writer->Tell()), 3);
  EXPECT_FAILS(writer->WriteAt(7, "xy", 2));
  EXPECT_FAILS(writer->Seek(9));
  ASSERT_DONE(writer->Seek(8));
  ASSERT_DONE(writer->WriteAt(6, "xy", 2));
  EXPECT_EQ(buffer->ToString(), "abc...xy");
  ASSERT_DONE(writer->Close());
  EXPECT_TRUE(writer->closed());
}

class TestWriter : public arrow::io::FixedSizeBufferWriter {
 public:
  using arrow::io::FixedSizeBufferWriter::FixedSizeBufferWriter;
  using arrow::io::FixedSizeBufferWriter::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override {
    ++writes;
    return arrow::io::FixedSizeBufferWriter::Write(data, nbytes);
  }
  int writes = 0;
};

TEST(ArrowFixedSizeBufferWriter, IsDerivedFrom) {
  std::shared_ptr<arrow::Buffer> buffer = Get(arrow::AllocateBuffer(4));
  TestWriter writer(buffer);
  arrow::io::OutputStream& stream = writer;
  ASSERT_DONE(stream.Write("ab"));
  ASSERT_DONE(stream.Write(arrow::Buffer::FromString("cd")));
  EXPECT_EQ(writer.writes, 2);
  EXPECT_EQ(buffer->ToString(), "abcd");
}

// The program's own memory, unmapped with the last slice.
class AnonymousMapping : public arrow::MutableBuffer {
 public:
  AnonymousMapping(void* address, int64_t size, int* unmapped)
      : MutableBuffer(static_cast<uint8_t*>(address), size), unmapped_(unmapped) {}
  ~AnonymousMapping() override {
    ::munmap(mutable_data(), static_cast<size_t>(size()));
    ++*unmapped_;
  }

 private:
  int* unmapped_;
};

TEST(ArrowBufferReader, ReadsAForeignBufferOverAMapping) {
  constexpr int64_t kSize = 1 << 16;
  void* const address =
      ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(address, MAP_FAILED);
  int unmapped = 0;
  std::shared_ptr<arrow::Buffer> slice;
  {
    std::shared_ptr<arrow::Buffer> mapping =
        std::make_shared<AnonymousMapping>(address, kSize, &unmapped);
    auto writer = Get(arrow::Buffer::GetWriter(mapping));
    ASSERT_DONE(writer->Write("in the mapping"));
    ASSERT_DONE(writer->Close());
    auto reader = Get(arrow::Buffer::GetReader(mapping));
    slice = Get(reader->ReadAt(7, 7));
  }
  EXPECT_EQ(unmapped, 0);
  EXPECT_EQ(slice->ToString(), "mapping");
  slice.reset();
  EXPECT_EQ(unmapped, 1);
}

TEST(ArrowMemoryStreams, AreCarriedByTheirInterfaces) {
  const std::shared_ptr<arrow::io::FileInterface> file = arrow::io::BufferReader::FromString("abc");
  const auto input = std::dynamic_pointer_cast<arrow::io::InputStream>(file->shared_from_this());
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(Text(input->Read(2)), "ab");
  EXPECT_EQ(input->mode(), arrow::io::FileMode::READ);
  EXPECT_EQ(Get(file->Tell()), 2);
  EXPECT_NE(dynamic_cast<arrow::io::Seekable*>(file.get()), nullptr);
  EXPECT_NE(dynamic_cast<arrow::io::Readable*>(file.get()), nullptr);
  EXPECT_EQ(dynamic_cast<arrow::io::Writable*>(file.get()), nullptr);
}

}  // namespace
}  // namespace arrow_program
