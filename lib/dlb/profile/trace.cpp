#include "dlb/profile/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace dlb::profile {
namespace {

/// Begin, end, and the memory counter of an operator.
size_t events_of(const Record& record) { return record.kind == Record::Kind::kOperator ? 3 : 2; }

std::string json_text(std::string_view text) {
  using Json = nlohmann::json;
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Writes events in the order of time.
class Writer {
 public:
  Writer(std::string& out, int64_t start) : out_(out), start_(start) {}

  void metadata(const char* what, const std::string& name) {
    line(R"({{"name":"{}","ph":"M","pid":1,"tid":1,"args":{{"name":{}}}}})", what, json_text(name));
  }
  void begin(std::string_view name, const char* category, int64_t time, const std::string& args) {
    line(R"({{"name":{},"cat":"{}","ph":"B","ts":{:.3f},"pid":1,"tid":1{}}})", json_text(name), category,
         microseconds(time), args.empty() ? args : R"(,"args":{)" + args + "}");
  }
  void end(int64_t time) { line(R"({{"ph":"E","ts":{:.3f},"pid":1,"tid":1}})", microseconds(time)); }
  void memory(int64_t time, size_t bytes) {
    line(R"({{"name":"memory in use","ph":"C","ts":{:.3f},"pid":1,"args":{{"MiB":{:.3f}}}}})",
         microseconds(time), static_cast<double>(bytes) / 0x1p20);
  }

 private:
  double microseconds(int64_t time) const { return static_cast<double>(time - start_) * 1e-3; }
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += first_ ? "\n" : ",\n";
    first_ = false;
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  std::string& out_;
  int64_t start_;
  bool first_ = true;
};

std::string place_args(const Record& record) {
  if (record.name == nullptr) return {};
  std::string args = R"("layer":)";
  args += json_text(*record.name);
  if (record.where != nullptr && !record.where->empty()) args += R"(,"where":)" + json_text(*record.where);
  return args;
}

void begin(Writer& writer, const Record& record) {
  std::string args = place_args(record);
  switch (record.kind) {
    case Record::Kind::kPart:
      writer.begin(part_name(record.part), "part", record.begin, {});
      break;
    case Record::Kind::kPlace:
      writer.begin(*record.name, "layer", record.begin, args);
      break;
    case Record::Kind::kGradient:
      writer.begin(record.name != nullptr ? "gradient of " + *record.name : "gradient", "gradient",
                   record.begin, args);
      break;
    case Record::Kind::kOperator:
      if (!args.empty()) args += ',';
      args += fmt::format(R"("flops":{:.0f},"bytes":{:.0f})", record.cost.flops, record.cost.bytes);
      writer.begin(record.op->name, "operator", record.begin, args);
  }
}

void end(Writer& writer, const Record& record) {
  writer.end(record.end);
  if (record.kind == Record::Kind::kOperator) writer.memory(record.end, record.live_bytes);
}

}  // namespace

void Trace::add(int64_t number, int64_t begin, int64_t end, std::span<const Record> records) {
  constexpr size_t kOwn = 2;
  size_t kept = 0, events = kOwn;
  // A beginning of the list has what is around each of its records.
  while (kept < records.size() && events + events_of(records[kept]) <= left_)
    events += events_of(records[kept++]);
  const bool fits = events <= left_;
  if (fits)
    steps_.push_back(
        {number, begin, end, {records.begin(), records.begin() + static_cast<std::ptrdiff_t>(kept)}});
  size_t left_out = fits ? 0 : kOwn;
  for (size_t i = kept; i < records.size(); ++i) left_out += events_of(records[i]);
  if (left_out == 0) {
    left_ -= events;
    return;
  }
  left_ = 0;
  dropped_ += left_out;
  ++dropped_steps_;
}

std::string Trace::note() const {
  if (dropped_ == 0) return {};
  return fmt::format("the trace has the beginning, {} step{}; {} events of {} step{} did not fit",
                     steps_.size(), steps_.size() == 1 ? "" : "s", dropped_, dropped_steps_,
                     dropped_steps_ == 1 ? "" : "s");
}

std::string Trace::json(const std::string& title) const {
  std::string out = R"({"displayTimeUnit":"ms","otherData":{"dropped_events":)";
  out += std::to_string(dropped_);
  out += R"(},"traceEvents":[)";
  Writer writer(out, steps_.empty() ? 0 : steps_.front().begin);
  writer.metadata("process_name", title);
  writer.metadata("thread_name", "steps");
  for (const Step& step : steps_) {
    writer.begin(fmt::format("step {}", step.number), "step", step.begin, {});
    std::vector<const Record*> open;
    for (const Record& record : step.records) {
      for (; open.size() > record.depth; open.pop_back()) end(writer, *open.back());
      begin(writer, record);
      open.push_back(&record);
    }
    for (; !open.empty(); open.pop_back()) end(writer, *open.back());
    writer.end(step.end);
  }
  out += "\n]}\n";
  return out;
}

}  // namespace dlb::profile
