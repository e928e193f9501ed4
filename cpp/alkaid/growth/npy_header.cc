#include <charconv>
#include <cinttypes>
#include <cstring>
#include <vector>

#include "alkaid/base/checked_math.h"
#include "alkaid/base/number_text.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/npy_header_internal.h"

namespace alkaid::growth {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kDataAlignment = 64;
constexpr size_t kMaxDimensions = 32;  // NumPy's limit

// The dictionary's values, as written.
struct Dictionary {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  std::string comment;
};

// Parses the dictionary's text; knows only as much of Python as such a dictionary needs.
class DictionaryReader {
 public:
  // `text` begins at byte `offset` of the file.
  DictionaryReader(std::string_view text, size_t offset, const std::string& name)
      : text_(text), offset_(offset), name_(name) {}

  Result<Dictionary> Read() {
    ALKAID_RETURN_NOT_OK(Expect('{'));
    while (!Take('}')) {
      ALKAID_ASSIGN_OR_RAISE(const std::string key, ReadString("a key"));
      ALKAID_RETURN_NOT_OK(Expect(':'));
      ALKAID_RETURN_NOT_OK(ReadValueOf(key));
      if (Take(',')) continue;
      ALKAID_RETURN_NOT_OK(Expect('}'));
      break;
    }
    if (Take('#')) TakeComment();
    SkipSpace();
    if (at_ != text_.size()) return Malformed("nothing more");
    if (!has_descr_) return Missing("descr");
    if (!has_order_) return Missing("fortran_order");
    if (!has_shape_) return Missing("shape");
    return std::move(read_);
  }

 private:
  Status ReadValueOf(const std::string& key) {
    if (key == "descr" && !has_descr_) {
      has_descr_ = true;
      return ReadDescr();
    }
    if (key == "fortran_order" && !has_order_) {
      has_order_ = true;
      return ReadBool();
    }
    if (key == "shape" && !has_shape_) {
      has_shape_ = true;
      return ReadShape();
    }
    return status::DataLoss(name_, ": the header's key '", key, "' before byte ", offset_ + at_,
                            " is repeated, or not one of NumPy's");
  }

  Status ReadDescr() {
    SkipSpace();
    if (at_ < text_.size() && text_[at_] == '[') {
      return status::Invalid(name_, ": a structured array (byte ", offset_ + at_,
                             "); a leak profile holds plain f4 or f8");
    }
    ALKAID_ASSIGN_OR_RAISE(read_.descr, ReadString("the type of the items"));
    return absl::OkStatus();
  }

  Status ReadBool() {
    SkipSpace();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_).starts_with(word)) {
        read_.fortran_order = value;
        at_ += word.size();
        return absl::OkStatus();
      }
    }
    return Malformed("True or False");
  }

  Status ReadShape() {
    ALKAID_RETURN_NOT_OK(Expect('('));
    while (!Take(')')) {
      SkipSpace();
      int64_t extent = 0;
      const char* const begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (error == std::errc::result_out_of_range || extent < 0) {
        return status::DataLoss(name_, ": the shape at byte ", offset_ + at_,
                                " is negative or larger than any array");
      }
      if (error != std::errc()) return Malformed("a number of the shape");
      if (read_.shape.size() == kMaxDimensions) {
        return status::DataLoss(name_, ": more than ", kMaxDimensions, " dimensions at byte ",
                                offset_ + at_);
      }
      at_ += static_cast<size_t>(end - begin);
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long numbers so
      read_.shape.push_back(extent);
      if (Take(',')) continue;
      ALKAID_RETURN_NOT_OK(Expect(')'));
      break;
    }
    return absl::OkStatus();
  }

  Result<std::string> ReadString(std::string_view what) {
    SkipSpace();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return Malformed(what);
    const char quote = text_[at_];
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return Malformed("the end of a string");
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }

  void TakeComment() {
    std::string_view line = text_.substr(at_, text_.find('\n', at_) - at_);
    at_ += line.size();
    if (line.starts_with(' ')) line.remove_prefix(1);
    const size_t last = line.find_last_not_of(' ');
    read_.comment = line.substr(0, last == std::string_view::npos ? 0 : last + 1);
  }

  bool Take(char wanted) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  Status Expect(char wanted) {
    if (Take(wanted)) return absl::OkStatus();
    const char text[] = {'\'', wanted, '\'', '\0'};
    return Malformed(text);
  }

  void SkipSpace() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) != nullptr && text_[at_] != 0) {
      ++at_;
    }
  }

  Status Malformed(std::string_view expected) const {
    return status::DataLoss(name_, ": malformed header at byte ", offset_ + at_, ": ",
                            std::string(expected), " expected");
  }
  Status Missing(const char* key) const {
    return status::DataLoss(name_, ": the header that begins at byte ", offset_, " has no '", key,
                            "'");
  }

  const std::string_view text_;
  const size_t offset_;
  const std::string& name_;
  size_t at_ = 0;
  Dictionary read_;
  bool has_descr_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
};

// Bytes [at, at + count) as an unsigned little-endian number.
uint64_t LittleEndian(std::string_view file, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(file[at + i]);
  return value;
}

