// TensorBoard's event files, read back by a decoder of their format.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>

#include "dlb/train/event_log.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;

namespace {

/// The fields of a protocol buffer: number -> values as they stand.
struct Fields {
  std::multimap<uint64_t, std::string> bytes;
  std::multimap<uint64_t, uint64_t> numbers;

  explicit Fields(std::string_view data) {
    while (!data.empty()) {
      const uint64_t key = varint(data);
      const auto take = [&](size_t n) {
        REQUIRE(data.size() >= n);
        const std::string_view value = data.substr(0, n);
        data.remove_prefix(n);
        return std::string(value);
      };
      switch (key & 7) {
        case 0:
          numbers.emplace(key >> 3, varint(data));
          break;
        case 1:
          bytes.emplace(key >> 3, take(8));
          break;
        case 2:
          bytes.emplace(key >> 3, take(varint(data)));
          break;
        case 5:
          bytes.emplace(key >> 3, take(4));
          break;
        default:
          FAIL("wire type " << (key & 7));
      }
    }
  }

  template <class T>
  T value(uint64_t field) const {
    T v;
    REQUIRE(bytes.find(field)->second.size() == sizeof v);
    std::memcpy(&v, bytes.find(field)->second.data(), sizeof v);
    return v;
  }

 private:
  static uint64_t varint(std::string_view& data) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      REQUIRE(!data.empty());
      const auto byte = static_cast<unsigned char>(data.front());
      data.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
};

/// The messages of an event file; framing and checksums are those that event_record() writes.
std::vector<Fields> messages(const std::string& path) {
  std::vector<Fields> list;
  const std::string file = files::read_all(path);
  for (size_t at = 0; at < file.size();) {
    uint64_t length = 0;
    REQUIRE(file.size() - at >= 16);
    std::memcpy(&length, file.data() + at, 8);
    REQUIRE(length <= file.size() - at - 16);
    const std::string message = file.substr(at + 12, length);
    CHECK(file.substr(at, length + 16) == event_record(message));
    list.emplace_back(message);
    at += length + 16;
  }
  return list;
}

std::vector<std::string> event_files(const std::string& run) {
  std::vector<std::string> paths;
  for (const std::string& name : files::list(run)) {
    if (name.starts_with("events.out.tfevents.")) paths.push_back(files::join(run, name));
  }
  return paths;
}

/// What TensorBoard shows of a run: (tag, step) -> value.
std::map<std::pair<std::string, uint64_t>, float> shown(const std::string& run) {
  std::map<std::pair<std::string, uint64_t>, float> scalars;
  for (const std::string& path : event_files(run)) {
    const std::vector<Fields> list = messages(path);
    REQUIRE(!list.empty());
    CHECK(list[0].bytes.find(3)->second == "brain.Event:2");
    for (const Fields& event : list) {
      CHECK(std::abs(event.value<double>(1) - static_cast<double>(time(nullptr))) < 600);
      if (event.numbers.empty()) continue;
      const uint64_t step = event.numbers.find(2)->second;
      if (event.bytes.contains(7)) {
        CHECK(Fields(event.bytes.find(7)->second).numbers.find(1)->second == 1);
        std::erase_if(scalars, [&](const auto& scalar) { return scalar.first.second >= step; });
      }
      const auto [first, last] = event.bytes.equal_range(5);
      for (auto summary = first; summary != last; ++summary) {
        const Fields values(summary->second);
        const auto [from, to] = values.bytes.equal_range(1);
        for (auto v = from; v != to; ++v) {
          const Fields value(v->second);
          scalars[{value.bytes.find(1)->second, step}] = value.value<float>(2);
        }
      }
    }
  }
  return scalars;
}

/// The same from metrics.jsonl.
std::map<std::pair<std::string, uint64_t>, float> recorded(const std::string& run) {
  std::map<std::pair<std::string, uint64_t>, float> scalars;
  for (const nlohmann::json& record : records(run)) {
    for (const auto& [name, value] : record.items()) {
      if (name == "step" || name == "epoch" || name == "split") continue;
      const bool alone = name == "lr" || name == "grad_norm";
      scalars[{alone ? name : name + "/" + record["split"].get<std::string>(),
               record["step"].get<uint64_t>()}] = value.is_null() ? NAN : value.get<float>();
    }
  }
  return scalars;
}

void compare(const std::string& run) {
  auto events = shown(run);
  std::erase_if(events, [](const auto& scalar) { return scalar.first.first == "samples_per_s"; });
  CHECK(events == recorded(run));
}

}  // namespace

TEST_CASE("an event's frame has its length and masked CRC-32C checksums") {
  // CRC-32C of "123456789" is e3069283 (RFC 3720 has the polynomial); masked: rotated by 15, plus a282ead8.
  const std::string record = event_record("123456789");
  REQUIRE(record.size() == 8 + 4 + 9 + 4);
  CHECK(record.substr(0, 8) == std::string("\x09\0\0\0\0\0\0\0", 8));
  CHECK(record.substr(12, 9) == "123456789");
  const uint32_t expected = (0xe3069283U >> 15 | 0xe3069283U << 17) + 0xa282ead8U;
  uint32_t crc = 0;
  std::memcpy(&crc, record.data() + 21, 4);
  CHECK(crc == expected);
}

TEST_CASE("the event file says what metrics.jsonl says") {
  const TempFolder tmp;
  const std::string config =
      tmp.write("a.yaml", digits_config(kMlp,
                                        "optimizer: {adam: {lr: 1e-2}}\n"
                                        "train: {epochs: 3, log_every: 4, clip_norm: 1}\n"));
  const RunResult r = train::train(options(config, tmp / "run"));
  REQUIRE(r.status == "done");
  REQUIRE(event_files(tmp / "run").size() == 1);
  compare(tmp / "run");
  const auto scalars = shown(tmp / "run");
  CHECK(scalars.contains({"loss/train", 4}));
  CHECK(scalars.contains({"accuracy/val", 24}));
  CHECK(scalars.contains({"accuracy/test", 24}));
  CHECK(scalars.contains({"grad_norm", 4}));
  CHECK(scalars.contains({"samples_per_s", 4}));
}

TEST_CASE("a resumed run's events take the place of those behind its checkpoint") {
  const std::string config_text = digits_config(kMlp,
                                                "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 3, "
                                                "log_every: 1, checkpoint: {every: 5, keep: {last: 9}}}\n");
  // As if it had been killed at step 13, with the checkpoint of step 10 the newest, or with none.
  for (const char* lost : {"checkpoints/step-13", "checkpoints"}) {
    INFO(lost);
    const TempFolder tmp;
    TrainOptions o = options(tmp.write("a.yaml", config_text), tmp / "run");
    o.max_steps = 13;
    train::train(o);
    files::remove_all(files::join(o.out, lost));
    o.max_steps = -1;
    o.resume = true;
    REQUIRE(train::train(o).status == "done");
    REQUIRE(event_files(o.out).size() == 2);
    compare(o.out);
  }
}
