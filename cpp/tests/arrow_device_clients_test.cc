// A program's own device in the style of Apache Arrow C++ users: buffers that are copied and viewed
// between it and the CPU, and streams and events that own the device's by unique_ptr.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/core/memory.h"

namespace arrow = alkaid;

namespace {

using BufferResult = arrow::Result<std::shared_ptr<arrow::Buffer>>;
using OwnedResult = arrow::Result<std::unique_ptr<arrow::Buffer>>;

// The calls to the devices since it was last cleared.
std::string& Calls() {
  static std::string calls;
  return calls;
}

struct Abilities {
  bool view = false;
  bool copy_to_host = false;
};

class ToyDevice : public arrow::Device {
 public:
  ToyDevice(int id, Abilities abilities) : id_(id), abilities_(abilities) {}
  const char* type_name() const override { return "ToyDevice"; }
  std::string ToString() const override { return "ToyDevice(" + std::to_string(id_) + ")"; }
  bool Equals(const arrow::Device& other) const override {
    return std::strcmp(other.type_name(), type_name()) == 0 &&
           static_cast<const ToyDevice&>(other).id_ == id_;
  }
  int64_t device_id() const override { return id_; }
  arrow::DeviceAllocationType device_type() const override {
    return arrow::DeviceAllocationType::kEXT_DEV;
  }
  std::shared_ptr<arrow::MemoryManager> default_memory_manager() override;
  const Abilities& abilities() const { return abilities_; }

