#include "alkaid/dgram/verify.h"

#include <new>
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
    : source_(std::move(source)), report_(std::move(report)) {
  if (configuration != nullptr) Declare(*configuration);
}

Verifier::Verifier(std::string source, Report report,
                   std::shared_ptr<const ConfigurationHistory> history)
    : source_(std::move(source)), report_(std::move(report)), history_(std::move(history)) {}

void Verifier::Declare(const Configuration& configuration) {
  Declarations declarations;
  int64_t order = 0;
  for (const Names& names : configuration.names()) {
    Declared& declared = declarations[names.id().key()];
    declared.names = names;
    declared.order = order++;
  }
  state_.records = FindRecords(declarations);
  declared_.swap(declarations);
  state_.configured = true;
}

void Verifier::DeclareFor(const Dgram& dgram) {
  if (dgram.service() == TransitionId::kConfigure) return;
  std::shared_ptr<const Configuration> now = history_->At(dgram.timestamp());
  if (now == of_history_) return;
  if (now != nullptr) {
    Declare(*now);
  } else {
    declared_.clear();
    state_.records = Records();
    state_.configured = false;
  }
  of_history_ = std::move(now);
}

Verifier::~Verifier() = default;

void Verifier::Add(const Finding& finding) {
  report_(finding);
  ++(finding.kind == Finding::Kind::kFault ? totals_.faults : totals_.remarks);
}

void Verifier::AddOnce(const Finding& finding) {
  if (to_skip_ > 0) {
    --to_skip_;
    return;
  }
  Add(finding);
  ++told_;
}

Result<bool> Verifier::CheckBatch(BatchReader& reader) try {
  Result<DgramBatch> batch = batch_.empty() ? reader.Next() : Result<DgramBatch>(batch_);
  if (batch.ok()) {
    if (batch_.empty()) {
      batch_ = *std::move(batch);
      next_ = batch_.begin();
    }
    const bool more = !batch_.empty();
    for (; more && next_ != batch_.end(); ++next_) Check(*next_);
    next_ = DgramIterator();
    batch_ = DgramBatch();
    if (!more && !state_.any && !state_.configured) {
      AddAtEnd(reader, "there is no datagram, and so no Configure");
      state_.any = true;
    }
    return more;
  }
  if (batch.status().code() != StatusCode::kDataLoss) return batch.status();

  ALKAID_ASSIGN_OR_RAISE(const int64_t end, reader.FindEnd());
  totals_.bytes_not_reached = end - reader.position();
  // The message begins with the place, which a finding keeps apart from its text.
  std::string text(batch.status().message());
  const std::string place =
      absl::StrCat(": byte ", reader.position(), " (datagram ", reader.next_index(), " at byte ",
                   reader.position(), "): ");
  const size_t place_at = text.find(place);
  if (place_at != std::string::npos) text.erase(0, place_at + place.size());
  AddAtEnd(reader, absl::StrCat(text, "; ", totals_.bytes_not_reached,
                                " bytes from here on are not checked"));
  return false;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
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
