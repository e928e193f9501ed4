// Gathers the events that have an image into one batch, writes it, and reads it back in place.
#include <alkaid/core/memory.h>
#include <alkaid/events/big_data_reader.h>
#include <alkaid/events/smd_reader.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

using alkaid::Buffer;
using alkaid::ForeignBuffer;
using alkaid::Result;
using alkaid::Status;
using alkaid::dgram::Configuration;
using alkaid::dgram::Dgram;
using alkaid::events::BigDataEvent;
using alkaid::events::BigDataReader;
using alkaid::events::DgramBatchBuilder;
using alkaid::events::Event;
using alkaid::events::EventBatch;
using alkaid::events::EventBuilder;
using alkaid::events::SmdReader;

using Configurations = std::vector<std::shared_ptr<const Configuration>>;

const std::vector<std::string> kSmallData = {"pulse.smd.xtc2", "image.smd.xtc2"};
const std::vector<std::string> kBigData = {"pulse.xtc2", "image.xtc2"};

// Answers what the batch does not carry itself: how its fields are declared.
Result<Configurations> WriteSelected(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(auto small_data, SmdReader::Open(kSmallData));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<EventBuilder> builder,
                         EventBuilder::Make(std::move(small_data)));
  ALKAID_ASSIGN_OR_RAISE(auto reader, BigDataReader::Open(kBigData, std::move(builder)));
  DgramBatchBuilder selected(reader->stream_count());
  BigDataEvent event;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const bool more, reader->Next(&event));
    if (!more) break;
    if (!event.is_l1_accept() || !event.has(1)) continue;
    for (int stream = 0; stream < event.stream_count(); ++stream) {
      if (!event.has(stream)) continue;
      ALKAID_RETURN_NOT_OK(selected.Append(stream, event.dgram(stream)));
    }
    ALKAID_RETURN_NOT_OK(selected.EndEvent());
  }
  ALKAID_ASSIGN_OR_RAISE(const EventBatch batch, selected.Finish());
  std::cout << batch.size() << " events in " << batch.nbytes() << " bytes\n";
  ALKAID_ASSIGN_OR_RAISE(auto file, alkaid::io::FileOutputStream::Open(path));
  ALKAID_RETURN_NOT_OK(file->Write(batch.buffer()));
  ALKAID_RETURN_NOT_OK(file->Close());
  return batch.configurations();
}

Result<std::shared_ptr<Buffer>> Map(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  struct stat file = {};
  void* mapped = MAP_FAILED;
  if (::fstat(fd, &file) == 0) {
    mapped = ::mmap(nullptr, static_cast<size_t>(file.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  }
  const int reason = errno;
  ::close(fd);
  if (mapped == MAP_FAILED) return absl::ErrnoToStatus(reason, path);
  return ForeignBuffer::Make(mapped, file.st_size, [mapped, nbytes = file.st_size] {
    ::munmap(mapped, static_cast<size_t>(nbytes));
    std::cout << "unmapped\n";
  });
}

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(const Configurations configurations, WriteSelected("selected.events"));
  Dgram kept;
  {
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> mapped, Map("selected.events"));
    ALKAID_ASSIGN_OR_RAISE(const EventBatch batch,
                           EventBatch::Make(std::move(mapped), configurations, "selected.events"));
    for (const Event& event : batch) {
      std::cout << "event " << event.index() << ": " << event.dgram_nbytes(0) << " and "
                << event.dgram_nbytes(1) << " bytes\n";
    }
    ALKAID_ASSIGN_OR_RAISE(kept, batch.event(0).dgram(0).Copy());
  }
  std::cout << "kept " << kept.size() << " bytes\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
