// Optimizers and schedules against PyTorch.
#include <catch2/catch.hpp>
#include <set>

#include "dlb/backend/cpu/install.h"
#include "dlb/optim/optimizer.h"
#include "dlb/optim/schedule.h"
#include "support/golden.h"

using namespace dlb;

namespace {

/// Runs the ten updates with gradients divided by `factor`, which `step` multiplies back.
void check_case(const golden::Json& document, const golden::Json& c, DType dtype, double tolerance,
                double factor = 1) {
  INFO(c["optimizer"].dump() << " " << dtype_name(dtype) << " factor " << factor);
  const auto optimizer = golden::make(c["optimizer"], optim::optimizer_types());
  std::vector<optim::Param> params;
  for (const auto& [name, packed] : document["initial"].items()) {
    params.push_back({name, golden::tensor(packed, dtype)});
    params.back().value.set_requires_grad(true);
  }
  optimizer->attach(params);
  const auto rates = document["rates"].get<std::vector<double>>();
  const auto recorded = document["after_steps"].get<std::vector<size_t>>();
  size_t next = 0;
  for (size_t step = 0; step < rates.size(); ++step) {
    for (const optim::Param& p : params) {
      golden::Json packed = document["gradients"][step][p.name];
      for (auto& v : packed["data"]) v = v.get<double>() / factor;
      p.value.set_grad(golden::tensor(packed, dtype));
    }
    optimizer->step(rates[step], factor);
    if (next == recorded.size() || step + 1 != recorded[next]) continue;
    for (size_t i = 0; i < params.size(); ++i) {
      INFO(params[i].name << " after update " << step + 1);
      // JSON objects are read in order of their keys, the file lists parameters in the script's.
      const std::vector<std::string> order = {"a.weight", "a.bias", "b.weight", "c.weight", "d.weight"};
      const auto at =
          static_cast<size_t>(std::find(order.begin(), order.end(), params[i].name) - order.begin());
      CHECK(golden::difference(params[i].value, c["after"][next][at].get<std::vector<double>>(), tolerance,
                               tolerance) == "");
    }
    ++next;
  }
  CHECK(next == recorded.size());
  if (c.contains("state")) {
    size_t checked = 0;
    for (const optim::State& s : optimizer->state()) {
      if (!c["state"].contains(s.name)) continue;
      INFO(s.name);
      ++checked;
      CHECK(golden::difference(s.value, c["state"][s.name].get<std::vector<double>>(), tolerance,
                               tolerance) == "");
    }
    CHECK(checked == params.size());
  }
  CHECK(optimizer->steps() == static_cast<int64_t>(rates.size()));
}

optim::ScheduleContext context_of(const golden::Json& document) {
  return {document["base_lr"], document["total_steps"], document["steps_per_epoch"]};
}

}  // namespace

TEST_CASE("optimizers agree with PyTorch") {
  backend::cpu::install();
  const golden::Json document = golden::load("optim.json");
  std::set<std::string> seen = {"lbfgs"};
  for (const auto& c : document["cases"]) {
    seen.insert(c["optimizer"].begin().key());
    check_case(document, c, DType::kFloat64, 1e-11);
    check_case(document, c, DType::kFloat32, 2e-6);
    check_case(document, c, DType::kFloat32, 2e-6, 8);
  }
  for (const auto& type : optim::optimizer_types()) CHECK(seen.count(type.name) == 1);
}

TEST_CASE("schedules agree with PyTorch") {
  const golden::Json document = golden::load("schedules.json");
  std::set<std::string> seen = {"plateau"};
  for (const auto& c : document["cases"]) {
    INFO(c["schedule"].dump());
    seen.insert(c["schedule"].begin().key());
    const auto schedule = golden::make(c["schedule"], optim::schedule_types());
    schedule->prepare(context_of(document));
    const auto rates = c["rates"].get<std::vector<double>>();
    for (size_t k = 0; k < rates.size(); ++k) {
      INFO("update " << k);
      CHECK(schedule->lr(static_cast<int64_t>(k)) == Approx(rates[k]).epsilon(1e-10).margin(1e-15));
    }
    CHECK(schedule->state().empty());
  }
  for (const auto& type : optim::schedule_types()) CHECK(seen.count(type.name) == 1);
}

TEST_CASE("plateau agrees with PyTorch, also when resumed at any point") {
  const golden::Json document = golden::load("schedules.json");
  for (const auto& c : document["plateaus"]) {
    INFO(c["schedule"].dump());
    const auto values = c["values"].get<std::vector<double>>(), rates = c["rates"].get<std::vector<double>>();
    for (size_t resume = 0; resume <= values.size(); ++resume) {
      auto schedule = golden::make(c["schedule"], optim::schedule_types());
      schedule->prepare(context_of(document));
      for (size_t i = 0; i < values.size(); ++i) {
        if (i == resume) {
          const auto state = schedule->state();
          schedule = golden::make(c["schedule"], optim::schedule_types());
          schedule->prepare(context_of(document));
          schedule->set_state(state);
        }
        schedule->observe(values[i], c["higher_is_better"]);
        CHECK(schedule->lr(static_cast<int64_t>(i)) == Approx(rates[i]).epsilon(1e-10));
      }
    }
  }
}
