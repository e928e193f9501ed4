#include "tools/dgram/skip_report.h"

#include <cstdio>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "tools/dgram/dgram_json.h"
#include "tools/support/option_limits.h"

namespace alkaid::tools {
namespace {

// The most places that a report lists, as it is kept in memory.
constexpr int64_t kListed = 1000;

nlohmann::ordered_json SkippedJson(const dgram::Skipped& skipped) {
  nlohmann::ordered_json json = {{"file", skipped.source},
                                 {"offset", NumberJson(skipped.byte)},
                                 {"size", NumberJson(skipped.nbytes)},
                                 {"dgram_index", NumberJson(skipped.dgram_index)}};
  json["timestamp"] = nullptr;
  json["previous_timestamp"] = nullptr;
  if (skipped.timestamp) json["timestamp"] = TimestampJson(*skipped.timestamp);
  if (skipped.previous) json["previous_timestamp"] = TimestampJson(*skipped.previous);
  json["text"] = skipped.why;
  return json;
}

}  // namespace

SkipReport::SkipReport() : account_(std::make_shared<Account>()) {}

SkipReport::Account::~Account() {
  if (places == 0) return;
  std::fflush(stdout);
  std::fprintf(stderr, "alkaid: %s skipped, %s\n", internal::CountText(places, "place").c_str(),
               internal::CountText(bytes, "byte").c_str());
}

void SkipReport::AddOption(CLI::App& command) {
  command
      .add_option(
          "--on-fault", on_fault_,
          "What malformed data do: end the reading, or be left out, named on stderr: "
          "datagrams that are malformed inside; or also places at which no datagram begins, "
          "up to the next one")
      ->check(OneOf({"stop", "skip-datagram", "resync"}))
      ->type_name("stop|skip-datagram|resync")
      ->capture_default_str();
}

dgram::OnFault SkipReport::on_fault() const {
  for (const auto one : {dgram::OnFault::kSkipDatagram, dgram::OnFault::kResync}) {
    if (on_fault_ == dgram::ToString(one)) return one;
  }
  return dgram::OnFault::kStop;
}

dgram::OnSkip SkipReport::Teller() const {
  return [account = account_](const dgram::Skipped& skipped) {
    if (account->places < kListed) account->list.push_back(SkippedJson(skipped));
    ++account->places;
    account->bytes += skipped.nbytes;
    std::fflush(stdout);
    std::fprintf(stderr, "alkaid: %s\n", internal::Printable(skipped.ToString()).c_str());
  };
}

void SkipReport::AddTo(nlohmann::ordered_json* report) const {
  if (on_fault() == dgram::OnFault::kStop) return;
  (*report)["n_skipped"] = NumberJson(account_->places);
  (*report)["bytes_skipped"] = NumberJson(account_->bytes);
  (*report)["skipped"] = account_->list;
}

}  // namespace alkaid::tools
