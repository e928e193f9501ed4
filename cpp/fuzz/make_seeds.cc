// make_seeds FOLDER: writes the seeds of the fuzz targets, FOLDER/<target>/<number>.
//
// Sound datagrams, from the writers and made byte by byte, and every known corruption.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/dgram/writer.h"
#include "fixtures/dgram_corruptions.h"
#include "fixtures/event_corruptions.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_heap.h"
#include "fixtures/made_streams.h"

namespace {

namespace fixtures = alkaid::dgram::fixtures;
namespace dgram = alkaid::dgram;
namespace events = alkaid::events;
using alkaid::Buffer;
using alkaid::Result;

// A slow seed slows all inputs made from it.
constexpr size_t kMaxSeedBytes = 8000;

std::string Text(const Buffer& buffer) {
  return std::string(reinterpret_cast<const char*>(buffer.data()),
                     static_cast<size_t>(buffer.size()));
}

// Every type at rank 0 and 1.
std::vector<dgram::Field> EveryType() {
  std::vector<dgram::Field> fields;
  for (int type = 0; type < dgram::kDataTypeCount; ++type) {
    for (int rank = 0; rank < 2; ++rank) {
      dgram::Field field;
      field.type = static_cast<dgram::DataType>(type);
      field.rank = rank;
      if (field.type == dgram::DataType::kCharStr && rank != 1) continue;
      field.name = "f" + std::to_string(type) + std::to_string(rank) + ":colours";
      fields.push_back(field);
    }
  }
  return fields;
}

// A Configure with these fields, from DgramWriter, and an event.
Result<std::string> RunOf(const std::vector<dgram::Field>& fields) {
  ALKAID_ASSIGN_OR_RAISE(const dgram::Names names,
                         dgram::Names::Make(dgram::NamesId(1, 5), "det", "type", "id", 0,
                                            dgram::Algorithm{"raw", 1}, fields));
  dgram::DgramWriter writer;
  ALKAID_RETURN_NOT_OK(writer.Begin(dgram::TransitionId::kConfigure, dgram::Timestamp(1, 0)));
  ALKAID_RETURN_NOT_OK(writer.Declare(names));
  ALKAID_RETURN_NOT_OK(writer.End());
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> configure, writer.Finish());
  std::string shapes;
  std::string data;
  for (const dgram::Field& field : fields) {
    const uint32_t elements = field.rank == 0 ? 1 : 2;
    if (field.rank > 0) shapes += fixtures::Shape({elements});
    data += std::string(elements * static_cast<size_t>(field.element_size()), '\1');
  }
  return Text(*configure) +
         fixtures::Dgram(dgram::TransitionId::kL1Accept, fixtures::ShapesData(0x105, shapes, data));
}

// A run of one field, short enough that a second one fits.
std::string ShortRun(const std::string& field) {
  return fixtures::Dgram(dgram::TransitionId::kConfigure,
                         fixtures::Names(fixtures::kSrc, "det", 0, "raw", {{field, 2, 1}})) +
         fixtures::Dgram(dgram::TransitionId::kL1Accept,
                         fixtures::ShapesData(fixtures::kSrc, fixtures::Shape({2}), "12345678"));
}

