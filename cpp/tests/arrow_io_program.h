// The changes that a program written for Apache Arrow C++ needs, in arrow_io_*_test.cc: its
// includes, the name of its namespace, and Abseil's Status and Result.
//
// With ALKAID_TEST_ON_ARROW the same tests are compiled against Arrow itself. That shows that they
// are programs for Arrow, and behave the same there (ci/check_arrow_programs.sh). With
// -Darrow=alkaid, reopened namespaces are Alkaid's.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#ifdef ALKAID_TEST_ON_ARROW
#include <arrow/api.h>
#include <arrow/io/api.h>
#else
#include "alkaid/core/memory.h"
#ifndef arrow
namespace arrow = alkaid;
#endif
#endif

#define ASSERT_DONE(expression) ASSERT_TRUE((expression).ok())
#define EXPECT_DONE(expression) EXPECT_TRUE((expression).ok())
#define EXPECT_FAILS(expression) EXPECT_FALSE((expression).ok())

namespace arrow_program {

inline arrow::Status Failed(const char* what) {
#ifdef ALKAID_TEST_ON_ARROW
  return arrow::Status::IOError(what);
#else
  return absl::UnknownError(what);
#endif
}

// The value of a successful result.
template <typename T>
T Get(arrow::Result<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << result.status().ToString();
    return T();
  }
  return *std::move(result);
}

inline std::string Text(const arrow::Result<std::shared_ptr<arrow::Buffer>>& result) {
  return result.ok() ? (*result)->ToString() : "failed: " + result.status().ToString();
}

// A path for one test, whose file is removed at the end.
class Path {
 public:
  Path() {
    const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    text = ::testing::TempDir() + "/arrow_io." + test->name() + "." + std::to_string(::getpid());
    ::unlink(text.c_str());
  }
  ~Path() { ::unlink(text.c_str()); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  void Fill(std::string_view bytes) const { std::ofstream(text) << bytes; }
  std::string Content() const {
    std::ifstream file(text);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }

  std::string text;
};

}  // namespace arrow_program
