// Sha256: the digest of bytes that come in pieces.
//
// Ownership: owns its state. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace alkaid::tools {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(const void* data, size_t nbytes);
  // 64 hexadecimal digits: the digest of everything so far.
  std::string Hex() const;

  // The digest of one piece.
  static std::string Of(const void* data, size_t nbytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alkaid::tools
