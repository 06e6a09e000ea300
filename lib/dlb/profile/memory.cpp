#include "dlb/profile/memory.h"

#include <omp.h>

#include <algorithm>

#include "dlb/tensor/storage.h"

namespace dlb::profile {

void MemoryWatch::start() {
  thread_ = std::this_thread::get_id();
  blocks_.clear();
  held_.clear();
  held_at_peak_.clear();
  events_.clear();
  allocations_ = 0;
  bytes_ = 0;
  begin_ = now_ns();
  start_ = live_ = peak_ = cpu_allocator_stats().live_bytes;
  peak_owner_ = {};
  running_ = true;
  watch_cpu_allocations(this);
}

void MemoryWatch::stop() {
  if (running_) watch_cpu_allocations(nullptr);
  running_ = false;
}

/// Kernels also run on OpenMP's threads, while the observed one waits for them; any other thread is one of
/// the loader's, which must not look at a recorder that is written to.
MemoryWatch::Owner MemoryWatch::owner() const {
  Owner owner;
  if (std::this_thread::get_id() != thread_ && omp_get_level() == 0) {
    owner.part = WorkPart::kData;
    return owner;
  }
  if (const Record* now = recorder_.current()) {
    owner = {now->name, now->where, now->part, now->op};
  }
  return owner;
}

void MemoryWatch::note(const Owner& owner) { events_.push_back({now_ns(), live_, owner}); }

void MemoryWatch::allocated(const void* block, size_t bytes) {
  const Owner who = owner();
  ++allocations_;
  bytes_ += static_cast<double>(bytes);
  live_ += bytes;
  blocks_[block] = {bytes, who};
  held_[who] += bytes;
  if (live_ > peak_) {
    peak_ = live_;
    peak_owner_ = who;
    held_at_peak_ = held_;
  }
  note(who);
}

void MemoryWatch::released(const void* block, size_t bytes) {
  live_ -= std::min(bytes, live_);
  if (const auto it = blocks_.find(block); it != blocks_.end()) {
    held_[it->second.second] -= bytes;
    blocks_.erase(it);
  }
  note(owner());
}

std::string MemoryWatch::layer_of(const Owner& owner) {
  return owner.name != nullptr ? *owner.name : part_name(owner.part);
}

/// The largest rise of a forward pass above the level at its beginning.
size_t MemoryWatch::activation_bytes(bool trains) const {
  size_t most = 0, level = start_, before = start_;
  bool inside = false;
  const auto rise = [&](size_t live) { most = std::max(most, live > before ? live - before : 0); };
  for (const Event& event : events_) {
    const bool forward = event.owner.part == WorkPart::kForward;
    if (forward && !inside) before = level;
    if (!forward && inside && trains) rise(level);
    if (forward && !trains) rise(event.live);
    inside = forward;
    level = event.live;
  }
  return most;
}

std::vector<MemoryProfile::Point> MemoryWatch::timeline() const {
  std::vector<MemoryProfile::Point> points;
  const auto point = [&](const Event& event) {
    points.push_back({static_cast<double>(event.time - begin_) * 1e-6, event.live, layer_of(event.owner),
                      part_name(event.owner.part)});
  };
  const size_t stretch = (events_.size() + kMostPoints - 1) / kMostPoints;
  for (size_t i = 0; i < events_.size(); i += stretch) {
    const auto first = events_.begin() + static_cast<std::ptrdiff_t>(i);
    const auto last = events_.begin() + static_cast<std::ptrdiff_t>(std::min(i + stretch, events_.size()));
    point(*std::max_element(first, last, [](const Event& a, const Event& b) { return a.live < b.live; }));
  }
  return points;
}

MemoryProfile MemoryWatch::result(bool trains) const {
  MemoryProfile profile;
  profile.allocations = allocations_;
  profile.allocated_bytes = bytes_;
  profile.start_bytes = start_;
  profile.peak_bytes = peak_;
  profile.activation_bytes = activation_bytes(trains);
  const auto place = [](const Owner& owner) { return owner.where != nullptr ? *owner.where : std::string(); };
  profile.peak = {layer_of(peak_owner_), place(peak_owner_), part_name(peak_owner_.part),
                  peak_owner_.op != nullptr ? std::string(peak_owner_.op->name) : ""};
  for (const auto& [owner, bytes] : held_at_peak_) {
    if (bytes > 0) profile.held.push_back({layer_of(owner), place(owner), part_name(owner.part), bytes});
  }
  std::stable_sort(profile.held.begin(), profile.held.end(), [](const auto& a, const auto& b) {
    return std::tie(b.bytes, a.layer, a.part) < std::tie(a.bytes, b.layer, b.part);
  });
  profile.timeline = timeline();
  return profile;
}

}  // namespace dlb::profile