 private:
  int id_;
  Abilities abilities_;
};

// Host memory that imitates a device's.
class ToyBuffer : public arrow::MutableBuffer {
 public:
  ToyBuffer(const arrow::Buffer& source, std::shared_ptr<arrow::MemoryManager> manager)
      : MutableBuffer(nullptr, 0),
        bytes_(reinterpret_cast<const char*>(source.address()),
               static_cast<std::size_t>(source.size())) {
    data_ = reinterpret_cast<const uint8_t*>(bytes_.data());
    size_ = capacity_ = source.size();
    SetMemoryManager(std::move(manager));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class ToyManager : public arrow::MemoryManager {
 public:
  explicit ToyManager(const std::shared_ptr<arrow::Device>& device) : MemoryManager(device) {}
  arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> GetBufferReader(
      std::shared_ptr<arrow::Buffer> /*buffer*/) override {
    return absl::UnimplementedError("no reader");
  }
  arrow::Result<std::shared_ptr<arrow::io::OutputStream>> GetBufferWriter(
      std::shared_ptr<arrow::Buffer> /*buffer*/) override {
    return absl::UnimplementedError("no writer");
  }
  OwnedResult AllocateBuffer(int64_t /*size*/) override {
    return absl::UnimplementedError("no memory of its own");
  }

 protected:
  BufferResult CopyBufferFrom(const std::shared_ptr<arrow::Buffer>& buffer,
                              const std::shared_ptr<arrow::MemoryManager>& from) override {
    return CopyNonOwnedFrom(*buffer, from);
  }
  BufferResult CopyBufferTo(const std::shared_ptr<arrow::Buffer>& buffer,
                            const std::shared_ptr<arrow::MemoryManager>& to) override {
    return CopyNonOwnedTo(*buffer, to);
  }
  OwnedResult CopyNonOwnedFrom(const arrow::Buffer& buffer,
                               const std::shared_ptr<arrow::MemoryManager>& from) override {
    if (!from->is_cpu()) return nullptr;
    Calls() += "copy-from ";
    return std::make_unique<ToyBuffer>(buffer, shared_from_this());
  }
  OwnedResult CopyNonOwnedTo(const arrow::Buffer& buffer,
                             const std::shared_ptr<arrow::MemoryManager>& to) override {
    if (!to->is_cpu() || !abilities().copy_to_host) return nullptr;
    Calls() += "copy-to ";
    return std::make_unique<ToyBuffer>(buffer, to);
  }
  BufferResult ViewBufferFrom(const std::shared_ptr<arrow::Buffer>& buffer,
                              const std::shared_ptr<arrow::MemoryManager>& from) override {
    if (!from->is_cpu() || !abilities().view) return nullptr;
    Calls() += "view-from ";
    return std::make_shared<arrow::Buffer>(buffer->address(), buffer->size(), shared_from_this(),
                                           buffer);
  }
  BufferResult ViewBufferTo(const std::shared_ptr<arrow::Buffer>& buffer,
                            const std::shared_ptr<arrow::MemoryManager>& to) override {
    if (!to->is_cpu() || !abilities().view) return nullptr;
    Calls() += "view-to ";
    return std::make_shared<arrow::Buffer>(buffer->address(), buffer->size(), to, buffer);
  }

 private:
  const Abilities& abilities() const {
    return static_cast<const ToyDevice&>(*device()).abilities();
  }
};

std::shared_ptr<arrow::MemoryManager> ToyDevice::default_memory_manager() {
  return std::make_shared<ToyManager>(shared_from_this());
}

class ArrowDeviceClients : public ::testing::Test {
 protected:
  // Copies a text to a device with these abilities, and from there to another such device.
  BufferResult CopyOver(Abilities abilities) {
    one = std::make_shared<ToyDevice>(1, abilities)->default_memory_manager();
    two = std::make_shared<ToyDevice>(2, abilities)->default_memory_manager();
    auto there = arrow::Buffer::Copy(arrow::Buffer::FromString("some data"), one);
    if (!there.ok()) return there;
    source = *there;
    Calls().clear();
    return arrow::Buffer::Copy(source, two);
  }

  std::shared_ptr<arrow::MemoryManager> one;
  std::shared_ptr<arrow::MemoryManager> two;
  std::shared_ptr<arrow::Buffer> source;
};

TEST_F(ArrowDeviceClients, ACopyBetweenDevicesGoesByAViewOnTheCPU) {
  const auto copy = CopyOver({.view = true, .copy_to_host = true}).value();
  EXPECT_EQ(Calls(), "view-to copy-from ");
  EXPECT_EQ(copy->memory_manager(), two);
  EXPECT_FALSE(copy->is_cpu());
  EXPECT_NE(copy->address(), source->address());
  EXPECT_EQ(static_cast<const ToyBuffer&>(*copy).bytes(), "some data");
}

TEST_F(ArrowDeviceClients, WithoutAViewItGoesByACopyOnTheCPU) {
  const auto copy = CopyOver({.copy_to_host = true}).value();
  EXPECT_EQ(Calls(), "copy-to copy-from ");
  EXPECT_EQ(static_cast<const ToyBuffer&>(*copy).bytes(), "some data");
}

TEST_F(ArrowDeviceClients, WithoutEitherThereIsNoWay) {
  EXPECT_TRUE(absl::IsUnimplemented(CopyOver({}).status()));
}

TEST_F(ArrowDeviceClients, ViewsShareTheBytesAndKeepThem) {
  ASSERT_TRUE(CopyOver({.view = true}).ok());
  const auto cpu = arrow::default_cpu_memory_manager();
  const auto view = arrow::Buffer::ViewOrCopy(source, cpu).value();
  EXPECT_EQ(view->ToString(), "some data");
  EXPECT_EQ(view->address(), source->address());
  EXPECT_EQ(view->parent(), source);
  EXPECT_FALSE(arrow::Buffer::View(source, two).ok());
}

// A window into another buffer that reports its own address.
class MovedWindow : public arrow::Buffer {
 public:
  MovedWindow(const std::shared_ptr<arrow::Buffer>& parent,
              std::shared_ptr<arrow::MemoryManager> manager)
      : Buffer(parent, 1, parent->size() - 1) {
    SetMemoryManager(std::move(manager));
  }
};

TEST_F(ArrowDeviceClients, ABufferThatSetsItsManagerIsOnThatDeviceWithItsSlices) {
  ASSERT_TRUE(CopyOver({.view = true}).ok());
  const std::shared_ptr<arrow::Buffer> host = arrow::Buffer::FromString("xhello");
  const auto window = std::make_shared<MovedWindow>(host, one);
  EXPECT_FALSE(window->is_cpu());
  EXPECT_EQ(window->memory_manager(), one);
  EXPECT_EQ(window->device_type(), arrow::DeviceAllocationType::kEXT_DEV);
  EXPECT_EQ(window->parent(), host);
  const auto slice = arrow::SliceBuffer(window, 1);
  EXPECT_EQ(slice->memory_manager(), one);
  EXPECT_EQ(slice->address(), host->address() + 2);
  const auto back = arrow::Buffer::View(slice, arrow::default_cpu_memory_manager()).value();
  EXPECT_EQ(back->ToString(), "ello");
}

class ToyStream : public arrow::Device::Stream {
 public:
  explicit ToyStream(int* work, release_fn_t release) : Stream(work, std::move(release)) {}
  arrow::Status WaitEvent(const arrow::Device::SyncEvent& /*event*/) override {
    ++*static_cast<int*>(stream_.get());
    return absl::OkStatus();
  }
  arrow::Status Synchronize() const override { return absl::OkStatus(); }
  void* Release() { return stream_.release(); }
  const release_fn_t& releasing() const { return stream_.get_deleter(); }
};

class ToyEvent : public arrow::Device::SyncEvent {
 public:
  explicit ToyEvent(void* event, release_fn_t release) : SyncEvent(event, std::move(release)) {}
  arrow::Status Wait() override {
    return sync_event_ ? absl::OkStatus() : absl::FailedPreconditionError("no event");
  }
  arrow::Status Record(const arrow::Device::Stream& stream) override {
    *static_cast<int*>(sync_event_.get()) = *static_cast<const int*>(stream.get_raw());
    return absl::OkStatus();
  }
};

TEST(ArrowStreamClients, StreamsAndEventsHoldTheDevicesByUniquePtr) {
  int work = 7;
  int event = 0;
  int released = 0;
  const auto release = [&released](void*) { ++released; };
  {
    ToyStream stream(&work, release);
    ToyEvent waited(&event, release);
    ASSERT_TRUE(waited.Record(stream).ok());
    ASSERT_TRUE(waited.Wait().ok());
    ASSERT_TRUE(stream.WaitEvent(waited).ok());
    EXPECT_EQ(event, 7);
    EXPECT_EQ(work, 8);
  }
  EXPECT_EQ(released, 2);
  {
    ToyStream given_away(&work, release);
    EXPECT_TRUE(given_away.releasing());
    EXPECT_EQ(given_away.Release(), &work);
    EXPECT_EQ(given_away.get_raw(), nullptr);
    const ToyStream borrowed(&work, nullptr);
    ToyEvent none(nullptr, release);
    EXPECT_FALSE(none.Wait().ok());
  }
  EXPECT_EQ(released, 2);
}

TEST(ArrowStreamClients, ADeviceOutlivesTheManagerThatWasAskedForIt) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  const auto buffer = arrow::AllocateBuffer(10, &pool).value();
  const auto& device = buffer->memory_manager()->device();
  EXPECT_EQ(device->ToString(), "CPUDevice()");
}

class CountingManager : public arrow::CPUMemoryManager {
 public:
  explicit CountingManager(arrow::MemoryPool* pool)
      : CPUMemoryManager(arrow::CPUDevice::Instance(), pool) {}
  OwnedResult AllocateBuffer(int64_t size) override {
    ++allocations;
    return CPUMemoryManager::AllocateBuffer(size);
  }
  int allocations = 0;
};

TEST(ArrowStreamClients, AManagerOfTheCPUIsDerivedFrom) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  const auto manager = std::make_shared<CountingManager>(&pool);
  const auto copy = arrow::Buffer::Copy(arrow::Buffer::FromString("abc"), manager).value();
  EXPECT_EQ(copy->ToString(), "abc");
  EXPECT_EQ(manager->allocations, 1);
  EXPECT_EQ(pool.bytes_allocated(), 64);
}

}  // namespace
