// Names: the declarations of a detector's fields, as a Configure datagram carries them.
//
// A Names says which detector, segment and algorithm it declares, and lists the fields in the order
// in which their data lie. Text ends at its first NUL and is never read past its 256 bytes: what
// follows the NUL is garbage in real files.
//
// Ownership: a Names shares its text with its copies; nothing points into the datagram.
// Threads: immutable once made, read from any thread; as safe to copy as a shared_ptr.
// Out of memory: Parse and Make return kResourceExhausted; functions that return text, and copies
// of a Field or an Algorithm, throw std::bad_alloc; copying a Names needs no memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

enum class DataType : uint8_t {
  kUInt8 = 0,
  kUInt16 = 1,
  kUInt32 = 2,
  kUInt64 = 3,
  kInt8 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kFloat = 8,
  kDouble = 9,
  kCharStr = 10,   // text: rank 1, ends at its first NUL or with its shape
  kEnumVal = 11,   // int32: a value; the field is named "value:enumeration"
  kEnumDict = 12,  // int32: the number of a label; the field is named "label:enumeration"
};
inline constexpr int kDataTypeCount = 13;

// "UINT8", "CHARSTR" and so on, in the spelling of the format's own library; static storage.
ALKAID_EXPORT const char* DataTypeName(DataType type);

// Bytes of one element.
constexpr int DataTypeSize(DataType type) {
  constexpr uint8_t kSizes[kDataTypeCount] = {1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 1, 4, 4};
  return kSizes[static_cast<int>(type)];
}

// kDataTypeOf<T>: the DataType of arithmetic elements. An enumeration's value is read as int32_t.
template <typename T>
inline constexpr bool kIsDataType = false;
template <typename T>
inline constexpr DataType kDataTypeOf = DataType::kUInt8;
#define ALKAID_DGRAM_DATA_TYPE(c_type, data_type)   \
  template <>                                       \
  inline constexpr bool kIsDataType<c_type> = true; \
  template <>                                       \
  inline constexpr DataType kDataTypeOf<c_type> = DataType::data_type;
ALKAID_DGRAM_DATA_TYPE(uint8_t, kUInt8)
ALKAID_DGRAM_DATA_TYPE(uint16_t, kUInt16)
ALKAID_DGRAM_DATA_TYPE(uint32_t, kUInt32)
ALKAID_DGRAM_DATA_TYPE(uint64_t, kUInt64)
ALKAID_DGRAM_DATA_TYPE(int8_t, kInt8)
ALKAID_DGRAM_DATA_TYPE(int16_t, kInt16)
ALKAID_DGRAM_DATA_TYPE(int32_t, kInt32)
ALKAID_DGRAM_DATA_TYPE(int64_t, kInt64)
ALKAID_DGRAM_DATA_TYPE(float, kFloat)
ALKAID_DGRAM_DATA_TYPE(double, kDouble)
#undef ALKAID_DGRAM_DATA_TYPE

// Whether elements of `type` may be read as T: the same type; int32_t also for enumerations,
// uint8_t and int8_t for text.
template <typename T>
constexpr bool ReadableAs(DataType type) {
  static_assert(kIsDataType<T>, "T must be one of the ten arithmetic types of the format");
  if (type == DataType::kEnumVal || type == DataType::kEnumDict) type = DataType::kInt32;
  if (type == DataType::kCharStr) return sizeof(T) == 1;
  return type == kDataTypeOf<T>;
}

// The program that made the data, with its version.
struct ALKAID_EXPORT Algorithm {
  std::string name;
  uint32_t version = 0;  // major << 16 | minor << 8 | micro

  // "1.2.3".
  std::string VersionString() const;
  friend bool operator==(const Algorithm&, const Algorithm&) = default;
};

// One field. `rank` 0 is a scalar, 1 to 5 an array.
struct ALKAID_EXPORT Field {
  std::string name;
  DataType type = DataType::kUInt8;
  int rank = 0;
  Algorithm algorithm;  // mostly unnamed

  int element_size() const { return DataTypeSize(type); }
  bool is_enum() const { return type == DataType::kEnumVal || type == DataType::kEnumDict; }
  // An enumeration's field is named "value:enumeration"; these are its two parts. Where there is no
  // colon, the whole name is the value and the enumeration has no name.
  std::string_view base_name() const;
  std::string_view enum_type() const;
  friend bool operator==(const Field&, const Field&) = default;
};

// What the walk needs to know of a field, in four bytes.
struct FieldLayout {
  uint8_t element_size;
  uint8_t rank;
  DataType type;
  uint8_t reserved = 0;
};

class ALKAID_EXPORT Names {
 public:
  // Bytes of a declaration without fields, its Xtc header included, and of each field.
  static constexpr int64_t kHeaderBytes = 1048;
  static constexpr int64_t kFieldBytes = 524;
  static constexpr int64_t kTextBytes = 256;

  // Parses the Names Xtc at `bytes`, whose `extent` bytes must be there. Checks that the extent
  // holds a whole number of fields, that types and ranks are valid, and that text has rank 1.
  // kDataLoss says what is wrong; the caller adds where.
  static Result<Names> Parse(const uint8_t* bytes, int64_t extent);
  // Makes a declaration. kInvalidArgument for what Parse would refuse, text of 256 bytes or more,
  // and a node or names id that does not fit its 12 or 8 bits.
  static Result<Names> Make(NamesId id, std::string detector, std::string detector_type,
                            std::string detector_id, uint32_t segment, Algorithm algorithm,
                            std::vector<Field> fields);

  // No move constructor: it would leave a Names without text, and be no cheaper.
  Names(const Names&) = default;
  Names& operator=(const Names&) = default;
  ~Names() = default;

  NamesId id() const { return id_; }
  const std::string& detector() const { return shared_->detector; }
  const std::string& detector_type() const { return shared_->detector_type; }
  const std::string& detector_id() const { return shared_->detector_id; }
  uint32_t segment() const { return segment_; }
  const Algorithm& algorithm() const { return shared_->algorithm; }
  const std::vector<Field>& fields() const { return shared_->fields; }
  // The number of fields of rank 1 or more.
  int array_count() const { return array_count_; }
  // Bytes of the Shapes Xtc for all arrays, its header included.
  int64_t shapes_extent() const { return kXtcHeaderBytes + kShapeBytes * array_count_; }
  // One entry for each of fields().
  const FieldLayout* layout() const { return layout_; }
  // The index of the first field of that name, or -1.
  int FieldIndex(std::string_view name) const;
  // "xpphsd/0/raw".
  std::string ToString() const;
  // Whether both declare exactly the same.
  friend ALKAID_EXPORT bool operator==(const Names& a, const Names& b);

 private:
  struct Shared {
    std::vector<FieldLayout> layout;
    std::vector<Field> fields;
    std::string detector;
    std::string detector_type;
    std::string detector_id;
    Algorithm algorithm;
  };

  Names(NamesId id, uint32_t segment, std::shared_ptr<Shared> shared);

  NamesId id_;
  uint32_t segment_ = 0;
  int array_count_ = 0;
  const FieldLayout* layout_ = nullptr;
  std::shared_ptr<const Shared> shared_;
};

}  // namespace alkaid::dgram
