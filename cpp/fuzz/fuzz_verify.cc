// Any bytes, as a source of datagrams: a Verifier finds a fault in them if, and only if, a reader
// refuses a part of them. Whatever one side overlooks or invents, the other shows.
//
// The readers: of batches with every field and its value, as for the digest; of records of small
// data; of announced chunks; and, for sources that none of these refuses and whose time does not go
// back, of streams and events.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/verify.h"
#include "alkaid/events/chunk_info.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/events/smd_record.h"
#include "fuzz/dgram_mutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

using alkaid::Buffer;
using alkaid::Status;
using alkaid::StatusCode;
using alkaid::dgram::BatchReader;
using alkaid::dgram::Dgram;
using alkaid::dgram::FieldView;
using alkaid::dgram::Finding;
using alkaid::dgram::ShapesData;
using alkaid::dgram::TransitionId;
using alkaid::events::ChunkInfo;
using alkaid::events::EventBuilder;
using alkaid::events::SmdInfo;
using alkaid::events::SmdReader;

using Bytes = std::shared_ptr<Buffer>;

// For a build with a planted difference: the findings that the Verifier overlooks in it.
#if defined(ALKAID_PLANTED_DIFFERENCE)
bool IsOverlooked(const Finding& finding) {
  return finding.text.starts_with("second Data in one ");
}
#else
bool IsOverlooked(const Finding& /*finding*/) { return false; }
#endif

struct Verdict {
  std::optional<Finding> fault;  // the first
  bool goes_backwards = false;
};

Verdict Verify(const Bytes& bytes) {
  Verdict verdict;
  const auto reader = BatchReader::Open(bytes, alkaid::dgram::ForVerifying());
  alkaid::dgram::Verifier verifier("buffer", [&](const Finding& finding) {
    if (finding.kind == Finding::Kind::kRemark) {
      verdict.goes_backwards |= finding.text.starts_with("time goes backwards");
    } else if (!verdict.fault.has_value() && !IsOverlooked(finding)) {
      verdict.fault = finding;
    }
  });
  if (!reader.ok() || !verifier.CheckAll(**reader).ok()) std::abort();
  return verdict;
}

// A sum that makes sure that every byte of every value is read.
volatile uint64_t sum_of_values;

Status ReadValues(const Dgram& dgram) {
  uint64_t sum = 0;
  const Status status =
      alkaid::dgram::ForEachField(dgram, [&](const ShapesData& data, const FieldView& field) {
        sum += data.names().fields().size();
        for (int64_t i = 0; i < field.nbytes(); ++i) sum += field.data()[i];
        const auto text = field.String();
        if (text.ok()) sum += text->size();
      });
  sum_of_values = sum;
  return status;
}

// Reads like a reader of big data.
Status ReadRecord(const SmdInfo& info, const Dgram& dgram) {
  if (!alkaid::events::IsL1Accept(dgram.service())) return absl::OkStatus();
  const auto record = info.Read(dgram);
  if (record.ok() || record.status().code() != StatusCode::kNotFound) return record.status();
  return dgram.service() == TransitionId::kL1Accept ? record.status() : absl::OkStatus();
}

// Reads like a reader that follows chunks and is in `current`; in none at first.
Status ReadChunk(const Dgram& dgram, std::optional<ChunkInfo>* current) {
  if (!current->has_value()) {
    const auto chunk = ChunkInfo::Read(dgram);
    if (chunk.status().code() == StatusCode::kNotFound) return absl::OkStatus();
    ALKAID_RETURN_NOT_OK(chunk);
    *current = *chunk;
    return absl::OkStatus();
  }
  ALKAID_ASSIGN_OR_RAISE(const auto next,
                         ChunkInfo::Next(dgram, (*current)->filename, (*current)->chunk_id));
  if (next.has_value()) *current = next;
  return absl::OkStatus();
}

Status ReadDgrams(const Bytes& bytes) {
  ALKAID_ASSIGN_OR_RAISE(const auto reader, BatchReader::Open(bytes));
  std::shared_ptr<const alkaid::dgram::Configuration> configuration;
  std::optional<SmdInfo> info;
  std::optional<ChunkInfo> chunk;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const auto batch, reader->Next());
    if (batch.empty()) return absl::OkStatus();
    if (batch.origin()->configuration != configuration) {
      configuration = batch.origin()->configuration;
      auto found = SmdInfo::Find(configuration);
      info.reset();
      if (found.ok()) info = *std::move(found);
    }
    for (const Dgram& dgram : batch) {
      ALKAID_RETURN_NOT_OK(CheckDgram(dgram));
      ALKAID_RETURN_NOT_OK(ReadValues(dgram));
      if (info.has_value()) ALKAID_RETURN_NOT_OK(ReadRecord(*info, dgram));
      ALKAID_RETURN_NOT_OK(ReadChunk(dgram, &chunk));
    }
  }
}

Status BuildEvents(const Bytes& bytes, bool only_open) {
  std::vector<std::unique_ptr<BatchReader>> streams;
  ALKAID_ASSIGN_OR_RAISE(auto stream, BatchReader::Open(bytes));
  streams.push_back(std::move(stream));
  ALKAID_ASSIGN_OR_RAISE(auto reader, SmdReader::Open(std::move(streams)));
  if (only_open) return absl::OkStatus();
  ALKAID_ASSIGN_OR_RAISE(const auto builder, EventBuilder::Make(std::move(reader), {}));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const auto built, builder->Next());
    if (built.done()) return absl::OkStatus();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::make_shared<Buffer>(data, static_cast<int64_t>(size));
  const Verdict verdict = Verify(bytes);
  Status refusal = ReadDgrams(bytes);
  if (refusal.ok()) refusal = BuildEvents(bytes, /*only_open=*/verdict.goes_backwards);
  if (verdict.fault.has_value() != refusal.ok()) return 0;
  std::fprintf(stderr, "difference: readers: %s\nverifier: %s\n", refusal.ToString().c_str(),
               verdict.fault.has_value() ? verdict.fault->ToString().c_str() : "no fault");
  std::abort();
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  return alkaid::dgram::MutateDgrams(data, size, most, seed, LLVMFuzzerMutate);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* a, size_t a_size, const uint8_t* b,
                                            size_t b_size, uint8_t* out, size_t most,
                                            unsigned seed) {
  return alkaid::dgram::CrossDgrams(a, a_size, b, b_size, out, most, seed);
}
