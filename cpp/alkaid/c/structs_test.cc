#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "alkaid/c/structs_internal.h"

namespace alkaid::c {
namespace {

// The struct in programs of three ages; the library's is the middle one.
struct Older {
  size_t struct_size;
  int64_t a;
};
struct Options {
  size_t struct_size;
  int64_t a;
  int64_t b;
};
struct Newer {
  size_t struct_size;
  int64_t a;
  int64_t b;
  int64_t c;
};

template <typename T>
const Options* As(const T& given) {
  return reinterpret_cast<const Options*>(&given);
}

TEST(CStructs, WhatAnOlderProgramDoesNotKnowIsTheDefault) {
  const Older given = {sizeof(Older), 3};
  const Result<Options> options = ReadOptions("options", As(given));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->a, 3);
  EXPECT_EQ(options->b, 0);
}

TEST(CStructs, NoneAreAllDefaults) {
  const Result<Options> options = ReadOptions<Options>("options", nullptr);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->a, 0);
}

TEST(CStructs, WhatANewerProgramLeavesZeroIsNoError) {
  const Newer given = {sizeof(Newer), 3, 4, 0};
  const Result<Options> options = ReadOptions("options", As(given));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->b, 4);
}

TEST(CStructs, WhatANewerProgramSetsIsRefusedByName) {
  const Newer given = {sizeof(Newer), 3, 4, int64_t{1} << 16};
  const Result<Options> options = ReadOptions("options", As(given));
  EXPECT_EQ(options.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(options.status().message().find("options has byte 26 set, which Alkaid"),
            std::string::npos)
      << options.status();
  EXPECT_NE(options.status().message().find("it knows 24 bytes"), std::string::npos);
}

TEST(CStructs, ASizeThatIsNoneIsRefused) {
  for (const size_t size : {size_t{0}, size_t{7}, size_t{4097}, ~size_t{0}}) {
    Options given = {size, 0, 0};
    EXPECT_EQ(ReadOptions("options", &given).status().code(), StatusCode::kInvalidArgument) << size;
    EXPECT_EQ(WriteResult("options", Options{}, &given).code(), StatusCode::kInvalidArgument);
  }
  const Options unset = {};
  EXPECT_EQ(ReadOptions("options", &unset).status().message(),
            "options has struct_size 0; set it to sizeof(options)");
}

TEST(CStructs, AResultIsCutToWhatTheProgramKnows) {
  const Options result = {sizeof(Options), 5, 6};
  Options older = {sizeof(Older), 0, -1};
  ASSERT_TRUE(WriteResult("options", result, &older).ok());
  EXPECT_EQ(older.a, 5);
  EXPECT_EQ(older.b, -1) << "is beyond what the program has";
  EXPECT_EQ(older.struct_size, sizeof(Older));

  Newer newer = {sizeof(Newer), 0, 0, -1};
  ASSERT_TRUE(WriteResult("options", result, reinterpret_cast<Options*>(&newer)).ok());
  EXPECT_EQ(newer.b, 6);
  EXPECT_EQ(newer.c, 0);
}

}  // namespace
}  // namespace alkaid::c
