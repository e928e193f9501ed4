// Files and buffers behind one set of interfaces.
#include <alkaid/core/memory.h>

#include <cstdio>
#include <iostream>

using alkaid::Buffer;
using alkaid::Status;

Status Run() {
  const std::string path = "alkaid_docs_io.bin";

  ALKAID_ASSIGN_OR_RAISE(auto out, alkaid::io::FileOutputStream::Open(path));
  ALKAID_RETURN_NOT_OK(out->Write("header, then "));
  ALKAID_RETURN_NOT_OK(out->Write(Buffer::FromString("payload")));
  ALKAID_RETURN_NOT_OK(out->Close());

  // One pread into one buffer of the pool; at the end of the file there are fewer bytes.
  ALKAID_ASSIGN_OR_RAISE(auto file, alkaid::io::ReadableFile::Open(path));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> payload, file->ReadAt(13, 1000));
  std::cout << payload->ToString() << ", " << payload->size() << " bytes\n";
  std::remove(path.c_str());

  // Over a buffer, what ReadAt gives is a slice.
  ALKAID_ASSIGN_OR_RAISE(auto reader, Buffer::GetReader(payload));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> load, reader->ReadAt(3, 4));
  std::cout << load->ToString() << ", a slice: " << (load->parent() != nullptr) << "\n";

  // A writer never passes the end of its buffer.
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> box, alkaid::AllocateBuffer(8));
  ALKAID_ASSIGN_OR_RAISE(auto writer, Buffer::GetWriter(box));
  ALKAID_RETURN_NOT_OK(writer->Write("12345"));
  std::cout << writer->Write("6789").ToString() << "\n";

  std::cout << alkaid::io::ReadableFile::Open("no such file").status().ToString() << "\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
