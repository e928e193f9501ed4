// CLI::Range for numbers that a user types: it lets NaN pass, which then compares as nothing.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace alkaid::tools {

inline CLI::Validator FiniteRange(double low, double high) {
  CLI::Validator range = CLI::Range(low, high);
  const auto check = [range](std::string& text) -> std::string {
    double number = 0;
    if (CLI::detail::lexical_cast(text, number) && number != number) return "Not a number: " + text;
    return range(text);
  };
  return CLI::Validator(check, range.get_description(), "FINITE");
}

}  // namespace alkaid::tools
