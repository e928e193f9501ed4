#include <gtest/gtest.h>

#include <string>

#include "alkaid/growth/npy_header_internal.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::growth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A whole file: this dictionary, and `data_size` bytes of data.
std::string File(const std::string& dictionary, size_t data_size, char major = 1) {
  std::string file("\x93NUMPY", 6);
  file += major;
  file += '\0';
  const size_t length_size = major == 1 ? 2 : 4;
  for (size_t i = 0; i < length_size; ++i) {
    file += static_cast<char>(dictionary.size() >> (8 * i) & 0xff);
  }
  return file + dictionary + std::string(data_size, '\0');
}

Result<NpyHeader> Parse(const std::string& file) { return ParseNpyHeader(file, "x.npy"); }

// A file with this shape and type, and enough data for any of them.
Result<NpyHeader> ParseWith(const std::string& shape, const std::string& descr = "'<f8'") {
  return Parse(
      File("{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + "}\n", 10'000));
}

TEST(NpyHeader, ReadsWhatItWrites) {
  const std::string header = MakeNpyHeader(50, 10);
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.back(), '\n');
  ALKAID_ASSERT_OK_AND_ASSIGN(const NpyHeader read, Parse(header + std::string(50 * 10 * 8, '\0')));
  EXPECT_EQ(read.data_offset, static_cast<int64_t>(header.size()));
  EXPECT_EQ(read.rows, 50);
  EXPECT_EQ(read.columns, 10);
  EXPECT_EQ(read.item_size, 8);
  EXPECT_FALSE(read.big_endian);
  EXPECT_FALSE(read.column_major);
}

TEST(NpyHeader, BeginsItsDataAtAMultipleOf64HoweverLongTheShapeIs) {
  for (int64_t rows = 1; rows < 1'000'000'000'000; rows *= 10) {
    EXPECT_EQ(MakeNpyHeader(rows, 10).size() % 64, 0u) << rows;
  }
}

TEST(NpyHeader, HasItsCountInOneAlignedWordAndKeepsItsSizeWhateverTheCount) {
  const std::string none = MakeNpyHeader(0, 10, "a comment");
  for (const int64_t rows : {int64_t{1}, int64_t{12'345}, int64_t{99'999'999}}) {
    std::string changed = none;
    const std::string count = std::to_string(rows);
    changed.replace(kNpyRowsAt, kNpyRowDigits, kNpyRowDigits - count.size(), ' ');
    changed.insert(kNpyRowsAt + kNpyRowDigits - count.size(), count);
    EXPECT_EQ(changed, MakeNpyHeader(rows, 10, "a comment"));
  }
}

TEST(NpyHeader, ReadsTheCommentAfterTheDictionary) {
  for (const std::string comment : {"", "a comment", "with a # and a } and it's \"quoted\""}) {
    const std::string file = MakeNpyHeader(2, 10, comment) + std::string(2 * 10 * 8, '\0');
    ALKAID_ASSERT_OK_AND_ASSIGN(const NpyHeader read, Parse(file));
    EXPECT_EQ(read.comment, comment);
    EXPECT_EQ(read.rows, 2);
  }
}

TEST(NpyHeader, OfARunThatGoesOnCountsTheRowsThatAreThere) {
  const std::string cut(2 * 10 * 8 + 40, '\0');
  ALKAID_ASSERT_OK_AND_ASSIGN(const NpyHeader read,
                              Parse(MakeNpyHeader(3, 10, "process 5 has not ended") + cut));
  EXPECT_EQ(read.rows, 2);
  EXPECT_THAT(Parse(MakeNpyHeader(3, 10, "process 5 ended") + cut),
              StatusIs(StatusCode::kDataLoss, HasSubstr("takes 240 bytes")));
}

TEST(NpyHeader, ReadsEveryVersionThatNumPyWrites) {
  const std::string dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4), }   \n";
  for (const char major : {1, 2, 3}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const NpyHeader read, Parse(File(dictionary, 64, major)));
    EXPECT_EQ(read.rows, 2) << int{major};
    EXPECT_EQ(read.data_offset, static_cast<int64_t>(dictionary.size() + (major == 1 ? 10 : 12)));
  }
}

TEST(NpyHeader, ReadsTheDictionaryHoweverItIsSpelt) {
  const std::string file =
      File("{ \"shape\":( 3L ,5L,),'fortran_order':True , 'descr':\">f4\"}", 60);
  ALKAID_ASSERT_OK_AND_ASSIGN(const NpyHeader read, Parse(file));
  EXPECT_EQ(read.rows, 3);
  EXPECT_EQ(read.columns, 5);
  EXPECT_EQ(read.item_size, 4);
  EXPECT_TRUE(read.big_endian);
  EXPECT_TRUE(read.column_major);
}

TEST(NpyHeader, AcceptsNoRows) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const NpyHeader read, ParseWith("(0, 10)"));
  EXPECT_EQ(read.rows, 0);
}

