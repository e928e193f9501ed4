// A file that does at ReadAt what a test says. For the tests of this room.
//
// Ownership: owns the function. Threads: as the function. Out of memory: as the function.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "alkaid/core/io_interfaces.h"

namespace alkaid::io::internal {

class ScriptedFile final : public RandomAccessFile {
 public:
  using Script = std::function<Result<int64_t>(int64_t position, int64_t nbytes, void* out)>;
  explicit ScriptedFile(Script script) : script_(std::move(script)) {}

  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override {
    return script_(position, nbytes, out);
  }
  Result<std::shared_ptr<Buffer>> ReadAt(int64_t, int64_t) override { return NotScripted(); }
  Status Close() override { return absl::OkStatus(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return NotScripted(); }
  Status Seek(int64_t) override { return NotScripted(); }
  Result<int64_t> GetSize() override { return NotScripted(); }
  Result<int64_t> Read(int64_t, void*) override { return NotScripted(); }
  Result<std::shared_ptr<Buffer>> Read(int64_t) override { return NotScripted(); }

 private:
  static Status NotScripted() {
    return status::NotImplemented("a scripted file does ReadAt alone");
  }

  Script script_;
};

}  // namespace alkaid::io::internal
