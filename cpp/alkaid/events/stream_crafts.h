// Streams of datagrams made by hand, for the tests of this room. Not installed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffer.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/xtc.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_window.h"

namespace alkaid::events::crafted {

using dgram::TransitionId;

template <typename T>
std::string Word(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
}

// A datagram of that header around `payload`.
inline std::string Dgram(TransitionId service, uint64_t timestamp,
                         const std::string& payload = "") {
  return Word(timestamp) + Word(static_cast<uint32_t>(service) << 24 | 0x40003U) +
         Word(uint32_t{0}) + Word(uint16_t{0}) + Word(uint16_t{0}) +
         Word(static_cast<uint32_t>(dgram::kXtcHeaderBytes + payload.size())) + payload;
}
inline std::string L1(uint64_t timestamp, const std::string& payload = "") {
  return Dgram(TransitionId::kL1Accept, timestamp, payload);
}

inline std::string Xtc(uint16_t type, uint32_t src, const std::string& payload) {
  return Word(src) + Word(uint16_t{0}) + Word(type) +
         Word(static_cast<uint32_t>(dgram::kXtcHeaderBytes + payload.size())) + payload;
}

inline constexpr uint32_t kSmdSrc = 512 << 8;
// An L1Accept of small data.
inline std::string Smd(uint64_t timestamp, uint64_t offset, uint64_t size) {
  return L1(timestamp,
            Xtc(1, kSmdSrc, Xtc(2, kSmdSrc, "") + Xtc(3, kSmdSrc, Word(offset) + Word(size))));
}

inline std::string Text(const std::string& text) {
  std::string field(256, '\0');
  field.replace(0, text.size(), text);
  return field;
}
// A Configure of small data, which declares records and nothing else.
inline std::string SmdConfigure(uint64_t timestamp = 0) {
  std::string names = Word(uint32_t{0}) + Text("offset") + Text("smdinfo") + Text("") +
                      Text("offsetAlg") + Word(uint32_t{0}) + Word(uint32_t{0});
  for (const char* field : {"intOffset", "intDgramSize"}) {
    names += Text("") + Word(uint32_t{0}) + Text(field) + Word(uint32_t{3}) + Word(uint32_t{0});
  }
  return Dgram(TransitionId::kConfigure, timestamp, Xtc(4, kSmdSrc, names));
}
inline std::shared_ptr<const dgram::Configuration> SmdConfiguration() {
  return *dgram::Configuration::FromNames({*SmdInfo::Declaration(dgram::NamesId(kSmdSrc))});
}

// A source of one window of these bytes, a string for each stream.
inline std::shared_ptr<SmdWindowSource> Source(const std::vector<std::string>& streams) {
  std::vector<std::shared_ptr<Buffer>> blocks;
  for (const std::string& stream : streams) blocks.push_back(Buffer::FromString(stream));
  return *OneWindow(blocks, std::vector<std::shared_ptr<const dgram::Configuration>>(
                                streams.size(), SmdConfiguration()));
}

}  // namespace alkaid::events::crafted