class Seeds {
 public:
  explicit Seeds(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void Add(const char* target, const std::string& bytes) {
    if (bytes.size() > kMaxSeedBytes) return;
    const std::filesystem::path folder = folder_ / target;
    std::filesystem::create_directories(folder);
    std::ofstream file(folder / std::to_string(count_++), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    failed_ |= !file.flush();
  }
  void AddSource(const std::string& bytes) {
    for (const char* target :
         {"fuzz_columns", "fuzz_reader", "fuzz_smd", "fuzz_edit", "fuzz_verify"}) {
      Add(target, bytes);
    }
  }
  int count() const { return count_; }
  bool failed() const { return failed_; }

 private:
  const std::filesystem::path folder_;
  int count_ = 0;
  bool failed_ = false;
};

// Datagrams with data at every depth, and one that is marked corrupted, followed by bytes that
// fuzz_edit takes as the script of its edits.
void AddEdits(Seeds* seeds) {
  const std::string data = fixtures::EventPayload(1);
  const std::string nested =
      fixtures::Xtc(fixtures::kParent, data + fixtures::Xtc(fixtures::kParent, data));
  const std::string source =
      fixtures::Configure() + fixtures::Dgram(dgram::TransitionId::kL1Accept, nested, 1) +
      fixtures::Dgram(dgram::TransitionId::kL1Accept, data, 2, 0x8) + fixtures::Event(3);
  std::mt19937 random;
  for (int i = 0; i < 32; ++i) {
    std::string script(32, '\0');
    for (char& byte : script) byte = static_cast<char>(random());
    seeds->Add("fuzz_edit", source + script);
  }
}

// Small data of several streams, in the form of fuzz_event_builder; and batches of events.
void AddStreams(Seeds* seeds) {
  namespace streams = events::fixtures;
  using dgram::TransitionId;
  const std::string transitions =
      streams::Dgram(TransitionId::kBeginRun, 1) + streams::Dgram(TransitionId::kEnable, 2);
  const auto stream = [&](const std::vector<uint64_t>& timestamps) {
    std::string bytes = transitions;
    for (const uint64_t timestamp : timestamps) bytes += streams::Smd(timestamp, 0, 24);
    return bytes + streams::Dgram(TransitionId::kEndRun, 99);
  };
  const std::string first = stream({3, 4, 5, 6, 7, 7, 9});
  const std::string second = stream({4, 6, 7, 8});
  const auto length = [](const std::string& bytes) {
    return fixtures::Bytes(static_cast<uint16_t>(bytes.size()));
  };
  // The parameters of fuzz_event_builder; each stream begins with a Configure.
  for (const std::string& how : {std::string("\1\3\7\x42\0", 5), std::string("\1\0\xff\xf1\2", 5),
                                 std::string("\1\2\1\x13\x11", 5)}) {
    for (const char way : {0, 1, 5, 6, 10, 14}) {
      seeds->Add("fuzz_event_builder", how + way + length(first) + first + second);
    }
    seeds->Add("fuzz_event_builder", how + '\0' + length(first) + first);
    seeds->Add("fuzz_event_builder", how + '\x80' + length(first) + first + second);
    const std::string again = streams::Dgram(TransitionId::kConfigure, 100);
    seeds->Add("fuzz_event_builder",
               how + '\0' + length(first + again) + first + again + second + again);
  }
  const auto packed = [](const std::vector<std::string>& packets) {
    std::string block;
    std::vector<uint32_t> footer;
    for (const std::string& packet : packets) {
      block += packet;
      footer.push_back(static_cast<uint32_t>(packet.size()));
    }
    footer.push_back(static_cast<uint32_t>(packets.size()));
    return block + fixtures::Bytes(footer);
  };
  const std::string record = streams::Smd(5, 0, 76);
  seeds->Add("fuzz_event_batch", packed({packed({record}), packed({streams::L1(6, "data")})}));
  seeds->Add("fuzz_event_batch", packed({packed({record, record}), packed({"", record})}));
  seeds->Add("fuzz_event_batch", packed({packed({streams::SmdConfigure()}), packed({record})}));
  seeds->Add("fuzz_event_batch", packed({record + streams::Smd(6, 76, 76), record}));
  // Messages: transitions, and L1Accepts that end an exposure.
  seeds->Add("fuzz_event_batch", packed({transitions + record, transitions + record + record}));
  seeds->Add("fuzz_event_batch", packed({transitions + record + streams::Smd(9, 0, 24)}));
}

void AddHeapFiles(Seeds* seeds) {
  namespace heap = alkaid::heap::fixtures;
  seeds->Add("fuzz_heap_file", heap::FileBytes(alkaid::heap::HeapSnapshot()));
  seeds->Add("fuzz_heap_file",
             heap::FileBytes(heap::Snapshot(
                 "seed", {heap::Block(0x1000, 64, 1), heap::Block(0x2000, 355'920, 2, 2, 2),
                          heap::Block(0x90000, 0, 3, 0, 0)})));
  alkaid::heap::HeapContents contents = heap::EmptyContents("categories");
  contents.blocks = {heap::Block(0x1000, 64, 1), heap::Block(0x2000, 50, 2)};
  contents.categories = {"std::string", "Python dict"};
  contents.recognized = {{0, 1}, {1, 0}};
  contents.has_views = true;
  contents.views = {{0x70, 0x80, 0x1010, 16, 0x1000, 64, 130 * heap::kSecond, 1, 4711}};
  contents.sources = {{0x1000, 64, 4096, "run.xtc2", 0, 2}, {0x2000, 50, -1, "node 3", 2, 0}};
  contents.times = {{0x1000, 5}, {0x1020, 7}};
  seeds->Add("fuzz_heap_file",
             heap::FileBytes(alkaid::heap::HeapSnapshot::Make(std::move(contents)).value()));
}

// Every sign and every production of the grammar of names: _R..., of RFC 2603.
void AddFunctionNames(Seeds* seeds) {
  // The form of earlier Rust compilers.
  const auto legacy = [](const std::vector<std::string>& parts) {
    std::string symbol = "_ZN";
    for (const std::string& part : parts) symbol += std::to_string(part.size()) + part;
    return symbol + "17h0123456789abcdefE";
  };
  for (const std::string& symbol :
       {legacy({"core", "fmt", "write"}),
        legacy({"_$LT$T$u20$as$u20$alloc..vec..Vec$LT$A$C$B$GT$$GT$", "from"}),
        legacy({"a", "$SP$$BP$$RF$$LP$$RP$$C$$u7b$$u7f$$uxx$$nothing$", "b$"}),
        legacy({"a", "{{closure}}"})}) {
    seeds->Add("fuzz_function_names", symbol);
  }
  for (const char* symbol : {
           "C7mycrate",
           "NvCs6GmmlP4bgsG_1r4main",
           "NvC1a6_1_two.llvm.123",
           "NvC1au8gdel_5qa",                                         // punycode
           "NCNvC1a1b0",                                              // closures
           "NCNvC1a1bs_0",                                            //
           "NSNvC1a1b4call",                                          // a shim
           "NXNvC1a1bs1_0",                                           // of another kind
           "NvMs_C1aNtB2_3Foo3bar",                                   // its own functions
           "NvXs0_C1aNtB2_3FooNtB4_3Bar3baz",                         // a trait's
           "NvYjNtC1a5Trait3foo",                                     //
           "INvC1a1bL_L0_E",                                          // lifetimes
           "INvC1a1babcdefhijlmnopstuvxyzE",                          // basic types
           "INvC1a1bAhj3_ShTETjETjhEE",                               // arrays, slices, tuples
           "INvC1a1bRhRL_hQhQL0_hPhOhE",                              // references and pointers
           "INvC1a1bFEuFjhEjFUKCjEuFG_K9aapcs_vfpRL0_hEuE",           // functions
           "INvC1a1bDNtC1a4SendEL_E",                                 // objects of traits
           "INvC1a1bDG_INtC1a2FnTjEEp6OutputuNtC1a4SendEL0_E",        //
           "INvC1a1bDNtC1a2Itp4Itemhp3KeyjEL_E",                      //
           "INvC1a1bKj0_Kj7b_Kln7b_Kb0_Kb1_Kb2_Kc61_Kc1f600_KpE",     // constants
           "INvC1a1bKoffffffffffffffff_Kn0123456789abcdef01_KhB9_E",  //
           "INtC1a1bjINtB2_1chETBb_B9_EE",                            // references back
           "INvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeINtNtCslNYArtu3iFV_5alloc5boxed3BoxDG0_INtNt"
           "NtB4_3ops8function2FnTRL1_INtNtCsjrHSEGnQ3l9_3std5panic13PanicHookInfoL0_EEEp6OutputuNt"
           "NtB4_6marker4SyncNtB2N_4SendEL_EEB1T_",
       }) {
    seeds->Add("fuzz_function_names", "_R" + std::string(symbol));
  }
  for (const char* demangled :
       {"void (anonymous namespace)::Fill<int>(std::vector<int, std::allocator<int> >*)",
        "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::at(long)",
        "main::{lambda(int)#1}::operator()<int>(int) const", "operator new(unsigned long)",
        "std::ostream& operator<< <char>(std::ostream&, char)", "A::operator->(A const&) const",
        "f[abi:cxx11](int (*)(int)) [clone .cold]", "A::operator bool() const",
        "std::map<int, long, std::less<int>, std::equal_to<int>, std::hash<int> >::~map()"}) {
    seeds->Add("fuzz_function_names", demangled);
  }
}

// Libraries of seed_library.cc, after bytes that the fuzz target takes as the build-id of a heap
// file.
void AddLibraries(Seeds* seeds) {
#ifdef ALKAID_SEED_LIBRARIES
  constexpr std::string_view kBuildId = "alkaid!!";  // as in CMakeLists.txt
  std::istringstream paths(ALKAID_SEED_LIBRARIES);
  for (std::string path; std::getline(paths, path, ':');) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << static_cast<char>(kBuildId.size()) << kBuildId << file.rdbuf();
    seeds->Add("fuzz_symbols", bytes.str());
  }
#else
  (void)seeds;
#endif
}

alkaid::Status Make(Seeds* seeds) {
  seeds->AddSource(fixtures::Run(2));
  seeds->Add("planted_difference", fixtures::Run(2));
  seeds->AddSource(ShortRun("image") + ShortRun("other"));
  // Datagrams of one form, one after the other.
  std::string alike = ShortRun("image");
  for (int i = 0; i < 6; ++i) {
    alike +=
        fixtures::Dgram(dgram::TransitionId::kL1Accept,
                        fixtures::ShapesData(fixtures::kSrc, fixtures::Shape({2}), "12345678"));
  }
  seeds->Add("fuzz_columns", alike);
  // A few at a time, since a field takes 528 bytes in its Configure.
  std::vector<dgram::Field> types = EveryType();
  while (!types.empty()) {
    const auto last = types.end() - std::min<ptrdiff_t>(5, std::ssize(types));
    ALKAID_ASSIGN_OR_RAISE(const std::string run, RunOf({last, types.end()}));
    seeds->AddSource(run);
    types.erase(last, types.end());
  }
  for (const dgram::Corruption& corruption : dgram::Corruptions()) {
    seeds->AddSource(corruption.bytes);
  }
  for (const dgram::Corruption& corruption : events::SmdRecordCorruptions()) {
    seeds->AddSource(corruption.bytes);
  }
  for (const dgram::Corruption& corruption : events::ChunkInfoCorruptions()) {
    seeds->AddSource(corruption.bytes);
  }
  for (const dgram::Corruption& corruption : events::FooterCorruptions()) {
    seeds->Add("fuzz_packet_footer", corruption.bytes);
    seeds->Add("fuzz_event_batch", corruption.bytes);
  }
  AddEdits(seeds);
  AddStreams(seeds);
  AddHeapFiles(seeds);
  AddFunctionNames(seeds);
  AddLibraries(seeds);
  // A batch of two events, of one packet each.
  const std::string event = "data" + fixtures::Bytes(std::vector<uint32_t>{4, 1});
  seeds->Add("fuzz_packet_footer",
             event + event + fixtures::Bytes(std::vector<uint32_t>{12, 12, 2}));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 1;
  }
  Seeds seeds(argv[1]);
  const alkaid::Status status = Make(&seeds);
  if (!status.ok() || seeds.failed()) {
    std::fprintf(stderr, "make_seeds: %s\n",
                 status.ok() ? "a file could not be written" : status.ToString().c_str());
    return 1;
  }
  std::printf("%d seeds\n", seeds.count());
  return 0;
}
