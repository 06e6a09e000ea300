#include "dlb/data/rollouts.h"

#include <algorithm>
#include <cmath>

namespace dlb::data {

struct Rollouts::Episode {
  std::unique_ptr<Environment> world;
  RandomStream random;
  int64_t number = 0;
  std::vector<float> observations;
  std::vector<int64_t> actions;
  std::vector<double> rewards;
  bool done = false;
};

namespace {

/// Draws from the softmax of the scores by inverting its cumulative sum.
int64_t drawn(const float* scores, int64_t actions, RandomStream& random) {
  const double top = *std::max_element(scores, scores + actions);
  double total = 0;
  for (int64_t a = 0; a < actions; ++a) total += std::exp(scores[a] - top);
  double left = random.uniform_double() * total;
  for (int64_t a = 0; a + 1 < actions; ++a) {
    left -= std::exp(scores[a] - top);
    if (left < 0) return a;
  }
  return actions - 1;
}

}  // namespace

Rollouts::Rollouts(const EnvironmentSource& source, RolloutOptions options)
    : source_(source), options_(options), spec_(source.sample_spec()) {
  auto names = std::make_shared<std::vector<std::string>>();
  for (const Column& c : spec_.columns) names->push_back(c.name);
  names_ = std::move(names);
  next_ = batches();
}

void Rollouts::start(int64_t epoch, int64_t first) {
  epoch_ = epoch;
  next_ = std::clamp<int64_t>(first, 0, batches());
}

std::optional<Batch> Rollouts::next(const Policy& policy) {
  if (next_ >= batches()) return {};
  const int64_t first = next_ * options_.batch;
  const int64_t count = std::min(options_.batch, options_.episodes - first);
  std::vector<Episode> episodes;
  episodes.reserve(static_cast<size_t>(count));
  std::vector<Episode*> playing;
  for (int64_t i = 0; i < count; ++i) {
    const RngKey key{options_.seed, RngPurpose::kSample,
                     (options_.stream << 48) + static_cast<uint64_t>(epoch_),
                     static_cast<uint32_t>(first + i)};
    episodes.push_back({source_.make(), RandomStream(key), first + i, {}, {}, {}});
    episodes.back().world->reset(episodes.back().random);
    playing.push_back(&episodes.back());
  }
  const auto features = static_cast<size_t>(source_.features());
  for (int64_t step = 0; step < source_.max_steps && !playing.empty(); ++step) {
    const Tensor seen = Tensor::empty({static_cast<int64_t>(playing.size()), source_.features()});
    float* row = seen.data<float>();
    for (Episode* e : playing) {
      e->world->observe(row);
      e->observations.insert(e->observations.end(), row, row + features);
      row += features;
    }
    act(playing, policy(seen));
    std::erase_if(playing, [](const Episode* e) { return e->done; });
  }
  Batch batch = joined(episodes);
  batch.index = next_++;
  return batch;
}

void Rollouts::act(std::vector<Episode*>& playing, const Tensor& scores) const {
  const int64_t actions = source_.actions();
  if (scores.rank() != 2 || scores.dim(0) != static_cast<int64_t>(playing.size()) ||
      scores.dim(1) != actions) {
    fail(ErrorKind::kShape, "the policy must give scores [{}, {}] of the actions, got {}", playing.size(),
         actions, shape_text(scores.shape()));
  }
  const std::vector<float> values = scores.to_vector<float>();
  const float* row = values.data();
  for (Episode* e : playing) {
    if (!std::all_of(row, row + actions, [](float v) { return std::isfinite(v); })) {
      fail(ErrorKind::kNumeric, "the policy's scores are not finite at step {} of episode {}",
           e->actions.size() + 1, e->number + 1);
    }
    const int64_t action =
        options_.greedy ? std::max_element(row, row + actions) - row : drawn(row, actions, e->random);
    const Environment::Outcome outcome = e->world->step(action, e->random);
    e->actions.push_back(action);
    e->rewards.push_back(outcome.reward);
    e->done = outcome.done;
    row += actions;
  }
}

Batch Rollouts::joined(std::vector<Episode>& played) const {
  int64_t steps = 0;
  for (const Episode& e : played) steps += static_cast<int64_t>(e.actions.size());
  Batch batch;
  batch.columns = {Tensor::empty({steps, source_.features()}), Tensor::empty({steps}, DType::kInt64),
                   Tensor::empty({steps}), Tensor::empty({static_cast<int64_t>(played.size())})};
  batch.inputs_count = spec_.inputs;
  batch.size = static_cast<int64_t>(played.size());
  batch.names = names_;
  auto* observation = batch.columns[0].data<float>();
  auto* action = batch.columns[1].data<int64_t>();
  auto* value = batch.columns[2].data<float>();
  auto* total = batch.columns[3].data<float>();
  for (const Episode& e : played) {
    observation = std::copy(e.observations.begin(), e.observations.end(), observation);
    action = std::copy(e.actions.begin(), e.actions.end(), action);
    const size_t n = e.rewards.size();
    double rest = 0;
    double sum = 0;
    for (size_t i = n; i-- > 0;) {
      rest = e.rewards[i] + source_.discount * rest;
      value[i] = static_cast<float>(rest);
      sum += e.rewards[i];
    }
    value += n;
    *total++ = static_cast<float>(sum);
  }
  return batch;
}

}  // namespace dlb::data