Status SetType(const std::string& descr, const std::string& name, NpyHeader* header) {
  if (descr.find('O') != std::string::npos) {
    return status::Invalid(name, ": an array of Python objects ('", descr,
                           "'); a leak profile holds f4 or f8");
  }
  const bool known = descr.size() == 3 && (descr[0] == '<' || descr[0] == '>') && descr[1] == 'f' &&
                     (descr[2] == '4' || descr[2] == '8');
  if (!known) {
    return status::Invalid(name, ": an array of '", descr, "'; a leak profile holds f4 or f8");
  }
  header->big_endian = descr[0] == '>';
  header->item_size = descr[2] - '0';
  return absl::OkStatus();
}

Status SetShape(const std::vector<int64_t>& shape, const std::string& name, NpyHeader* header) {
  if (shape.size() != 2) {
    return status::Invalid(name, ": an array of ", shape.size(),
                           " dimensions; a leak profile has 2: stamps and their columns");
  }
  header->rows = shape[0];
  header->columns = shape[1];
  if (header->columns < 2) {
    return status::Invalid(name, ": ", header->columns,
                           " columns; a leak profile has at least time and VM");
  }
  return absl::OkStatus();
}

// The file may hold more data: NumPy appends arrays to one file, and reads the first.
Status CheckData(int64_t size, const std::string& name, NpyHeader* header) {
  int64_t nbytes = 0;
  if (MultiplyOverflow(header->rows, header->columns, &nbytes) ||
      MultiplyOverflow(nbytes, header->item_size, &nbytes)) {
    return status::DataLoss(name, ": the header's shape (", header->rows, ", ", header->columns,
                            ") is larger than any file");
  }
  const int64_t left = size - header->data_offset;
  if (nbytes <= left) return absl::OkStatus();
  if (SaysHasNotEnded(header->comment)) {
    header->rows = left / (header->columns * header->item_size);
    return absl::OkStatus();
  }
  return status::DataLoss(name, ": cut at byte ", size, ": the shape (", header->rows, ", ",
                          header->columns, ") takes ", nbytes, " bytes from byte ",
                          header->data_offset, ", and ", left, " are there");
}

}  // namespace

Result<NpyHeader> ParseNpyHead(std::string_view file, const std::string& name) {
  if (!file.starts_with(kMagic)) {
    return status::DataLoss(name, ": not a .npy file: it does not begin with \\x93NUMPY at byte 0");
  }
  constexpr size_t kVersionAt = kMagic.size();
  constexpr size_t kLengthAt = kVersionAt + 2;
  if (file.size() < kLengthAt) {
    return status::DataLoss(name, ": cut at byte ", file.size(), ", in the header");
  }
  const int major = static_cast<uint8_t>(file[kVersionAt]);
  const int minor = static_cast<uint8_t>(file[kVersionAt + 1]);
  if (major < 1 || major > 3 || minor != 0) {
    return status::Invalid(name, ": .npy version ", major, ".", minor, " at byte ", kVersionAt,
                           "; versions 1.0, 2.0 and 3.0 are known");
  }
  const size_t length_size = major == 1 ? 2 : 4;
  const size_t text_at = kLengthAt + length_size;
  if (file.size() < text_at) {
    return status::DataLoss(name, ": cut at byte ", file.size(), ", in the header");
  }
  const uint64_t length = LittleEndian(file, kLengthAt, length_size);
  if (length > file.size() - text_at) {
    return status::DataLoss(name, ": cut at byte ", file.size(), ": the header takes ", length,
                            " bytes from byte ", text_at);
  }

  NpyHeader header;
  header.data_offset = static_cast<int64_t>(text_at + length);
  DictionaryReader reader(file.substr(text_at, length), text_at, name);
  ALKAID_ASSIGN_OR_RAISE(Dictionary dictionary, reader.Read());
  header.column_major = dictionary.fortran_order;
  ALKAID_RETURN_NOT_OK(SetType(dictionary.descr, name, &header));
  ALKAID_RETURN_NOT_OK(SetShape(dictionary.shape, name, &header));
  header.comment = std::move(dictionary.comment);
  return header;
}

Result<NpyHeader> ParseNpyHeader(std::string_view file, const std::string& name) {
  ALKAID_ASSIGN_OR_RAISE(NpyHeader header, ParseNpyHead(file, name));
  ALKAID_RETURN_NOT_OK(CheckData(static_cast<int64_t>(file.size()), name, &header));
  return header;
}

std::string MakeNpyHeader(int64_t rows, int64_t columns, std::string_view comment) {
  constexpr size_t kFixed = kMagic.size() + 4;  // with version and length
  std::string text = "{'descr': '<f8', 'fortran_order': False, 'shape': (";
  text.resize(kNpyRowsAt - kFixed, ' ');
  absl::StrAppend(&text, internal::Format("%*" PRId64, kNpyRowDigits, rows), ", ", columns, "), }");
  if (!comment.empty()) text.append(" # ").append(comment);
  while ((kFixed + text.size() + 1) % kDataAlignment != 0) text += ' ';
  text += '\n';
  std::string header(kMagic);
  header += '\x01';
  header += '\x00';
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace alkaid::growth
