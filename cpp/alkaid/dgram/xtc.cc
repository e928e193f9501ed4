#include "alkaid/dgram/xtc.h"

#include <array>
#include <cstdio>

namespace alkaid::dgram {

const char* TransitionName(TransitionId id) {
  static constexpr std::array<const char*, 16> kNames = {
      "ClearReadout", "Reset",      "Configure",  "Unconfigure",
      "BeginRun",     "EndRun",     "BeginStep",  "EndStep",
      "Enable",       "Disable",    "SlowUpdate", "L1Accept_EndOfBatch",
      "L1Accept",     "Invalid_13", "Invalid_14", "Invalid_15"};
  return kNames[static_cast<uint8_t>(id) & 0x0f];
}

std::string Damage::ToString() const {
  static constexpr std::array<const char*, 12> kBits = {
      "Truncated",   "OutOfOrder", "OutOfSynch", "Corrupted", "DroppedContribution",
      "MissingData", "TimedOut",   "bit7",       "bit8",      "bit9",
      "bit10",       "bit11"};
  std::string text;
  for (size_t bit = 0; bit < kBits.size(); ++bit) {
    if ((value_ >> bit & 1) == 0) continue;
    if (!text.empty()) text += '|';
    text += kBits[bit];
  }
  if (user_bits() != 0) {
    std::array<char, 16> user;
    std::snprintf(user.data(), user.size(), "user:0x%x", static_cast<unsigned>(user_bits()));
    if (!text.empty()) text += '|';
    text += user.data();
  }
  return text;
}

std::string NamesId::ToString() const {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "0x%06x", key_);
  return text.data();
}

}  // namespace alkaid::dgram
