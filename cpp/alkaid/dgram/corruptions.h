// Sources of datagrams with one thing wrong each, and what must become of them.
//
// Made byte by byte, independent of the writers. Not installed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace alkaid::dgram {

struct Corruption {
  const char* name;
  std::string bytes;
  // Where readers must refuse it, in bytes from the start; kAccepted: they must not.
  int64_t refused_at;
  // What the refusal says, in part.
  const char* why = "";
  // Faults that a Verifier finds where readers accept: what they agree to overlook.
  int verifier_faults = 0;

  static constexpr int64_t kAccepted = -1;
};

std::vector<Corruption> HeaderCorruptions();
std::vector<Corruption> ExtentCorruptions();
std::vector<Corruption> NamesCorruptions();
std::vector<Corruption> ShapesCorruptions();
// All of the above.
std::vector<Corruption> Corruptions();

}  // namespace alkaid::dgram
