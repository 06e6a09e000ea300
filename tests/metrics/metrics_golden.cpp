// Metrics against scikit-learn, SciPy and PyTorch, in one batch and in several.
#include <catch2/catch.hpp>
#include <set>

#include "dlb/backend/cpu/install.h"
#include "dlb/metrics/metric.h"
#include "dlb/ops/view.h"
#include "support/golden.h"

using namespace dlb;

TEST_CASE("metrics agree with scikit-learn, SciPy and PyTorch") {
  backend::cpu::install();
  const golden::Json document = golden::load("metrics.json");
  std::set<std::string> seen = {"mse"};  // the square of rmse
  for (const auto& c : document["cases"]) {
    for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
      INFO(c["metric"].dump() << " " << dtype_name(dtype) << " " << c["prediction"]["shape"].dump());
      seen.insert(c["metric"].begin().key());
      const Tensor p = golden::tensor(c["prediction"], dtype), t = golden::tensor(c["target"], dtype);
      const auto metric = golden::make(c["metric"], metrics::metric_types());
      metric->reset();
      metric->update(p, t);
      const double whole = metric->value();
      CHECK(whole == Approx(c["value"].get<double>()).epsilon(2e-6));
      // As when a config is checked: shapes alone, nothing counted.
      metric->reset();
      metric->update(Tensor::empty(p.shape(), p.dtype(), kMeta), Tensor::empty(t.shape(), t.dtype(), kMeta));
      const int64_t cut = p.dim(0) / 3;
      metric->update(slice(p, 0, 0, cut), slice(t, 0, 0, cut));
      metric->update(slice(p, 0, cut, p.dim(0)), slice(t, 0, cut, p.dim(0)));
      CHECK(metric->value() == whole);
    }
  }
  for (const auto& type : metrics::metric_types()) {
    INFO(type.name);
    CHECK(seen.count(type.name) == 1);
  }
}