TEST(NpyHeader, RefusesWhatIsNoLeakProfile) {
  const auto invalid = [](const std::string& why) {
    return StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("x.npy"), HasSubstr(why)));
  };
  EXPECT_THAT(ParseWith("(5, 2)", "'|O'"), invalid("Python objects ('|O')"));
  EXPECT_THAT(ParseWith("(5, 2)", "'<i8'"), invalid("'<i8'"));
  EXPECT_THAT(ParseWith("(5, 2)", "'<f2'"), invalid("'<f2'"));
  EXPECT_THAT(ParseWith("(5, 2)", "'<c16'"), invalid("'<c16'"));
  EXPECT_THAT(ParseWith("(5, 2)", "[('time', '<f8')]"), invalid("structured array (byte 20)"));
  EXPECT_THAT(ParseWith("(5,)"), invalid("1 dimensions"));
  EXPECT_THAT(ParseWith("()"), invalid("0 dimensions"));
  EXPECT_THAT(ParseWith("(5, 2, 2)"), invalid("3 dimensions"));
  EXPECT_THAT(ParseWith("(5, 1)"), invalid("1 columns"));
  EXPECT_THAT(Parse(File("{}", 0, 4)), invalid("version 4.0 at byte 6"));
  EXPECT_THAT(Parse(File("{}", 0, 0)), invalid("version 0.0"));
}

TEST(NpyHeader, NamesTheByteOfWhatIsMalformed) {
  const auto loss = [](const std::string& why) {
    return StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr("x.npy"), HasSubstr(why)));
  };
  EXPECT_THAT(Parse("PK\x03\x04 and so on"), loss("byte 0"));
  EXPECT_THAT(Parse(File("", 0)), loss("byte 10: '{' expected"));
  EXPECT_THAT(Parse(File("{", 0)), loss("byte 11: a key expected"));
  EXPECT_THAT(Parse(File("{'descr", 0)), loss("byte 11: the end of a string expected"));
  EXPECT_THAT(Parse(File("{'descr' '<f8'}", 0)), loss("byte 19: ':' expected"));
  EXPECT_THAT(Parse(File("{'descr': 8}", 0)), loss("byte 20: the type of the items expected"));
  EXPECT_THAT(Parse(File("{'descr': '<f8' 'shape'", 0)), loss("byte 26: '}' expected"));
  EXPECT_THAT(Parse(File("{'colour': 1}", 0)), loss("'colour'"));
  EXPECT_THAT(Parse(File("{'descr': '<f8', 'descr': '<f8'}", 0)), loss("repeated"));
  EXPECT_THAT(Parse(File("{'fortran_order': maybe}", 0)), loss("byte 28: True or False expected"));
  EXPECT_THAT(Parse(File("{'shape': (1, x)}", 0)), loss("byte 24: a number of the shape expected"));
  EXPECT_THAT(Parse(File("{'shape': (1 2)}", 0)), loss("byte 23: ')' expected"));
  EXPECT_THAT(Parse(File("{'shape': (-1, 2)}", 0)), loss("the shape at byte 21"));
  EXPECT_THAT(Parse(File("{'shape': (99999999999999999999, 2)}", 0)), loss("the shape at byte 21"));
  EXPECT_THAT(ParseWith("(5, 2)} junk {"), loss("nothing more expected"));
  EXPECT_THAT(Parse(File("{'fortran_order': False, 'shape': (1, 2)}", 0)), loss("no 'descr'"));
  EXPECT_THAT(Parse(File("{'descr': '<f8', 'shape': (1, 2)}", 0)), loss("no 'fortran_order'"));
  EXPECT_THAT(Parse(File("{'descr': '<f8', 'fortran_order': True}", 0)), loss("no 'shape'"));
  std::string many = "{'shape': (";
  for (int i = 0; i < 40; ++i) many += "1,";
  EXPECT_THAT(Parse(File(many + ")}", 0)), loss("more than 32 dimensions"));
}

TEST(NpyHeader, RefusesAShapeThatPassesTheFileOrTheAddressSpace) {
  EXPECT_THAT(ParseWith("(9223372036854775807, 9223372036854775807)"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("larger than any file")));
  EXPECT_THAT(ParseWith("(2305843009213693952, 2)"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("larger than any file")));
  EXPECT_THAT(ParseWith("(1000, 10)"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("takes 80000 bytes from byte 72")));
}

TEST(NpyHeader, EveryCutOfAFileIsDataLoss) {
  const std::string whole = MakeNpyHeader(3, 10) + std::string(3 * 10 * 8, '\0');
  ALKAID_ASSERT_OK(Parse(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    // On the heap and of exactly its size, so that a sanitizer sees a read past its end.
    const std::string cut(whole.data(), size);
    EXPECT_THAT(Parse(cut), StatusIs(StatusCode::kDataLoss, HasSubstr("x.npy"))) << size;
  }
}

TEST(NpyHeader, NoByteOfAHeaderCanBeChangedIntoACrash) {
  const std::string whole = MakeNpyHeader(3, 10) + std::string(3 * 10 * 8, '\0');
  for (size_t at = 0; at < whole.size() - 240; ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const auto header = Parse(changed);
      if (!header.ok()) continue;
      EXPECT_LE(header->data_offset + header->rows * header->columns * header->item_size,
                static_cast<int64_t>(changed.size()));
    }
  }
}

}  // namespace
}  // namespace alkaid::growth
