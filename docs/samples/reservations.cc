// A collector of hits that is emptied after each event: without a reservation, with one, advised.
#include <alkaid/core/memory.h>
#include <alkaid/growth/reservation_advisor.h>

#include <array>
#include <iostream>

namespace growth = alkaid::growth;
using alkaid::Status;

// Prints what a builder held and cost when its contents end, as long as this object exists.
class Costs : public alkaid::BuilderObserver {
 public:
  Costs() { alkaid::AddBuilderObserver(this); }
  ~Costs() override { alkaid::RemoveBuilderObserver(this); }
  void OnEnd(const alkaid::BuilderEnd& end) override {
    std::cout << "  " << end.high_water << " bytes at most, capacity " << end.capacity << ", "
              << end.reallocations << " reallocations\n";
  }
};

// Each hit is 24 floats.
Status Collect(int64_t reservation) {
  alkaid::TypedBufferBuilder<float> hits;
  hits.bytes_builder()->SetLabel(alkaid::Label::Intern("hits"));
  ALKAID_RETURN_NOT_OK(hits.SetReservation(reservation * 24));
  const std::array<float, 24> hit = {};
  for (const int64_t count : {3271, 3057, 3702}) {
    for (int64_t i = 0; i < count; ++i) ALKAID_RETURN_NOT_OK(hits.Append(hit.data(), 24));
    // ... the event is read here ...
    hits.Reset();
  }
  return absl::OkStatus();
}

Status Run() {
  Costs costs;
  std::cout << "none:\n";
  ALKAID_RETURN_NOT_OK(Collect(0));
  std::cout << "fixed:\n";
  ALKAID_RETURN_NOT_OK(Collect(4000));

  growth::ReservationAdvisor advisor;
  advisor.Install();
  std::cout << "advised, while it learns and after:\n";
  ALKAID_RETURN_NOT_OK(Collect(0));
  ALKAID_RETURN_NOT_OK(Collect(0));
  for (const growth::LearntReservation& learnt : advisor.Learnt()) {
    std::cout << learnt.label << ": " << learnt.high_water << " bytes held at most, "
              << learnt.advice << " advised\n";
  }
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
