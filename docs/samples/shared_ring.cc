// Two processes, one ring: events through shared memory, read where they lie. The writer is killed,
// and then the reader; the other goes on with the next one.
#include "shared_ring.h"

#include <alkaid/core/memory.h>
#include <alkaid/dgram/ring_source.h>
#include <alkaid/dgram/shapes_data.h>
#include <alkaid/dgram/writer.h>
#include <alkaid/heap/reports/retention_report.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using namespace alkaid::dgram;
using Role = SharedRing::Role;

// Events of a camera, each in a slot of the ring.
class Camera {
 public:
  static Result<Camera> Join(const std::string& path) {
    ALKAID_ASSIGN_OR_RAISE(auto ring, SharedRing::Join(path, Role::kWriter));
    ALKAID_ASSIGN_OR_RAISE(
        Names names, Names::Make(NamesId(0, 1), "camera", "pixels", "serial77", 0, {"raw", 1 << 16},
                                 {{"image", DataType::kUInt16, 1, {}}}));
    return Camera(std::move(ring), std::move(names));
  }
  Status SendConfigure() {
    ALKAID_ASSIGN_OR_RAISE(const auto configure, MakeConfigure());
    return Send(*configure);
  }
  Status SendEvent(uint32_t number) {
    const std::vector<uint16_t> image(1000, static_cast<uint16_t>(number));
    DgramWriter writer;
    ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(101, number)));
    ALKAID_RETURN_NOT_OK(writer.Data(names_, {FieldValue::Array<uint16_t>(image, {1000})}));
    ALKAID_RETURN_NOT_OK(writer.End());
    ALKAID_ASSIGN_OR_RAISE(const auto event, writer.Finish());
    return Send(*event);
  }
  // What a reader needs that joins after the Configure.
  Result<std::shared_ptr<const Configuration>> configuration() const {
    ALKAID_ASSIGN_OR_RAISE(auto configure, MakeConfigure());
    ALKAID_ASSIGN_OR_RAISE(const Dgram dgram, Dgram::Make(std::move(configure)));
    return dgram.configuration();
  }
  SharedRing& ring() { return *ring_; }

 private:
  Camera(std::shared_ptr<SharedRing> ring, Names names)
      : ring_(std::move(ring)), names_(std::move(names)) {}

  Result<std::shared_ptr<Buffer>> MakeConfigure() const {
    DgramWriter writer;
    ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(100, 0)));
    ALKAID_RETURN_NOT_OK(writer.Declare(names_));
    ALKAID_RETURN_NOT_OK(writer.End());
    return writer.Finish();
  }

  // Waits for a free slot: where the reader pins them all, nothing is written, and nothing lost.
  Status Send(const Buffer& dgrams) {
    ALKAID_ASSIGN_OR_RAISE(const int64_t slot, ring_->Claim());
    std::memcpy(ring_->Bytes(slot), dgrams.data(), static_cast<size_t>(dgrams.size()));
    ring_->Publish(slot, dgrams.size());
    return absl::OkStatus();
  }

  std::shared_ptr<SharedRing> ring_;
  Names names_;
};

struct Reader {
  std::shared_ptr<SharedRing> shared;
  std::shared_ptr<SlotRing> slots;
  std::unique_ptr<RingSource> source;
};
Result<Reader> JoinAsReader(const std::string& path,
                            std::shared_ptr<const Configuration> configuration = nullptr) {
  ALKAID_ASSIGN_OR_RAISE(auto shared, SharedRing::Join(path, Role::kReader));
  ALKAID_ASSIGN_OR_RAISE(auto slots,
                         SlotRing::Make("pebble", shared->slots(),
                                        [shared](int64_t slot) { shared->GiveBack(slot); }));
  ALKAID_ASSIGN_OR_RAISE(auto source, RingSource::Make(slots, [shared] { return shared->Take(); },
                                                       {.configuration = configuration}));
  return Reader{std::move(shared), std::move(slots), std::move(source)};
}

// Reads until nothing comes. Keeps the image of event 2, and with it its slot.
struct Monitor {
  Status Read(RingSource& source) {
    const alkaid::ScopedLabel label("monitor");  // the name of its slots in reports
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, source.Next());
      if (batch.empty()) return absl::OkStatus();
      for (const Dgram& dgram : batch) {
        if (!dgram.is_l1_accept()) continue;
        ++events;
        if (dgram.timestamp().nanoseconds() != 2) continue;
        ALKAID_ASSIGN_OR_RAISE(const FieldHandle handle,
                               dgram.configuration()->Find("camera", 0, "raw", "image"));
        ALKAID_ASSIGN_OR_RAISE(const HeldField field, FindField(dgram, handle));
        ALKAID_ASSIGN_OR_RAISE(kept, field.Array<uint16_t>());
      }
    }
  }
  int events = 0;
  ArrayView<uint16_t> kept;
};

