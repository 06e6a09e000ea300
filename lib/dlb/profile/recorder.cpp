#include "dlb/profile/recorder.h"

#include <algorithm>

#include "dlb/tensor/storage.h"

namespace dlb::profile {

const char* part_name(WorkPart part) {
  constexpr const char* kNames[kParts] = {"data", "forward", "backward", "optimizer", "other"};
  return kNames[static_cast<size_t>(part)];
}

Cost cost_of(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs, const void* attrs) {
  if (op.cost != nullptr) return op.attrs->call_cost(op.cost, inputs, outputs, attrs);
  Cost cost;
  for (const std::span<const Tensor> tensors : {inputs, outputs}) {
    for (const Tensor& t : tensors) {
      if (t.defined()) cost.bytes += static_cast<double>(t.spec().bytes());
    }
  }
  return cost;
}

void StepRecorder::start() {
  stop();
  records_.clear();
  open_.clear();
  marks_.clear();
  operators_ = 0;
  previous_ = set_observer(this);
  previous_work_ = set_work_observer(this);
  running_ = true;
}

void StepRecorder::stop() {
  if (!running_) return;
  set_observer(previous_);
  set_work_observer(previous_work_);
  running_ = false;
}

Record& StepRecorder::open(Record::Kind kind) {
  Record record;
  record.kind = kind;
  if (!open_.empty()) {
    const Record& around = records_[open_.back()];
    record.part = around.part;
    record.name = around.name;
    record.where = around.where;
  }
  record.depth = static_cast<uint32_t>(open_.size());
  open_.push_back(static_cast<uint32_t>(records_.size()));
  records_.push_back(record);
  return records_.back();
}

/// Operators get their numbers one after the other, so a number says which place was the present one.
void StepRecorder::mark_place() {
  const Record* now = current();
  const std::string* name = now == nullptr ? nullptr : now->name;
  const std::string* where = now == nullptr ? nullptr : now->where;
  const uint64_t number = next_operator_number();
  if (!marks_.empty()) {
    Mark& last = marks_.back();
    if (last.name == name && last.where == where) return;
    if (last.number == number) {
      last = {number, name, where};
      return;
    }
  }
  marks_.push_back({number, name, where});
}

void StepRecorder::before(const OpDef& op, Inputs, const void*) {
  if (operators_++ > 0) return;
  Record& record = open(Record::Kind::kOperator);
  record.op = &op;
  record.begin = now_ns();
}

void StepRecorder::after(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs, const void* attrs) {
  if (operators_ == 0 || --operators_ > 0) return;
  const int64_t time = now_ns();
  Record& record = records_[open_.back()];
  open_.pop_back();
  record.end = time;
  record.cost = cost_of(op, inputs, outputs, attrs);
  record.live_bytes = cpu_allocator_stats().live_bytes;
}

void StepRecorder::begin_part(WorkPart part) {
  Record& record = open(Record::Kind::kPart);
  record.part = part;
  record.name = record.where = nullptr;
  mark_place();
  record.begin = now_ns();
}

void StepRecorder::begin_place(const std::string& name, const std::string& where) {
  Record& record = open(Record::Kind::kPlace);
  record.name = &name;
  record.where = &where;
  mark_place();
  record.begin = now_ns();
}

void StepRecorder::begin_gradient(uint64_t number) {
  Record& record = open(Record::Kind::kGradient);
  const auto later = std::upper_bound(marks_.begin(), marks_.end(), number,
                                      [](uint64_t n, const Mark& mark) { return n < mark.number; });
  if (later != marks_.begin()) {
    record.name = std::prev(later)->name;
    record.where = std::prev(later)->where;
  }
  // Only a gradient that is itself differentiated records operators.
  if (grad_enabled()) mark_place();
  record.begin = now_ns();
}

void StepRecorder::end() {
  if (open_.empty()) return;  // begun before start()
  Record& record = records_[open_.back()];
  record.end = now_ns();
  open_.pop_back();
  if (record.kind != Record::Kind::kGradient || grad_enabled()) mark_place();
}

}  // namespace dlb::profile
