// The limits of an option's value, as its help, its man page and its error state them: "0 is not a
// whole number from 1 to 999". The name of a validator says which kind of limit it has, and its
// description the limit itself (tools/usage/command_description.h).
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <concepts>
#include <sstream>
#include <string>
#include <vector>

namespace alkaid::tools {

inline constexpr char kLimitName[] = "limit";
inline constexpr char kChoiceName[] = "choice";

// Separates the words of a choice in its validator's description.
inline constexpr char kChoiceSeparator = '|';

// One of these words.
CLI::Validator OneOf(std::vector<std::string> words);

namespace option_limits {

// The number in plain digits, also where a stream would write 1e+06.
template <typename T>
std::string NumberText(T number) {
  std::ostringstream text;
  text.precision(15);
  text << number;
  return text.str();
}

template <typename T, typename Fits>
CLI::Validator Limit(const std::string& limit, Fits fits) {
  const std::string kind = std::integral<T> ? "whole number " : "number ";
  const auto check = [kind, limit, fits](const std::string& text) -> std::string {
    T number{};
    if (CLI::detail::lexical_cast(text, number) && fits(number)) return "";
    return text + " is not a " + kind + limit;
  };
  return CLI::Validator([check](std::string& text) { return check(text); }, limit, kLimitName);
}

}  // namespace option_limits

// From `low` to `high`, both included; NaN is no number.
template <typename T>
CLI::Validator Between(T low, T high) {
  return option_limits::Limit<T>(
      "from " + option_limits::NumberText(low) + " to " + option_limits::NumberText(high),
      [low, high](T number) { return low <= number && number <= high; });
}

// `low` or more.
template <typename T>
CLI::Validator AtLeast(T low) {
  return option_limits::Limit<T>("of " + option_limits::NumberText(low) + " or more",
                                 [low](T number) { return low <= number; });
}

}  // namespace alkaid::tools