pid_t Start(const std::function<Status()>& work) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const Status status = work();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  ::_exit(status.ok() ? 0 : 1);
}
void Await(pid_t pid) { ::waitpid(pid, nullptr, 0); }

// One writer is killed while it fills a slot; another goes on.
Status WritersDie(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(Reader reader, JoinAsReader(path));
  const pid_t first = Start([&]() -> Status {
    ALKAID_ASSIGN_OR_RAISE(Camera camera, Camera::Join(path));
    ALKAID_RETURN_NOT_OK(camera.SendConfigure());
    for (uint32_t event = 0; event < 10; ++event) ALKAID_RETURN_NOT_OK(camera.SendEvent(event));
    ALKAID_RETURN_NOT_OK(camera.ring().Claim());
    ::raise(SIGKILL);
    return absl::OkStatus();
  });
  Monitor monitor;
  const Status gone = monitor.Read(*reader.source);
  Await(first);
  std::cout << monitor.events << " events, then: " << gone.message() << "\n";

  const pid_t second = Start([&]() -> Status {
    ALKAID_ASSIGN_OR_RAISE(Camera camera, Camera::Join(path));
    ALKAID_RETURN_NOT_OK(camera.SendConfigure());
    for (uint32_t event = 10; event < 15; ++event) ALKAID_RETURN_NOT_OK(camera.SendEvent(event));
    camera.ring().End();
    return absl::OkStatus();
  });
  reader.shared->WaitForPeer();
  ALKAID_RETURN_NOT_OK(monitor.Read(*reader.source));
  Await(second);
  const SlotCounts counts = reader.slots->counts();
  std::cout << monitor.events << " events, " << counts.lent << " slots lent, " << counts.pinned
            << " still pinned; " << reader.shared->Count(SharedRing::kFree) << " are free\n";
  // Under ALKAID_TRACK_ALLOCATIONS=views: by whom, and since when.
  const auto report = alkaid::heap::RetentionReport::Take();
  if (report.ok()) std::cout << reader.slots->ToString() << "\n" << report->ToString();
  return absl::OkStatus();
}

// One reader is killed with two slots in its hands; another goes on.
Status ReadersDie(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(Camera camera, Camera::Join(path));
  ALKAID_RETURN_NOT_OK(camera.SendConfigure());
  const pid_t first = Start([&]() -> Status {
    ALKAID_ASSIGN_OR_RAISE(Reader reader, JoinAsReader(path));
    std::vector<DgramBatch> kept;
    for (int i = 0; i < 2; ++i) {
      ALKAID_ASSIGN_OR_RAISE(DgramBatch batch, reader.source->Next());
      kept.push_back(std::move(batch));
    }
    ::raise(SIGKILL);
    return absl::OkStatus();
  });
  camera.ring().WaitForPeer();
  uint32_t event = 0;
  Status gone;
  for (; gone.ok(); event += gone.ok()) gone = camera.SendEvent(event);
  Await(first);
  std::cout << event << " events, then: " << gone.message() << "\n";

  ALKAID_ASSIGN_OR_RAISE(const auto configuration, camera.configuration());
  const pid_t second = Start([&]() -> Status {
    ALKAID_ASSIGN_OR_RAISE(const Reader reader, JoinAsReader(path, configuration));
    Monitor monitor;
    ALKAID_RETURN_NOT_OK(monitor.Read(*reader.source));
    std::cout << monitor.events << " events for the next reader, " << reader.shared->abandoned()
              << " slots freed that the first had\n"
              << std::flush;
    return absl::OkStatus();
  });
  camera.ring().WaitForPeer();
  for (; event < 20; ++event) ALKAID_RETURN_NOT_OK(camera.SendEvent(event));
  camera.ring().End();
  Await(second);
  return absl::OkStatus();
}

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(const int memory, SharedRing::Make(/*slots=*/4, /*slot_bytes=*/4096));
  const std::string path = absl::StrCat("/proc/", ::getpid(), "/fd/", memory);
  ALKAID_RETURN_NOT_OK(WritersDie(path));
  return ReadersDie(path);
}

int main() {
  std::cout << std::unitbuf;
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
