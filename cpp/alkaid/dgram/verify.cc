#include "alkaid/dgram/verify.h"

#include <utility>

namespace alkaid::dgram {
std::string Finding::ToString() const {
  return absl::StrCat(source, ": byte ", byte, " (datagram ", dgram_index, " at byte ", dgram_byte,
                      "): ", kind == Kind::kFault ? "fault: " : "remark: ", text);
}

BatchReaderOptions ForVerifying(BatchReaderOptions options) {
  options.require_configuration = false;
  options.read_configures = false;
  return options;
}

Verifier::Verifier(std::string source, Report report,
                   std::shared_ptr<const Configuration> configuration)
    : source_(std::move(source)),
      report_(std::move(report)),
      configured_(configuration != nullptr) {
  if (configuration == nullptr) return;
  for (const Names& names : configuration->names()) declared_[names.id().key()].names = names;
}

Verifier::~Verifier() = default;

void Verifier::Add(Finding finding) {
  ++(finding.kind == Finding::Kind::kFault ? totals_.faults : totals_.remarks);
  report_(finding);
}

Result<bool> Verifier::CheckBatch(BatchReader& reader) {
  const Result<DgramBatch> batch = reader.Next();
  if (batch.ok()) {
    for (const Dgram& dgram : *batch) Check(dgram);
    if (batch->empty() && !any_ && !configured_) {
      AddAtEnd(reader, "there is no datagram, and so no Configure");
      any_ = true;
    }
    return !batch->empty();
  }
  if (batch.status().code() != StatusCode::kDataLoss) return batch.status();

  totals_.bytes_not_reached = reader.end() - reader.position();
  // The place, which the message begins with, is said apart from the text.
  std::string text = internal::MessageText(batch.status());
  const std::string place =
      absl::StrCat(": byte ", reader.position(), " (datagram ", reader.next_index(), " at byte ",
                   reader.position(), "): ");
  const size_t place_at = text.find(place);
  if (place_at != std::string::npos) text.erase(0, place_at + place.size());
  AddAtEnd(reader, absl::StrCat(text, "; ", totals_.bytes_not_reached,
                                " bytes from here on are not looked at"));
  return false;
}

void Verifier::AddAtEnd(const BatchReader& reader, std::string text) {
  const int64_t at = reader.position();
  Add({Finding::Kind::kFault, source_, at, at, reader.next_index(), std::move(text)});
}

Status Verifier::CheckAll(BatchReader& reader) {
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const bool more, CheckBatch(reader));
    if (!more) return absl::OkStatus();
  }
}

}  // namespace alkaid::dgram
