#include "alkaid/dgram/corruptions.h"

#include "alkaid/dgram/crafted_dgrams.h"

namespace alkaid::dgram {
namespace {

using crafted::Bytes;
using crafted::Configure;
using crafted::Event;
using crafted::EventPayload;
using crafted::FieldSpec;
using crafted::kData;
using crafted::kNames;
using crafted::kParent;
using crafted::kShapes;
using crafted::kShapesData;
using crafted::kSrc;
using crafted::Shape;
using crafted::ShapesData;

constexpr int64_t kAccepted = Corruption::kAccepted;
constexpr uint32_t kHuge = 0xffffffff;

// Where things lie in crafted::EventPayload, in bytes from its start.
constexpr int64_t kShapesAt = 12;
constexpr int64_t kDataAt = 64;
constexpr int64_t kCountAt = 76;
constexpr int64_t kTextAt = 78;
constexpr int64_t kImageAt = 86;
constexpr int64_t kLastAt = 110;
constexpr int64_t kPayloadBytes = 118;

// Bytes before the Event that follows a Configure, and before its payload.
int64_t EventAt() { return static_cast<int64_t>(Configure().size()); }
int64_t PayloadAt() { return EventAt() + kDgramHeaderBytes; }

std::string Patched(std::string bytes, int64_t at, uint32_t word) {
  return bytes.replace(static_cast<size_t>(at), 4, Bytes(word));
}
std::string Cut(const std::string& bytes, int64_t behind) {
  return bytes.substr(0, bytes.size() - static_cast<size_t>(behind));
}
std::string L1(const std::string& payload) {
  return crafted::Dgram(TransitionId::kL1Accept, payload, 1);
}
// A Configure, one datagram of this payload, a sound one.
std::string Run(const std::string& payload) { return Configure() + L1(payload) + Event(2); }
// The same with one word of the middle one's payload changed.
std::string RunPatched(int64_t at, uint32_t word) {
  return Run(Patched(EventPayload(1), at, word));
}
std::string ConfigureOf(const std::string& payload) {
  return crafted::Dgram(TransitionId::kConfigure, payload);
}
// A Configure whose one Names has these fields, and an event with these shapes and data.
std::string RunOf(const std::vector<FieldSpec>& fields, const std::string& shapes,
                  const std::string& data) {
  return ConfigureOf(crafted::Names(kSrc, "det", 0, "raw", fields)) +
         L1(ShapesData(kSrc, shapes, data));
}
int64_t DataAt(const std::vector<FieldSpec>& fields, const std::string& shapes) {
  return static_cast<int64_t>(ConfigureOf(crafted::Names(kSrc, "det", 0, "raw", fields)).size() +
                              shapes.size()) +
         kDgramHeaderBytes + 3 * kXtcHeaderBytes;
}
std::string Nested(int levels, std::string payload) {
  std::string around;
  for (int i = 0; i < levels; ++i) {
    // From the outside in, so that a hundred thousand levels are made quickly.
    const int64_t extent =
        int64_t{levels - i} * kXtcHeaderBytes + static_cast<int64_t>(payload.size());
    around += crafted::Xtc(kParent, "", 0, 0, extent);
  }
  return around + payload;
}

}  // namespace

std::vector<Corruption> HeaderCorruptions() {
  const std::string configure = Configure();
  const std::string event = Event(1);
  const int64_t at = EventAt();
  const int64_t extent_at = at + 20;
  const auto true_extent = static_cast<uint32_t>(event.size() - 12);
  const std::string two = configure + event;
  std::string corrupted = two;
  corrupted[static_cast<size_t>(at) + 16] = 8;
  corrupted.replace(static_cast<size_t>(at) + 24, 12, "no Xtc here!");
  std::string other_root = two;
  other_root[static_cast<size_t>(at) + 18] = 4;
  return {
      {"nothing", "", kAccepted, "", 1},
      {"one byte", "x", 0, "partial datagram: 1 bytes are left"},
      {"a header but for a byte", configure.substr(0, 23), 0, "23 bytes are left"},
      {"a header alone that states more", configure.substr(0, 24), 0, "partial datagram: 24 of"},
      {"an extent of 0 in the first", Patched(two, 20, 0), 0, "extent 0, the least is 12"},
      {"an extent of 11 in the first", Patched(two, 20, 11), 0, "extent 11"},
      {"an extent of 0", Patched(two, extent_at, 0), at, "extent 0, the least is 12"},
      {"an extent of 1", Patched(two, extent_at, 1), at, "extent 1, the least is 12"},
      {"an extent of 11", Patched(two, extent_at, 11), at, "extent 11, the least is 12"},
      {"an extent of a header alone, payload behind", Patched(two, extent_at, 12),
       PayloadAt() + kDgramHeaderBytes, "Xtc of type"},
      {"an extent one too large", Patched(two, extent_at, true_extent + 1), at,
       "partial datagram: 142 of 143"},
      {"an extent one too small", Patched(two, extent_at, true_extent - 1), PayloadAt(),
       "has 117 left"},
      {"an extent of 2 GiB less one", Patched(two, extent_at, 0x7fffffff), at, "partial"},
      {"an extent of 2 GiB", Patched(two, extent_at, 0x80000000), at, "partial"},
      {"the largest extent", Patched(two, extent_at, kHuge), at, "of 4294967307 bytes"},
      {"an extent that reaches the next datagram",
       Patched(two + Event(2), extent_at, true_extent + 24), PayloadAt() + kPayloadBytes,
       "Xtc of type"},
      {"a Configure cut inside its Names", Cut(configure, 1), 0, "partial datagram"},
      {"a Configure whose extent cuts its Names", Patched(two, 20, 2000), kDgramHeaderBytes,
       "Xtc of type 4"},
      {"a source cut in a header", two + Event(2).substr(0, 12),
       at + static_cast<int64_t>(event.size()), "12 bytes are left"},
      {"a source cut in a payload", Cut(two, 50), at, "92 of 142"},
      {"a source cut by one byte", Cut(two, 1), at, "141 of 142"},
      {"a byte at the end", two + '\0', at + static_cast<int64_t>(event.size()),
       "1 bytes are left"},
      {"zeros at the end", two + std::string(240, '\0'), at + static_cast<int64_t>(event.size()),
       "extent 0"},
      {"an event before any Configure", event + configure, 0, "before any Configure"},
      {"a transition before any Configure", crafted::Dgram(TransitionId::kBeginRun, "") + configure,
       0, "before any Configure"},
      {"a second Configure that declares nothing", two + ConfigureOf("") + L1(EventPayload(2)),
       at + static_cast<int64_t>(event.size()) + 48, "does not declare"},
      {"the same Configure twice", configure + two, kAccepted},
      {"a Configure alone, without Names", ConfigureOf(""), kAccepted},
      {"a service that means nothing",
       configure + crafted::Dgram(static_cast<TransitionId>(13), EventPayload(1)), kAccepted, "",
       1},
      {"an env of ones", Patched(two, at + 8, kHuge), kAccepted, "", 1},
      {"the largest time", Patched(Patched(two, at, kHuge), at + 4, kHuge), kAccepted},
      {"a root that is no Parent", other_root, kAccepted},
      {"garbage under the mark Corrupted", corrupted, kAccepted},
      {"every damage but Corrupted",
       configure + crafted::Dgram(TransitionId::kL1Accept, EventPayload(1), 1, 0xfff7), kAccepted},
  };
}

std::vector<Corruption> ExtentCorruptions() {
  const int64_t at = PayloadAt();
  const std::string event = EventPayload(1);
  const auto in_parent = [&](uint16_t damage) {
    return Run(crafted::Xtc(kParent, "no Xtc here!", 0, damage));
  };
  std::string siblings;
  for (int i = 0; i < 1000; ++i) siblings += crafted::Xtc(kParent, "");
  return {
      {"ShapesData of extent 0", RunPatched(8, 0), at, "extent 0"},
      {"ShapesData of extent 11", RunPatched(8, 11), at, "extent 11"},
      {"ShapesData that ends before its parts", RunPatched(8, 12), at, "without Data"},
      {"ShapesData that cuts its Data", RunPatched(8, 100), at + kDataAt, "has 36 left"},
      {"ShapesData one byte past its datagram", RunPatched(8, kPayloadBytes + 1), at,
       "has 118 left"},
      {"ShapesData of 2 GiB", RunPatched(8, 0x80000000), at, "extent 2147483648"},
      {"ShapesData of the largest extent", RunPatched(8, kHuge), at, "extent 4294967295"},
      {"ShapesData whose extent wraps its end", RunPatched(8, 0U - 12), at, "Xtc of type 1"},
      {"Shapes of extent 0", RunPatched(kShapesAt + 8, 0), at + kShapesAt, "extent 0"},
      {"Shapes of extent 11", RunPatched(kShapesAt + 8, 11), at + kShapesAt, "extent 11"},
      {"Shapes past their ShapesData", RunPatched(kShapesAt + 8, 107), at + kShapesAt,
       "has 106 left"},
      {"Shapes of the largest extent", RunPatched(kShapesAt + 8, kHuge), at + kShapesAt,
       "extent 4294967295"},
      {"Shapes that take the Data in", RunPatched(kShapesAt + 8, 106), at, "without Data"},
      {"Data of extent 0", RunPatched(kDataAt + 8, 0), at + kDataAt, "extent 0"},
      {"Data one byte past its ShapesData", RunPatched(kDataAt + 8, 55), at + kDataAt,
       "has 54 left"},
      {"Data of the largest extent", RunPatched(kDataAt + 8, kHuge), at + kDataAt,
       "extent 4294967295"},
      {"Data one byte short, the byte left over", RunPatched(kDataAt + 8, 53),
       at + kPayloadBytes - 1, "1 bytes are left over in the ShapesData"},
      {"a byte left over in a datagram", Run(event + "x"), at + kPayloadBytes, "1 bytes"},
      {"eleven bytes left over in a datagram", Run(event + "elevenbytes"), at + kPayloadBytes,
       "11 bytes are left over"},
      {"an Xtc of unknown type and extent 0", Run(crafted::Xtc(99, "", 0, 0, 0)), at, "type 99"},
      {"an Xtc of unknown type", Run(crafted::Xtc(99, "x") + event), kAccepted},
      {"an Xtc of unknown type inside a ShapesData",
       Run(crafted::Xtc(kShapesData, crafted::Xtc(99, "x") + event.substr(12), kSrc)), kAccepted},
      {"Shapes and Data without a ShapesData", Run(event.substr(12)), kAccepted},
      {"a version in every type", Run(crafted::Xtc(kShapesData | 0x7000, event.substr(12), kSrc)),
       kAccepted},
      {"a level in the source of data",
       Run(crafted::Xtc(kShapesData, event.substr(12), 0x10000000 | kSrc)), kAccepted},
      {"garbage in a Parent", in_parent(0), at + 12, "Xtc of type"},
      {"garbage in a Parent marked Corrupted", in_parent(8), kAccepted},
      {"a Parent larger than the datagram", Run(crafted::Xtc(kParent, event, 0, 0, 500)), at,
       "extent 500"},
      {"a Parent that cuts its child", Run(crafted::Xtc(kParent, event, 0, 0, 100) + "x"), at + 12,
       "has 88 left"},
      {"data in a Parent", Run(Nested(1, event)), kAccepted},
      {"Parents as deep as may be", Run(Nested(64, event)), kAccepted},
      {"Parents one too deep", Run(Nested(65, event)), at + 64 * 12, "deeper than the limit of 64"},
      {"a hundred thousand Parents in each other", Run(Nested(100000, event)), at + 64 * 12,
       "deeper"},
      {"a thousand Parents beside each other", Run(siblings + event), kAccepted},
  };
}

std::vector<Corruption> NamesCorruptions() {
  const std::string sound = crafted::Names(kSrc, "det", 0, "raw", {{"x", 1, 0}});
  const std::string data = L1(ShapesData(kSrc, "", "ab"));
  const auto with_field = [&](uint32_t type, uint32_t rank) {
    return ConfigureOf(crafted::Names(kSrc, "det", 0, "raw", {{"a", 1, 0}, {"b", type, rank}}));
  };
  std::string texts = sound;
  for (const size_t at : {16, 272, 528, 784, 1048, 1308}) texts.replace(at, 256, 256, 'x');
  std::vector<FieldSpec> many(2000, FieldSpec{"x", 0, 0});
  return {
      {"Names without a header of its own", ConfigureOf(crafted::Xtc(kNames, "")), 24,
       "Names of extent 12"},
      {"Names one byte short", ConfigureOf(crafted::Xtc(kNames, sound.substr(12, 1035))), 24,
       "extent 1047"},
      {"Names with a byte more", ConfigureOf(crafted::Xtc(kNames, sound.substr(12) + "x")), 24,
       "Names of extent 1573"},
      {"Names with a field but for a byte",
       ConfigureOf(crafted::Xtc(kNames, Cut(sound.substr(12), 1))), 24, "Names of extent 1571"},
      {"Names past its Configure", ConfigureOf(Patched(sound, 8, 1573)), 24, "has 1572 left"},
      {"Names of the largest extent", ConfigureOf(Patched(sound, 8, kHuge)), 24, "Xtc of type 4"},
      {"a type beyond the last", with_field(13, 0), 24, "has type 13"},
      {"the largest type", with_field(kHuge, 0), 24, "has type 4294967295"},
      {"a type whose low byte is sound", with_field(256, 0), 24, "has type 256"},
      {"a rank beyond the last", with_field(1, 6), 24, "has rank 6"},
      {"the largest rank", with_field(1, kHuge), 24, "has rank 4294967295"},
      {"a rank whose low byte is sound", with_field(1, 256), 24, "has rank 256"},
      {"text of rank 0", with_field(10, 0), 24, "text has rank 1"},
      {"text of rank 2", with_field(10, 2), 24, "text has rank 1"},
      {"a second Names at fault",
       ConfigureOf(sound + crafted::Names(9, "b", 0, "raw", {{"y", 77, 0}})),
       24 + static_cast<int64_t>(sound.size()), "has type 77"},
      {"a wrong count of arrays", ConfigureOf(Patched(sound, 12, kHuge)) + data, kAccepted},
      {"texts without a NUL", ConfigureOf(texts) + data, kAccepted},
      {"Names without fields", RunOf({}, "", ""), kAccepted},
      {"a NamesId twice", ConfigureOf(sound + sound) + data, kAccepted, "", 1},
      {"a NamesId twice, of which the last needs more",
       ConfigureOf(sound + crafted::Names(kSrc, "det", 0, "raw", {{"x", 3, 0}})) + data,
       24 + 2 * static_cast<int64_t>(sound.size()) + 24 + 36, "needs 8 bytes"},
      {"two fields of one name and unlike shapes",
       RunOf({{"x", 0, 1}, {"x", 0, 1}}, Shape({1}) + Shape({3}), "abcd"), kAccepted},
      {"an enumeration without a name", RunOf({{"x", 11, 0}, {"y", 12, 0}}, "", "abcdabcd"),
       kAccepted},
      {"an enumeration without labels", RunOf({{"x:e", 11, 0}}, "", "abcd"), kAccepted},
      {"an enumeration of rank 1 and no elements",
       RunOf({{"x:e", 11, 1}, {"y:e", 12, 1}}, Shape({0}) + Shape({0}), ""), kAccepted},
      {"two thousand fields without data", RunOf(many, "", ""), DataAt(many, ""), "needs 1 bytes"},
      {"Names in an event", Run(sound + EventPayload(1)), kAccepted},
      {"malformed Names in an event", Run(crafted::Xtc(kNames, "x") + EventPayload(1)), kAccepted},
      {"Names in a Parent", ConfigureOf(Nested(3, sound)) + data, kAccepted},
      {"Names behind the data that it declares",
       ConfigureOf(ShapesData(kSrc, "", "ab") + sound) + data, kAccepted},
      {"data in a Configure that it does not declare", ConfigureOf(ShapesData(7, "", "ab") + sound),
       24, "0x000007"},
  };
}

std::vector<Corruption> ShapesCorruptions() {
  const int64_t at = PayloadAt();
  const std::string data = EventPayload(1).substr(kCountAt);
  const std::string shapes = Shape({8}) + Shape({2, 3});
  const auto with = [&](const std::string& some_shapes, const std::string& some_data) {
    return Run(ShapesData(kSrc, some_shapes, some_data));
  };
  const auto of_rank_5 = [](const std::vector<uint32_t>& shape) {
    return RunOf({{"x", 0, 5}}, Shape(shape), "data");
  };
  const int64_t rank_5_at = DataAt({{"x", 0, 5}}, Shape({}));
  const auto parts = [&](const std::string& payload) {
    return Run(crafted::Xtc(kShapesData, payload, kSrc));
  };
  const std::string a_shapes = crafted::Xtc(kShapes, shapes);
  const std::string a_data = crafted::Xtc(kData, data);
  return {
      {"data of an unknown NamesId", Run(ShapesData(0x999, shapes, data)), at, "0x000999"},
      {"no Shapes", parts(a_data), at, "0 bytes of Shapes for 2 arrays"},
      {"no Data", parts(a_shapes), at, "without Data"},
      {"neither Shapes nor Data", parts(""), at, "without Data"},
      {"Data before Shapes", parts(a_data + a_shapes), kAccepted},
      {"a second Shapes", parts(a_shapes + a_shapes + a_data), at + 12 + 52, "second Shapes"},
      {"a second Data", parts(a_shapes + a_data + a_data), at + 12 + 52 + 54, "second Data"},
      {"empty Shapes", with("", data), at, "0 bytes of Shapes"},
      {"Shapes of one array in place of two", with(Shape({8}), data), at, "20 bytes of Shapes"},
      {"Shapes one byte short", with(Cut(shapes, 1), data), at, "39 bytes of Shapes"},
      {"Shapes with more than is needed", with(shapes + "more", data), kAccepted},
      {"no data at all", with(shapes, ""), at + kCountAt, "\"count\""},
      {"half a scalar", with(shapes, "x"), at + kCountAt, "needs 2 bytes, its Data has 1 left"},
      {"text longer than all data", with(Shape({kHuge}) + Shape({2, 3}), data), at + kTextAt,
       "needs 4294967295 bytes"},
      {"an array one element too long", with(Shape({8}) + Shape({1, 9}), data), at + kImageAt,
       "needs 36 bytes, its Data has 32 left"},
      {"an array that leaves too little for a scalar", with(Shape({8}) + Shape({2, 4}), data),
       at + kLastAt + 8, "needs 8 bytes, its Data has 0 left"},
      {"a last scalar cut by a byte", with(shapes, Cut(data, 1)), at + kLastAt,
       "its Data has 7 left"},
      {"a shape that wraps 32 bits to 0", with(Shape({8}) + Shape({0x10000, 0x10000}), data),
       at + kImageAt, "needs 17179869184 bytes"},
      {"a shape that wraps 32 bits to a small count",
       with(Shape({8}) + Shape({0x80000001, 6}), data), at + kImageAt, "needs 51539607576 bytes"},
      {"a shape that wraps 64 bits to 0", with(Shape({8}) + Shape({0x80000000, 0x80000000}), data),
       at + kImageAt, "more bytes than 64 bits"},
      {"a shape that 64 bits count as negative", with(Shape({8}) + Shape({kHuge, kHuge}), data),
       at + kImageAt, "more bytes than 64 bits"},
      {"five of the largest dimensions", of_rank_5({kHuge, kHuge, kHuge, kHuge, kHuge}), rank_5_at,
       "more bytes than 64 bits"},
      {"a product that comes out as 1", of_rank_5({kHuge, kHuge, 1, 1, 1}), rank_5_at,
       "more bytes than 64 bits"},
      {"a product that wraps before a 0", of_rank_5({kHuge, kHuge, kHuge, kHuge, 0}), rank_5_at,
       "more bytes than 64 bits"},
      {"a 0 before the largest dimensions", of_rank_5({0, kHuge, kHuge, kHuge, kHuge}), kAccepted},
      {"dimensions of 0", with(Shape({0}) + Shape({0, 0}), data), kAccepted},
      {"an array shorter than its data", with(Shape({8}) + Shape({1, 1}), data), kAccepted},
      {"text without a NUL", with(shapes, Patched(Patched(data, 2, kHuge), 6, kHuge)), kAccepted},
      {"garbage behind the fields", with(shapes, data + std::string(1000, '\xee')), kAccepted},
      {"the same data twice", Run(EventPayload(1) + EventPayload(1)), kAccepted},
      {"sound data behind data at fault", Run(ShapesData(kSrc, shapes, "") + EventPayload(1)),
       at + kCountAt, "\"count\""},
  };
}

std::vector<Corruption> Corruptions() {
  std::vector<Corruption> all;
  for (const auto& make :
       {HeaderCorruptions, ExtentCorruptions, NamesCorruptions, ShapesCorruptions}) {
    const std::vector<Corruption> some = make();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace alkaid::dgram
