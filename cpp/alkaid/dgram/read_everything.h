// Reads all that bytes say, by every way that this room offers, and touches each byte that it is
// shown; for tests and fuzzers of malformed datagrams, under a sanitizer above all.
//
// Not installed.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffer.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/verify.h"

namespace alkaid::dgram {

struct EverythingRead {
  // The first refusal, of the reader or of a check of a datagram; OK where there was none.
  Status status;
  int64_t dgrams = 0;
  int64_t fields = 0;
  // Of all bytes and elements; of use only in that the compiler can not leave out a read.
  uint64_t sum = 0;
};

class EverythingReader {
 public:
  EverythingRead Read(std::shared_ptr<Buffer> bytes, int64_t batch_bytes) {
    BatchReaderOptions options;
    options.batch_bytes = batch_bytes;
    auto reader = BatchReader::Open(std::move(bytes), std::move(options));
    if (!reader.ok()) {
      Note(reader.status());
      return read_;
    }
    while (true) {
      const Result<DgramBatch> batch = (*reader)->Next();
      if (!batch.ok()) {
        Note(batch.status());
        return read_;
      }
      if (batch->empty()) return read_;
      FindHandles(*batch->origin()->configuration);
      for (const Dgram& dgram : *batch) ReadDgram(dgram);
    }
  }

 private:
  void Note(const Status& status) {
    if (read_.status.ok()) read_.status = status;
  }
  void Expect(bool truth) {
    if (!truth) std::abort();
  }

  // All names by which a field can be asked for, as far as that stays quick.
  void FindHandles(const Configuration& configuration) {
    handles_.clear();
    for (const Names& names : configuration.names()) {
      for (const Field& field : names.fields()) {
        if (handles_.size() == kMostHandles) return;
        auto handle = configuration.Find(names.detector(), names.segment(), names.algorithm().name,
                                         field.name);
        if (handle.ok()) handles_.push_back(*std::move(handle));
      }
    }
  }

  void ReadDgram(const Dgram& dgram) {
    ++read_.dgrams;
    const Status checked = CheckDgram(dgram);
    Note(checked);
    read_.sum += dgram.header().timestamp.total_nanoseconds() + dgram.damage().ToString().size();

    int64_t visited = 0;
    const Status all = ForEachField(dgram, [&](const ShapesData& data, const FieldView& field) {
      ++visited;
      ReadField(data, field);
    });
    Expect(all == checked);
    read_.fields += visited;

    int64_t walked = 0;
    for (ShapesDataWalk walk(dgram); walk.Next();) {
      FieldWalk fields(walk.shapes_data());
      while (fields.Next()) {
        ++walked;
        if (fields.field().type() == DataType::kEnumVal) {
          const auto label = walk.shapes_data().EnumLabel(fields.index());
          if (label.ok()) read_.sum += label->size();
        }
      }
      if (!fields.status().ok()) break;
    }
    Expect(walked == visited);
    for (const FieldHandle& handle : handles_) {
      const Result<HeldField> field = FindField(dgram, handle);
      if (field.ok()) Touch(field->data(), field->nbytes());
    }
    const Result<Dgram> copy = dgram.Copy();
    Expect(copy.ok() && CheckDgram(*copy).ok() == checked.ok());
  }

  void ReadField(const ShapesData& data, const FieldView& field) {
    Touch(field.data(), field.nbytes());
    read_.sum += data.names().ToString().size() + field.field().base_name().size() +
                 field.field().enum_type().size();
    const auto text = field.String();
    Expect(text.ok() == (field.type() == DataType::kCharStr));
    if (text.ok()) Touch(reinterpret_cast<const uint8_t*>(text->data()), std::ssize(*text));
    switch (field.type()) {
      case DataType::kUInt8:
      case DataType::kCharStr:
        return ReadAs<uint8_t>(field);
      case DataType::kUInt16:
        return ReadAs<uint16_t>(field);
      case DataType::kUInt32:
        return ReadAs<uint32_t>(field);
      case DataType::kUInt64:
        return ReadAs<uint64_t>(field);
      case DataType::kInt8:
        return ReadAs<int8_t>(field);
      case DataType::kInt16:
        return ReadAs<int16_t>(field);
      case DataType::kInt32:
      case DataType::kEnumVal:
      case DataType::kEnumDict:
        return ReadAs<int32_t>(field);
      case DataType::kInt64:
        return ReadAs<int64_t>(field);
      case DataType::kFloat:
        return ReadAs<float>(field);
      case DataType::kDouble:
        return ReadAs<double>(field);
    }
  }

  template <typename T>
  void ReadAs(const FieldView& field) {
    const Result<ArrayView<T>> array = field.Array<T>();
    Expect(array.ok() && array->nbytes() == field.nbytes() && array->size() == field.size());
    for (int64_t i = 0; i < array->size(); ++i) {
      const T element = (*array)[i];
      Touch(reinterpret_cast<const uint8_t*>(&element), sizeof(T));
    }
    Expect(field.Scalar<T>().ok() == (field.rank() == 0));
    if (array->nbytes() > kMostCopied) return;
    const auto copy = array->Copy();
    Expect(copy.ok());
    Touch((*copy)->data(), (*copy)->size());
  }

  void Touch(const uint8_t* data, int64_t nbytes) {
    for (int64_t i = 0; i < nbytes; ++i) read_.sum += data[i];
  }

  static constexpr size_t kMostHandles = 32;
  static constexpr int64_t kMostCopied = 4096;

  EverythingRead read_;
  std::vector<FieldHandle> handles_;
};

inline EverythingRead ReadEverything(std::shared_ptr<Buffer> bytes,
                                     int64_t batch_bytes = int64_t{4} << 20) {
  return EverythingReader().Read(std::move(bytes), batch_bytes);
}

// All findings in bytes that hold whole sources.
inline std::vector<Finding> VerifyEverything(std::shared_ptr<Buffer> bytes) {
  std::vector<Finding> findings;
  const auto reader = BatchReader::Open(std::move(bytes), ForVerifying());
  Verifier verifier("buffer", [&](const Finding& finding) { findings.push_back(finding); });
  if (!reader.ok() || !verifier.CheckAll(**reader).ok()) std::abort();
  return findings;
}

}  // namespace alkaid::dgram
