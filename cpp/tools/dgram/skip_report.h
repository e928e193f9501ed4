// --on-fault of the reading `alkaid dgram` commands: what they do about malformed data, and their
// report of what was left out.
//
// Each place that is left out is reported on stderr, one line each, as it is met. The last line has
// the sum.
//
// Ownership: the callback of Teller shares the account. Threads: one. Out of memory: throws
// std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/dgram/fault_policy.h"

namespace alkaid::tools {

class SkipReport {
 public:
  SkipReport();

  void AddOption(CLI::App& command);
  dgram::OnFault on_fault() const;
  // A callback that counts and prints what is left out.
  dgram::OnSkip Teller() const;
  // With --on-fault that goes on: "n_skipped", "bytes_skipped" and "skipped", which has the first
  // thousand.
  void AddTo(nlohmann::ordered_json* report) const;

 private:
  // Prints the sum when it is destroyed.
  struct Account {
    Account() = default;
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    int64_t places = 0;
    int64_t bytes = 0;
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
  };

  std::string on_fault_ = dgram::ToString(dgram::OnFault::kStop);
  std::shared_ptr<Account> account_;
};

}  // namespace alkaid::tools
