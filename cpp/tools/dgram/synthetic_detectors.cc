#include "tools/dgram/synthetic_detectors.h"

#include <utility>

namespace alkaid::tools {
namespace {

using dgram::DataType;
using dgram::Field;
using dgram::Names;
using dgram::NamesId;

std::vector<SyntheticField> DigitizerFields() {
  return {{"trigger", DataType::kDouble, {}},  {"pulse", DataType::kUInt64, {}},
          {"gate", DataType::kUInt32, {}},     {"waveform", DataType::kFloat, {3, 3}},
          {"flags", DataType::kUInt16, {}},    {"peaks", DataType::kUInt16, {16}},
          {"channel", DataType::kUInt8, {}},   {"counts", DataType::kUInt8, {2, 4, 3}},
          {"offset", DataType::kInt32, {}},    {"baseline", DataType::kFloat, {}},
          {"moments", DataType::kDouble, {6}}, {"polarity", DataType::kInt8, {}}};
}

}  // namespace

std::vector<SyntheticDetector> SmallDetectors(uint32_t digitizers, uint32_t segment) {
  std::vector<SyntheticDetector> detectors;
  for (uint32_t i = 0; i < digitizers; ++i) {
    detectors.push_back({"digitizer", "hsd", segment + i, DigitizerFields()});
  }
  detectors.push_back({"camera",
                       "cspad",
                       segment,
                       {{"gain:gainEnum", DataType::kEnumVal, {}},
                        {"low:gainEnum", DataType::kEnumDict, {}},
                        {"high:gainEnum", DataType::kEnumDict, {}},
                        {"exposure", DataType::kDouble, {}},
                        {"tile", DataType::kInt16, {8, 8}},
                        {"note", DataType::kCharStr, {kCountedTextBytes}},
                        {"sequence", DataType::kInt64, {}},
                        {"quality", DataType::kInt16, {}}}});
  return detectors;
}

std::vector<SyntheticDetector> ImageDetector(DataType type, std::vector<uint32_t> shape,
                                             uint32_t segment) {
  return {{"imager",
           "epix",
           segment,
           {{"frame", DataType::kUInt32, {}}, {"image", type, std::move(shape)}}}};
}

Result<std::vector<Names>> DeclarationsOf(const std::vector<SyntheticDetector>& detectors) {
  std::vector<Names> all;
  for (const SyntheticDetector& detector : detectors) {
    std::vector<Field> fields;
    for (const SyntheticField& field : detector.fields) {
      fields.push_back({field.name, field.type, static_cast<int>(field.shape.size()), {}});
    }
    ALKAID_ASSIGN_OR_RAISE(
        Names names, Names::Make(NamesId(1, static_cast<uint32_t>(all.size() + 1)),
                                 detector.detector, detector.type, "synthetic", detector.segment,
                                 {"raw", 0x010203}, std::move(fields)));
    all.push_back(std::move(names));
  }
  return all;
}

CountingValues ValuesOf(const Names& names, const SyntheticDetector& detector) {
  std::vector<std::vector<uint32_t>> shapes;
  for (const SyntheticField& field : detector.fields) shapes.push_back(field.shape);
  return CountingValues(names, std::move(shapes));
}

uint32_t SyntheticBase(int64_t stream, int64_t event, size_t detector, size_t field) {
  return static_cast<uint32_t>((event * 7 + stream * 1009 + static_cast<int64_t>(detector) * 101 +
                                static_cast<int64_t>(field) * 13) &
                               0x3fffff);
}

}  // namespace alkaid::tools
