// Device and MemoryManager: where a Buffer's bytes live, and how to reach them from elsewhere.
//
// A Device says what an address means (host memory, the memory of one accelerator). A MemoryManager
// belongs to one device and allocates, copies and views there. Each manager implements the hooks it
// can, and returns null from the others. To move a Buffer between two devices, these are asked in
// order:
//   1. the destination's manager
//   2. the source's manager
//   3. both, through host memory: by a view of the source there, or else by a copy
//
// Ownership: devices and managers are shared; a buffer keeps its manager, a manager its device.
// Threads: devices and managers may be used from any thread; a Stream or SyncEvent by one at a
// time. Out of memory: kResourceExhausted from whatever allocates; nothing is left half made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

class Buffer;

namespace io {
class OutputStream;
class RandomAccessFile;
}  // namespace io

// Kinds of memory, numbered as ArrowDeviceType in the Arrow C device data interface.
enum class DeviceAllocationType : char {
  kCPU = 1,
  kCUDA = 2,
  kCUDA_HOST = 3,
  kOPENCL = 4,
  kVULKAN = 7,
  kMETAL = 8,
  kVPI = 9,
  kROCM = 10,
  kROCM_HOST = 11,
  kEXT_DEV = 12,
  kCUDA_MANAGED = 13,
  kONEAPI = 14,
  kWEBGPU = 15,
  kHEXAGON = 16,
};

class MemoryManager;

class ALKAID_EXPORT Device : public std::enable_shared_from_this<Device> {
 public:
  virtual ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // The same for all devices of one class, different between classes: a light replacement for RTTI.
  virtual const char* type_name() const = 0;
  // For people; distinguishes two devices of one class.
  virtual std::string ToString() const = 0;
  // Whether both stand for the same device.
  virtual bool Equals(const Device& other) const = 0;
  friend bool operator==(const Device& a, const Device& b) { return a.Equals(b); }
  // Which one among several of its kind; -1 where that has no meaning, as for the CPU.
  virtual int64_t device_id() const { return -1; }
  // Whether the device's addresses are plain host addresses.
  bool is_cpu() const { return is_cpu_; }
  // A manager with the device's default settings.
  virtual std::shared_ptr<MemoryManager> default_memory_manager() = 0;
  virtual DeviceAllocationType device_type() const = 0;

  class SyncEvent;

  // A device's queue of work, wrapped. `release_stream` frees the raw stream, if there is one, when
  // the wrapper goes; null leaves it alone.
  class ALKAID_EXPORT Stream {
   public:
    using release_fn_t = std::function<void(void*)>;
    virtual ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    virtual const void* get_raw() const { return stream_.get(); }
    // Makes later work in this stream wait for `event`; does not block the caller.
    virtual Status WaitEvent(const SyncEvent& event) = 0;
    // Blocks the caller until all work queued so far is done.
    virtual Status Synchronize() const = 0;

   protected:
    explicit Stream(void* stream, release_fn_t release_stream)
        : stream_(stream, ReleasingOnly(std::move(release_stream))) {}

    std::unique_ptr<void, release_fn_t> stream_;
  };

  // A point in a stream's work that others can wait for. `release_sync_event` as for Stream.
  class ALKAID_EXPORT SyncEvent {
   public:
    using release_fn_t = std::function<void(void*)>;
    virtual ~SyncEvent();
    SyncEvent(const SyncEvent&) = delete;
    SyncEvent& operator=(const SyncEvent&) = delete;

    void* get_raw() { return sync_event_.get(); }
    // Blocks the caller until the event has happened.
    virtual Status Wait() = 0;
    // The event happens when `stream` has done the work queued so far.
    virtual Status Record(const Stream& stream) = 0;

   protected:
    explicit SyncEvent(void* sync_event, release_fn_t release_sync_event)
        : sync_event_(sync_event, ReleasingOnly(std::move(release_sync_event))) {}

    std::unique_ptr<void, release_fn_t> sync_event_;
  };

  // A new stream with the device's own flags (0: its default). Null if the device has no streams.
  virtual Result<std::shared_ptr<Stream>> MakeStream(unsigned int flags);
  virtual Result<std::shared_ptr<Stream>> MakeStream() { return MakeStream(0); }
  // Wraps a stream made elsewhere. Null if the device has no streams; `release` is then not called.
  virtual Result<std::shared_ptr<Stream>> WrapStream(void* device_stream,
                                                     Stream::release_fn_t release);

 protected:
  explicit Device(bool is_cpu = false) : is_cpu_(is_cpu) {}

 private:
  // A deleter for a unique_ptr: does nothing if `release` is empty.
  static std::function<void(void*)> ReleasingOnly(std::function<void(void*)> release);

  const bool is_cpu_;
};

class ALKAID_EXPORT MemoryManager : public std::enable_shared_from_this<MemoryManager> {
 public:
  virtual ~MemoryManager();
  MemoryManager(const MemoryManager&) = delete;
  MemoryManager& operator=(const MemoryManager&) = delete;

