// Memory runs out in devices and in streams in memory (buffers_failure_test.cc).
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/cpu_device.h"
#include "alkaid/core/buffers/device.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/buffers/mutable_buffer.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "fixtures/failure_suite.h"
#include "fixtures/tried_buffers.h"
#include "fixtures/vault_device.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using failing::FilledBuffer;
using failing::kText;
using failing::Objects;
using failing::OutcomeOfUnique;
using failing::TextOf;
using failing::TryWithBuffer;
using failing::TryWithPool;
using enum failing::OutOfMemory;

TEST(BuffersOutOfMemory, Devices) {
  TryWithBuffer(
      "Buffer::memory_manager", kThrows,
      [](auto& buffer, auto*) { return buffer->memory_manager(); },
      [](const auto& manager) { return manager->device()->ToString(); });
  TryWithBuffer(
      "Buffer::device", kThrows, [](auto& buffer, auto*) { return buffer->device(); },
      [](const auto& device) { return device->ToString(); });
  TryWithBuffer(
      "CPUDevice::memory_manager", kThrows,
      [](auto&, auto* pool) { return CPUDevice::memory_manager(pool); },
      [](const auto& manager) { return manager->device()->ToString(); });
  TryWithBuffer(
      "CPUDevice::memory_manager, pool shared", kThrows,
      [](auto&, auto* pool) {
        return CPUDevice::memory_manager(
            std::shared_ptr<MemoryPool>(std::make_shared<ProxyMemoryPool>(pool)));
      },
      [](const auto& manager) { return manager->device()->ToString(); });
  FailureSuite::TryInChildren("default_cpu_memory_manager", kThrows,
                              [] { return default_cpu_memory_manager(); });
  TryWithBuffer(
      "CPUMemoryManager::AllocateBuffer", kStatus,
      [](auto&, auto* pool) -> Result<std::unique_ptr<Buffer>> {
        try {
          return CPUDevice::memory_manager(pool)->AllocateBuffer(0);
        } catch (const std::bad_alloc&) {
          return status::NoMemory();
        }
      },
      OutcomeOfUnique);
  FailureSuite::Try(
      "Device::MakeStream and others that a device may lack", kNeedsNone,
      [](MemoryPool* pool) { return Objects(pool, CPUDevice::memory_manager(pool)); },
      [](auto& objects) -> Status {
        const std::shared_ptr<Device>& device = objects.value->device();
        ALKAID_RETURN_NOT_OK(device->MakeStream());
        ALKAID_RETURN_NOT_OK(device->WrapStream(nullptr, nullptr));
        ALKAID_RETURN_NOT_OK(objects.value->MakeDeviceSyncEvent());
        return objects.value->WrapDeviceSyncEvent(nullptr, nullptr).status();
      },
      [](auto&) { return ""; });
  TryWithPool("MutableBuffer::Wrap", kThrows, [](auto*) {
    static uint8_t bytes[10];
    return MutableBuffer::Wrap(bytes, 10);
  });
  struct Vault {
    std::shared_ptr<Buffer> host;
    std::shared_ptr<MemoryManager> cpu;
    std::shared_ptr<MemoryManager> vault;
    std::shared_ptr<Buffer> in_vault;
  };
  const auto make = [](MemoryPool* pool) {
    Vault state;
    state.host = FilledBuffer(pool);
    state.cpu = CPUDevice::memory_manager(pool);
    state.vault = VaultDevice::Make(1)->default_memory_manager();
    state.in_vault = Buffer::Copy(state.host, state.vault).value();
    return Objects(pool, std::move(state));
  };
  const auto size = [](auto&, auto& buffer) { return absl::StrCat(buffer->size()); };
  const auto text = [](auto&, auto& buffer) { return TextOf(*buffer); };
  FailureSuite::Try(
      "Buffer::Copy on the CPU", kStatus, make,
      [](auto& objects) { return Buffer::Copy(objects.value.host, objects.value.cpu); }, text);
  FailureSuite::Try(
      "Buffer::Copy to a device", kStatus, make,
      [](auto& objects) { return Buffer::Copy(objects.value.host, objects.value.vault); }, size);
  FailureSuite::Try(
      "Buffer::Copy from a device", kStatus, make,
      [](auto& objects) { return Buffer::Copy(objects.value.in_vault, objects.value.cpu); }, text);
  FailureSuite::Try(
      "Buffer::CopyNonOwned", kStatus, make,
      [](auto& objects) {
        return Buffer::CopyNonOwned(*objects.value.in_vault, objects.value.cpu);
      },
      text);
  FailureSuite::Try(
      "Buffer::View", kStatus, make,
      [](auto& objects) { return Buffer::View(objects.value.in_vault, objects.value.cpu); }, size);
  FailureSuite::Try(
      "Buffer::ViewOrCopy", kStatus, make,
      [](auto& objects) { return Buffer::ViewOrCopy(objects.value.in_vault, objects.value.cpu); },
      size);
  FailureSuite::Try(
      "MemoryManager::CopyBufferSliceToCPU", kStatus, make,
      [](auto& objects) {
        uint8_t bytes[20];
        return MemoryManager::CopyBufferSliceToCPU(objects.value.in_vault, 3, 20, bytes);
      },
      [](auto&) { return ""; });
  const auto readable = [](auto&, auto& reader) { return absl::StrCat(*reader->GetSize()); };
  const auto writable = [](auto&, auto& writer) { return absl::StrCat(*writer->Tell()); };
  FailureSuite::Try(
      "MemoryManager::GetBufferReader", kStatus, make,
      [](auto& objects) { return objects.value.cpu->GetBufferReader(objects.value.host); },
      readable);
  FailureSuite::Try(
      "MemoryManager::GetBufferReader, of another device's", kStatus, make,
      [](auto& objects) { return objects.value.cpu->GetBufferReader(objects.value.in_vault); },
      readable);
  FailureSuite::Try(
      "MemoryManager::GetBufferWriter", kStatus, make,
      [](auto& objects) { return objects.value.cpu->GetBufferWriter(objects.value.host); },
      writable);
  FailureSuite::Try(
      "MemoryManager::GetBufferWriter, of what is not mutable", kStatus, make,
      [](auto& objects) {
        static const auto bytes = std::make_shared<Buffer>(std::string_view(kText));
        return objects.value.cpu->GetBufferWriter(bytes);
      },
      writable);
  FailureSuite::Try(
      "Buffer::GetReader", kStatus, make,
      [](auto& objects) { return Buffer::GetReader(objects.value.host); },
      [](auto&, auto& reader) { return absl::StrCat(*reader->GetSize()); });
  FailureSuite::Try(
      "Buffer::GetWriter", kStatus, make,
      [](auto& objects) { return Buffer::GetWriter(objects.value.host); },
      [](auto&, auto& writer) { return absl::StrCat(*writer->Tell()); });
  FailureSuite::TryInChildren("RegisterDeviceMapper", kStatus, [] {
    return RegisterDeviceMapper(DeviceAllocationType::kVPI,
                                [](int64_t) { return default_cpu_memory_manager(); });
  });
  FailureSuite::Try(
      "GetDeviceMapper", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) { return GetDeviceMapper(DeviceAllocationType::kCPU); },
      [](int&, auto& mapper) { return mapper ? "a mapper" : "none"; });
  FailureSuite::Try(
      "GetDeviceMapper of none", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return GetDeviceMapper(DeviceAllocationType::kMETAL); },
      [](int&, auto&) { return ""; });
}

