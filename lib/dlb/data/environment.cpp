#include "dlb/data/environment.h"

namespace dlb::data {
namespace {

class Episodes final : public Dataset {
 public:
  Episodes(SampleSpec spec, int64_t size) : spec_(std::move(spec)), size_(size) {}
  int64_t size() const override { return size_; }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t /*index*/, void* const* /*columns*/) const override {
    fail(ErrorKind::kInternal, "episodes come of acting");
  }

 private:
  SampleSpec spec_;
  int64_t size_;
};

}  // namespace

SampleSpec EnvironmentSource::sample_spec() const {
  SampleSpec spec;
  spec.columns = {
      {"observation", make_spec({max_steps, features()}, DType::kFloat32), Collate::kJoin},
      {"action", make_spec({max_steps}, DType::kInt64), Collate::kJoin},
      {"return", make_spec({max_steps}, DType::kFloat32), Collate::kJoin},
      {"episode_reward", make_spec({}, DType::kFloat32)},
  };
  spec.facts = {{"actions", actions()}};
  return spec;
}

int64_t EnvironmentSource::size(const std::string& split) {
  return split == "test" ? test_episodes : episodes;
}

std::shared_ptr<const Dataset> EnvironmentSource::open(const std::string& split) {
  return std::make_shared<Episodes>(sample_spec(), size(split));
}

std::vector<Field> EnvironmentSource::environment_fields(std::vector<Field> own) {
  constexpr double kMost = 1'000'000;
  std::vector<Field> list = std::move(own);
  list.push_back(field<&EnvironmentSource::max_steps>("max_steps", "an episode is cut off after that many",
                                                      between(1, kMost)));
  list.push_back(field<&EnvironmentSource::discount>(
      "discount", "factor of a reward for each step that it is away", between(0, 1)));
  list.push_back(field<&EnvironmentSource::episodes>(
      "episodes", "in an epoch; `data.batch` of them make a batch", between(1, kMost)));
  list.push_back(field<&EnvironmentSource::test_episodes>(
      "test_episodes", "in an evaluation, each action the one with the highest score", between(1, kMost)));
  return list;
}

}  // namespace dlb::data
