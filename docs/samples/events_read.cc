// Reads a run of two streams: events from small data, then the datagrams themselves.
#include <alkaid/core/memory.h>
#include <alkaid/dgram/shapes_data.h>
#include <alkaid/events/big_data_reader.h>
#include <alkaid/events/smd_reader.h>

#include <iostream>
#include <string>
#include <vector>

using alkaid::Result;
using alkaid::Status;
using alkaid::dgram::Dgram;
using alkaid::dgram::FieldHandle;
using alkaid::dgram::FindField;
using alkaid::dgram::HeldField;
using alkaid::events::BigDataEvent;
using alkaid::events::BigDataRead;
using alkaid::events::BigDataReader;
using alkaid::events::BigDataReaderOptions;
using alkaid::events::EventBuilder;
using alkaid::events::SmdReader;

const std::vector<std::string> kSmallData = {"pulse.smd.xtc2", "image.smd.xtc2"};
const std::vector<std::string> kBigData = {"pulse.xtc2", "image.xtc2"};

Result<HeldField> Find(const Dgram& dgram, const char* detector, const char* field,
                       FieldHandle* handle) {
  if (handle->configuration() != dgram.configuration()) {
    ALKAID_ASSIGN_OR_RAISE(*handle, dgram.configuration()->Find(detector, 0, "raw", field));
  }
  return FindField(dgram, *handle);
}

Result<Dgram> ReadRun() {
  ALKAID_ASSIGN_OR_RAISE(auto small_data, SmdReader::Open(kSmallData));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<EventBuilder> builder,
                         EventBuilder::Make(std::move(small_data)));
  std::vector<BigDataRead> reads;
  BigDataReaderOptions options;
  options.on_read = [&](const BigDataRead& read) { reads.push_back(read); };
  ALKAID_ASSIGN_OR_RAISE(auto reader, BigDataReader::Open(kBigData, std::move(builder), options));
  FieldHandle energy_handle;
  FieldHandle image_handle;
  Dgram last;
  BigDataEvent event;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const bool more, reader->Next(&event));
    if (!more) break;
    std::cout << event.index() << " " << TransitionName(event.service());
    if (event.is_l1_accept() && event.has(0)) {
      ALKAID_ASSIGN_OR_RAISE(const HeldField field,
                             Find(event.dgram(0), "pulse", "energy", &energy_handle));
      ALKAID_ASSIGN_OR_RAISE(const double energy, field.Scalar<double>());
      std::cout << " energy " << energy;
    }
    if (event.is_l1_accept() && event.has(1)) {
      ALKAID_ASSIGN_OR_RAISE(const HeldField field,
                             Find(event.dgram(1), "area", "image", &image_handle));
      ALKAID_ASSIGN_OR_RAISE(const auto image, field.Array<uint16_t>());
      std::cout << " image " << image.dim(0) << "x" << image.dim(1) << " of " << image(29, 19);
      last = event.dgram(1);
    }
    std::cout << "\n";
  }
  for (const BigDataRead& read : reads) {
    std::cout << read.path << ": " << read.nbytes << " bytes from " << read.offset << "\n";
  }
  return last;
}

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(const Dgram last, ReadRun());
  // Only the group that it lies in is still there.
  std::cout << last.size() << " bytes keep " << last.origin()->buffer->size() << "\n";
  ALKAID_ASSIGN_OR_RAISE(const Dgram copy, last.Copy());
  std::cout << "view owns: " << last.owns_memory() << ", copy owns: " << copy.owns_memory() << "\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