TEST(BuffersOutOfMemory, StreamsInMemory) {
  const auto make = [](MemoryPool* pool) { return Objects(pool, FilledBuffer(pool)); };
  FailureSuite::Try(
      "BufferReader::Make", kStatus, make,
      [](auto& objects) { return io::BufferReader::Make(objects.value); },
      [](auto&, auto& reader) { return absl::StrCat(*reader->GetSize()); });
  FailureSuite::Try(
      "FixedSizeBufferWriter::Make", kStatus, make,
      [](auto& objects) { return io::FixedSizeBufferWriter::Make(objects.value); },
      [](auto&, auto& writer) { return absl::StrCat(*writer->Tell()); });
  const auto reader = [](MemoryPool* pool) {
    return Objects(pool, std::make_unique<io::BufferReader>(FilledBuffer(pool)));
  };
  const auto try_reader = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("BufferReader::", name), rule, reader,
        [&](auto& objects) { return call(*objects.value); },
        [](auto& objects, auto&&...) {
          return objects.value->closed() ? "closed" : absl::StrCat(*objects.value->Tell());
        });
  };
  try_reader("Read", kStatus, [](io::BufferReader& file) { return file.Read(10); });
  try_reader("ReadAt", kStatus, [](io::BufferReader& file) { return file.ReadAt(3, 10); });
  try_reader("ReadAt, negative", kStatus,
             [](io::BufferReader& file) { return file.ReadAt(-3, 10); });
  try_reader("Read to memory", kNeedsNone, [](io::BufferReader& file) {
    char bytes[10];
    return file.Read(10, bytes);
  });
  try_reader("Seek", kStatus, [](io::BufferReader& file) { return file.Seek(100); });
  try_reader("Advance", kNeedsNone, [](io::BufferReader& file) { return file.Advance(10); });
  try_reader("Tell", kNeedsNone, [](io::BufferReader& file) { return file.Tell(); });
  try_reader("GetSize", kNeedsNone, [](io::BufferReader& file) { return file.GetSize(); });
  try_reader("Close", kNeedsNone, [](io::BufferReader& file) { return file.Close(); });
  const auto try_writer = [&](const char* name, failing::OutOfMemory rule, const auto& call) {
    FailureSuite::Try(
        absl::StrCat("FixedSizeBufferWriter::", name), rule,
        [](MemoryPool* pool) {
          return Objects(pool, std::make_unique<io::FixedSizeBufferWriter>(FilledBuffer(pool)));
        },
        [&](auto& objects) { return call(*objects.value); },
        [](auto& objects, auto&&...) {
          return objects.value->closed() ? "closed" : absl::StrCat(*objects.value->Tell());
        });
  };
  try_writer("Write", kNeedsNone,
             [](io::FixedSizeBufferWriter& file) { return file.Write(kText, 10); });
  try_writer("Write past the end", kStatus,
             [](io::FixedSizeBufferWriter& file) { return file.Write(kText, 65); });
  try_writer("Write of a buffer", kNeedsNone, [](io::FixedSizeBufferWriter& file) {
    static const auto bytes = std::make_shared<Buffer>(std::string_view(kText));
    return file.Write(bytes);
  });
  try_writer("WriteAt", kNeedsNone,
             [](io::FixedSizeBufferWriter& file) { return file.WriteAt(3, kText, 10); });
  try_writer("Seek", kStatus, [](io::FixedSizeBufferWriter& file) { return file.Seek(-1); });
  try_writer("Flush", kNeedsNone, [](io::FixedSizeBufferWriter& file) { return file.Flush(); });
  try_writer("Close", kNeedsNone, [](io::FixedSizeBufferWriter& file) { return file.Close(); });
}

}  // namespace
}  // namespace alkaid