  // By value: a buffer's manager may be made for this call, and be gone after the expression.
  std::shared_ptr<Device> device() const { return device_; }
  bool is_cpu() const { return device_->is_cpu(); }

  // A reader over the bytes of `buffer`, which must belong to this manager's device.
  virtual Result<std::shared_ptr<io::RandomAccessFile>> GetBufferReader(
      std::shared_ptr<Buffer> buffer) = 0;
  // A writer into the bytes of `buffer`, which must be mutable (else kInvalidArgument) and keeps
  // its size.
  virtual Result<std::shared_ptr<io::OutputStream>> GetBufferWriter(
      std::shared_ptr<Buffer> buffer) = 0;
  // A mutable buffer of `size` bytes in the device's memory.
  virtual Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size) = 0;

  // A copy of `source` that `to` owns. If neither device can copy directly, the bytes go through
  // the CPU: `to` copies from a CPU view of the source if the source's manager gives one, else from
  // a CPU copy. kUnimplemented, naming both devices, if there is no way.
  static Result<std::shared_ptr<Buffer>> CopyBuffer(const std::shared_ptr<Buffer>& source,
                                                    const std::shared_ptr<MemoryManager>& to);
  // The same for a source whose lifetime is not tied to a shared_ptr.
  static Result<std::unique_ptr<Buffer>> CopyNonOwned(const Buffer& source,
                                                      const std::shared_ptr<MemoryManager>& to);
  // The bytes of `source` as seen from `to`'s device, without a copy; the view keeps `source`
  // alive. Returns `source` itself if it lives on an equal device. kUnimplemented, naming both
  // devices, if it is not possible.
  static Result<std::shared_ptr<Buffer>> ViewBuffer(const std::shared_ptr<Buffer>& source,
                                                    const std::shared_ptr<MemoryManager>& to);
  // Copies `length` bytes from `offset` of `buffer`, on any device, to host memory at `out`.
  // kOutOfRange, naming the numbers, if the range does not lie inside the buffer.
  static Status CopyBufferSliceToCPU(const std::shared_ptr<Buffer>& buffer, int64_t offset,
                                     int64_t length, uint8_t* out);

  // A new event of the device; null if it has none.
  virtual Result<std::shared_ptr<Device::SyncEvent>> MakeDeviceSyncEvent();
  // Wraps an event made elsewhere; null if the device has none, and `release` is then not called.
  virtual Result<std::shared_ptr<Device::SyncEvent>> WrapDeviceSyncEvent(
      void* sync_event, Device::SyncEvent::release_fn_t release);

 protected:
  explicit MemoryManager(std::shared_ptr<Device> device) : device_(std::move(device)) {}

  // What a device implements. A null result means "not by me"; an error ends the search. In the
  // From hooks `from` is the buffer's manager; in the To hooks the buffer belongs to this manager.
  // The shared forms of Copy fall back on the non-owned ones.
  virtual Result<std::shared_ptr<Buffer>> CopyBufferFrom(
      const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& from);
  virtual Result<std::shared_ptr<Buffer>> CopyBufferTo(const std::shared_ptr<Buffer>& buffer,
                                                       const std::shared_ptr<MemoryManager>& to);
  virtual Result<std::unique_ptr<Buffer>> CopyNonOwnedFrom(
      const Buffer& buffer, const std::shared_ptr<MemoryManager>& from);
  virtual Result<std::unique_ptr<Buffer>> CopyNonOwnedTo(const Buffer& buffer,
                                                         const std::shared_ptr<MemoryManager>& to);
  virtual Result<std::shared_ptr<Buffer>> ViewBufferFrom(
      const std::shared_ptr<Buffer>& buffer, const std::shared_ptr<MemoryManager>& from);
  virtual Result<std::shared_ptr<Buffer>> ViewBufferTo(const std::shared_ptr<Buffer>& buffer,
                                                       const std::shared_ptr<MemoryManager>& to);

  std::shared_ptr<Device> device_;
};

// Returns the manager for the device of that id (-1: the only one, or the current one).
using DeviceMapper = std::function<Result<std::shared_ptr<MemoryManager>>(int64_t device_id)>;

// Registers how to find the managers of one kind of device, for data from outside that names a kind
// and an id. Once for each kind: kAlreadyExists otherwise; an empty mapper is kInvalidArgument. The
// CPU's is registered from the start.
ALKAID_EXPORT Status RegisterDeviceMapper(DeviceAllocationType device_type, DeviceMapper mapper);
// kNotFound, naming the kind, if none was registered.
ALKAID_EXPORT Result<DeviceMapper> GetDeviceMapper(DeviceAllocationType device_type);

}  // namespace alkaid

#include "alkaid/core/buffers/cpu_device.h"  // IWYU pragma: export
