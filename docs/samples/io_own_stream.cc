// A stream of the program's own, over one that grows.
#include <alkaid/core/memory.h>

#include <iostream>
#include <memory>
#include <utility>

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;

// Counts what passes.
class CountingStream : public alkaid::io::OutputStream {
 public:
  explicit CountingStream(std::shared_ptr<OutputStream> below) : below_(std::move(below)) {}
  using OutputStream::Write;
  Status Write(const void* data, int64_t nbytes) override {
    count_ += nbytes;
    return below_->Write(data, nbytes);
  }
  Status Close() override { return below_->Close(); }
  bool closed() const override { return below_->closed(); }
  Result<int64_t> Tell() const override { return count_; }

 private:
  std::shared_ptr<OutputStream> below_;
  int64_t count_ = 0;
};

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(auto grown, alkaid::io::BufferOutputStream::Create());
  CountingStream stream(grown);
  ALKAID_RETURN_NOT_OK(stream.Write(Buffer::FromString("counted, ")));
  ALKAID_RETURN_NOT_OK(stream.Write("and kept"));
  ALKAID_ASSIGN_OR_RAISE(const int64_t count, stream.Tell());
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> bytes, grown->Finish());
  std::cout << count << " bytes: " << bytes->ToString() << "\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
