#include "dlb/tensor/allocation_limit.h"

#include "dlb/base/error.h"

namespace dlb {

namespace {

thread_local AllocationLimit* t_innermost = nullptr;

}  // namespace

AllocationLimit::AllocationLimit(size_t bytes) : most_(bytes), around_(std::exchange(t_innermost, this)) {}
AllocationLimit::~AllocationLimit() { t_innermost = around_; }

void AllocationLimit::check(size_t bytes) {
  for (AllocationLimit* limit = t_innermost; limit != nullptr; limit = limit->around_) {
    if (bytes <= limit->most_ && limit->held_ <= limit->most_ - bytes) continue;
    limit->refused_ = true;
    fail(ErrorKind::kDevice, "{:.1f} MiB are more than the {:.1f} MiB that may be allocated here",
         static_cast<double>(bytes) / 0x1p20, static_cast<double>(limit->most_) / 0x1p20);
  }
}

void AllocationLimit::took(size_t bytes) {
  for (AllocationLimit* limit = t_innermost; limit != nullptr; limit = limit->around_) limit->held_ += bytes;
}

void AllocationLimit::gave(size_t bytes) {
  for (AllocationLimit* limit = t_innermost; limit != nullptr; limit = limit->around_)
    limit->held_ -= bytes < limit->held_ ? bytes : limit->held_;
}

}  // namespace dlb
