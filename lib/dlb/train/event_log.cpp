#include "dlb/train/event_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>

#include "dlb/train/run_record.h"

namespace dlb::train {
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";

/// The numbers of the fields in event.proto and summary.proto that are written here.
enum EventField : uint32_t { kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7 };
enum SummaryField : uint32_t { kValue = 1 };
enum ValueField : uint32_t { kTag = 1, kSimpleValue = 2 };
enum SessionLogField : uint32_t { kStatus = 1 };
constexpr uint64_t kSessionStart = 1;

void append_little_endian(std::string& to, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) to += static_cast<char>(value >> (8 * i) & 0xff);
}

/// Writes fields of a protocol buffer.
class Message {
 public:
  Message& number(uint32_t field, uint64_t value) {
    key(field, 0);
    varint(value);
    return *this;
  }
  Message& real(uint32_t field, double value) {
    key(field, 1);
    append_little_endian(bytes_, std::bit_cast<uint64_t>(value), 8);
    return *this;
  }
  Message& real(uint32_t field, float value) {
    key(field, 5);
    append_little_endian(bytes_, std::bit_cast<uint32_t>(value), 4);
    return *this;
  }
  Message& text(uint32_t field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(uint32_t field, uint32_t wire) { varint(field << 3 | wire); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

/// CRC-32C, masked as the record format wants it so that a checksum of data that holds checksums stays one.
uint32_t masked_crc(std::string_view data) {
  static constexpr std::array<uint32_t, 256> kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t n = 0; n < 256; ++n) {
      uint32_t c = n;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? c >> 1 ^ 0x82f63b78U : c >> 1;
      table[n] = c;
    }
    return table;
  }();
  uint32_t crc = ~0U;
  for (const char c : data) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
  return std::rotr(~crc, 15) + 0xa282ead8U;
}

double now() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

Message event(int64_t step) {
  Message e;
  e.real(kWallTime, now()).number(kStep, static_cast<uint64_t>(step));
  return e;
}

/// TensorBoard reads the files of a folder in the order of their names, which begin with the time in seconds:
/// later than all that are there.
std::string new_path(const std::string& folder) {
  auto seconds = static_cast<int64_t>(now());
  for (const std::string& name : files::list(folder)) {
    if (!name.starts_with(kPrefix)) continue;
    int64_t other = 0;
    const char* const number = name.data() + kPrefix.size();
    const auto [end, error] = std::from_chars(number, name.data() + name.size(), other);
    if (error == std::errc() && other < INT64_MAX) seconds = std::max(seconds, other + 1);
  }
  const std::string host = host_name();
  return files::join(folder, fmt::format("{}{:010}.{}.{}.0", kPrefix, seconds,
                                         host.empty() ? "localhost" : host, ::getpid()));
}

}  // namespace

std::string event_record(std::string_view message) {
  std::string record;
  append_little_endian(record, message.size(), 8);
  append_little_endian(record, masked_crc(record), 4);
  record += message;
  append_little_endian(record, masked_crc(message), 4);
  return record;
}

EventLog::EventLog(const std::string& folder, int64_t checkpoint_step) : out_(new_path(folder)) {
  Message version;
  version.real(kWallTime, now()).text(kFileVersion, "brain.Event:2");
  out_.write(event_record(version.bytes()));
  Message session;
  session.number(kStatus, kSessionStart);
  Message start = event(checkpoint_step + 1);
  out_.write(event_record(start.text(kSessionLog, session.bytes()).bytes()));
}

void EventLog::write(const Record& record) {
  Message summary;
  const auto scalar = [&](const std::string& tag, double value) {
    Message v;
    v.text(kTag, tag).real(kSimpleValue, static_cast<float>(value));
    summary.text(kValue, v.bytes());
  };
  for (const auto& [name, value] : record.values) scalar(name + "/" + record.split, value);
  if (record.lr) scalar("lr", *record.lr);
  if (record.grad_norm) scalar("grad_norm", *record.grad_norm);
  if (record.samples_per_s) scalar("samples_per_s", *record.samples_per_s);
  Message e = event(record.step);
  out_.write(event_record(e.text(kSummary, summary.bytes()).bytes()));
}

}  // namespace dlb::train
