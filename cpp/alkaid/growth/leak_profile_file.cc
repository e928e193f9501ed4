#include "alkaid/growth/leak_profile_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>

#include "alkaid/core/files/durable_file.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/growth/npy_header_internal.h"

namespace alkaid::growth {
namespace {

// Bytes. A larger file was named by mistake.
constexpr int64_t kMaxFileSize = int64_t{1} << 30;
// About 13 million. A row of a file may be much smaller than a stamp.
constexpr int64_t kMaxStamps = kMaxFileSize / static_cast<int64_t>(sizeof(MemoryStamp));

static_assert(std::endian::native == std::endian::little);

template <typename Bits, typename Float>
double ItemAt(const char* at, bool big_endian) {
  Bits bits;
  std::memcpy(&bits, at, sizeof(bits));
  if (big_endian) {
    bits = sizeof(Bits) == 8 ? static_cast<Bits>(__builtin_bswap64(bits))
                             : static_cast<Bits>(__builtin_bswap32(static_cast<uint32_t>(bits)));
  }
  return static_cast<double>(std::bit_cast<Float>(bits));
}

double Item(const char* data, const NpyHeader& header, int64_t row, int64_t column) {
  const int64_t index =
      header.column_major ? column * header.rows + row : row * header.columns + column;
  const char* const at = data + index * header.item_size;
  return header.item_size == 8 ? ItemAt<uint64_t, double>(at, header.big_endian)
                               : ItemAt<uint32_t, float>(at, header.big_endian);
}

MemoryStamp Row(const char* data, const NpyHeader& header, int64_t row) {
  std::array<double, kStampColumns> values;
  values.fill(kUnknown);
  const int64_t known = std::min<int64_t>(header.columns, kStampColumns);
  for (int64_t column = 0; column < known; ++column) {
    values[static_cast<size_t>(column)] = Item(data, header, row, column);
  }
  return std::bit_cast<MemoryStamp>(values);
}

}  // namespace

Result<std::vector<MemoryStamp>> ParseLeakProfile(std::string_view file,
                                                  const std::string& name) try {
  ALKAID_ASSIGN_OR_RAISE(const NpyHeader header, ParseNpyHeader(file, name));
  if (header.rows > kMaxStamps) {
    return status::Invalid(name, ": ", header.rows, " stamps; a leak profile has at most ",
                           kMaxStamps);
  }
  std::vector<MemoryStamp> stamps;
  stamps.reserve(static_cast<size_t>(header.rows));
  const char* const data = file.data() + header.data_offset;
  for (int64_t row = 0; row < header.rows; ++row) stamps.push_back(Row(data, header, row));
  return stamps;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::vector<MemoryStamp>> ReadLeakProfile(const std::string& path) try {
  ALKAID_ASSIGN_OR_RAISE(const std::string bytes,
                         io::ReadWholeFileAsString(path, kMaxFileSize, "a leak profile"));
  return ParseLeakProfile(bytes, path);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status WriteLeakProfile(std::span<const MemoryStamp> stamps, const std::string& path,
                        const LeakProfileRun& run) try {
  ALKAID_ASSIGN_OR_RAISE(
      const auto file,
      io::DurableFileOutputStream::Open(path, io::FileAccess::kUsual, io::PipeReader::kThere));
  const std::string comment = run.end == LeakProfileRun::End::kNotRecorded ? "" : RunComment(run);
  const std::string header =
      MakeNpyHeader(static_cast<int64_t>(stamps.size()), kStampColumns, comment);
  ALKAID_RETURN_NOT_OK(file->Write(header.data(), static_cast<int64_t>(header.size())));
  ALKAID_RETURN_NOT_OK(file->Write(stamps.data(), static_cast<int64_t>(stamps.size_bytes())));
  return file->Close();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::growth
