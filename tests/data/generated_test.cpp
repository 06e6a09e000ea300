#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<data::DataModule> opened(const std::string& source, const std::string& more = "batch: 1\n") {
  auto module = plan("source: {" + source + "}\n" + more);
  module->open();
  return module;
}

/// Calls f(batch) for each training batch in order.
template <class F>
void each(const data::DataModule& module, const F& f) {
  auto loader = module.loader("train", false, 1);
  loader->start(0);
  while (const auto batch = loader->next()) f(*batch);
}

std::vector<int64_t> ints(const data::Batch& batch, std::string_view column) {
  return batch.column(column).to_vector<int64_t>();
}

}  // namespace

TEST_CASE("points lie where their class is") {
  const auto radius = [](const std::vector<double>& x) { return std::hypot(x[0], x[1]); };
  const std::map<std::string, std::function<int64_t(const std::vector<double>&)>> classes = {
      {"circles, classes: 3", [&](const auto& x) { return std::llround(radius(x) * 3) - 1; }},
      {"xor", [](const auto& x) { return x[0] * x[1] > 0 ? 1 : 0; }},
      {"two_moons",
       [](const auto& x) { return std::abs(std::hypot(x[0], x[1]) - 1) < 1e-5 && x[1] >= 0 ? 0 : 1; }},
      {"blobs, classes: 4",
       [](const auto& x) { return (std::llround(std::atan2(x[1], x[0]) / std::numbers::pi * 2) + 4) % 4; }},
      {"spirals, classes: 3",
       [&](const auto& x) {
         double turn = std::atan2(x[1], x[0]) / (2 * std::numbers::pi) - radius(x);
         turn -= std::floor(turn);
         return std::llround(turn * 3) % 3;
       }},
  };
  for (const auto& [task, class_of] : classes) {
    CAPTURE(task);
    std::map<int64_t, int> seen;
    each(*opened("points: {samples: 300, noise: 0, task: " + task + "}"),
         [&, &label_of = class_of](const data::Batch& b) {
           const auto x = b.input().to_vector<double>();
           const int64_t label = ints(b, "label")[0];
           if (radius(x) > 1e-3) CHECK(label_of(x) == label);
           ++seen[label];
         });
    for (const auto& [label, count] : seen) CHECK(count > 300 / int(seen.size()) / 2);
  }
  CHECK_THAT(plan_report("source: {points: {task: xor, classes: 3}}"), Contains("xor has 2 classes, not 3"));
}

TEST_CASE("curves are the function that they are named after") {
  const std::map<std::string, std::function<double(double)>> functions = {
      {"sine", [](double x) { return std::sin(x); }},
      {"cubic", [](double x) { return 0.1 * std::pow(x, 3); }},
      {"step", [](double x) { return x >= 0 ? 1.0 : 0.0; }},
      {"abs", [](double x) { return std::fabs(x); }},
      {"damped", [](double x) { return std::sin(2 * x) / std::exp(std::fabs(x) / 4); }}};
  for (const auto& [name, f] : functions) {
    each(*opened("curve: {samples: 50, low: -2, high: 3, function: " + name + "}"),
         [&f = f](const data::Batch& b) {
           const double x = b.input().to_vector<double>()[0];
           CHECK((x >= -2 && x < 3));
           CHECK(b.target().to_vector<double>()[0] == Approx(f(x)).margin(1e-5));
         });
  }
}

TEST_CASE("sequence tasks: aligned and as pairs") {
  for (const std::string task : {"copy", "reverse", "sort", "increment"}) {
    CAPTURE(task);
    const auto expected = [&](std::vector<int64_t> v) {
      if (task == "reverse") return std::vector<int64_t>(v.rbegin(), v.rend());
      if (task == "sort") std::sort(v.begin(), v.end());
      if (task == "increment") {
        for (int64_t& s : v) s = s == 7 ? 3 : s + 1;
      }
      return v;
    };
    const std::string fields = "task: " + task + ", samples: 60, length: 6, min_length: 2, vocab: 8";
    std::set<size_t> lengths;
    each(*opened("sequences: {" + fields + "}"), [&](const data::Batch& b) {
      const auto tokens = ints(b, "tokens");
      lengths.insert(tokens.size());
      for (const int64_t t : tokens) CHECK((t >= 3 && t < 8));
      CHECK(ints(b, "target") == expected(tokens));
    });
    CHECK(lengths == std::set<size_t>{2, 3, 4, 5, 6});
    each(*opened("sequences: {form: seq2seq, " + fields + "}"), [&](const data::Batch& b) {
      auto source = ints(b, "source"), decoder = ints(b, "decoder"), target = ints(b, "target");
      CHECK(b.inputs().size() == 2);
      CHECK(source.back() == 2);
      source.pop_back();
      CHECK(decoder.front() == 1);
      CHECK(target.back() == 2);
      CHECK(std::equal(decoder.begin() + 1, decoder.end(), target.begin()));
      target.pop_back();
      CHECK(target == expected(source));
    });
  }
  const auto module = opened("sequences: {samples: 8, length: 5, vocab: 8}", "batch: 8\n");
  each(*module, [&](const data::Batch& b) {
    const auto tokens = ints(b, "tokens"), target = ints(b, "target");
    for (size_t i = 0; i < tokens.size(); ++i) CHECK((tokens[i] == 0) == (target[i] == -100));
  });
  config::Scope scope;
  module->facts(scope);
  CHECK(scope.find("vocab")->as_int() == 8);
  CHECK(scope.find("length")->as_int() == 5);
}

TEST_CASE("sequence tasks: one target for all") {
  const auto check = [](const std::string& task, const auto& label_of) {
    CAPTURE(task);
    std::map<int64_t, int> seen;
    each(*opened("sequences: {samples: 200, length: 9, task: " + task + ", vocab: 7}"), [&](const auto& b) {
      const int64_t label = ints(b, "label")[0];
      CHECK(label == label_of(ints(b, "tokens")));
      ++seen[label];
    });
    for (const auto& [label, count] : seen) CHECK(count > 20);
  };
  using Tokens = std::vector<int64_t>;
  check("parity", [](const Tokens& t) { return std::count(t.begin(), t.end(), 4) & 1; });
  check("first", [](const Tokens& t) { return t[0] - 3; });
  check("majority", [](const Tokens& t) {
    int64_t best = 3;
    for (int64_t s = 4; s < 7; ++s) {
      if (std::count(t.begin(), t.end(), s) > std::count(t.begin(), t.end(), best)) best = s;
    }
    return best - 3;
  });
  check("balanced", [](const Tokens& t) {
    std::string text;
    for (const int64_t s : t) text += s == 3 ? '(' : ')';
    for (size_t at; (at = text.find("()")) != std::string::npos;) text.erase(at, 2);
    return text.empty() ? 1 : 0;
  });
  each(*opened("sequences: {samples: 50, length: 9, min_length: 2, task: adding}"), [](const data::Batch& b) {
    const auto x = b.input().to_vector<double>();
    double sum = 0, marks = 0;
    for (size_t i = 0; i < x.size(); i += 2) {
      sum += x[i] * x[i + 1];
      marks += x[i + 1];
    }
    CHECK(marks == 2);
    CHECK(b.target().to_vector<double>()[0] == Approx(sum));
  });
}

TEST_CASE("trees: operands before operators, rows counted through the batch, the root's value") {
  const auto module = opened("trees: {samples: 64, depth: 4}", "batch: 16\n");
  std::set<int64_t> heights;
  each(*module, [&](const data::Batch& b) {
    const auto tokens = ints(b, "tokens"), children = ints(b, "children"), height = ints(b, "height");
    std::vector<int64_t> value(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      const auto left = static_cast<size_t>(children[2 * i]),
                 right = static_cast<size_t>(children[2 * i + 1]);
      if (tokens[i] < 10) {
        CHECK((left == i && right == i));
        CHECK(height[i] == 0);
        value[i] = tokens[i];
        continue;
      }
      CHECK((left < i && right < i));
      CHECK(height[i] == 1 + std::max(height[left], height[right]));
      heights.insert(height[i]);
      value[i] = tokens[i] == 10   ? std::max(value[left], value[right])
                 : tokens[i] == 11 ? std::min(value[left], value[right])
                                   : (value[left] + value[right]) % 10;
    }
    const auto root = ints(b, "root"), label = ints(b, "label");
    REQUIRE(root.size() == 16);
    for (size_t i = 0; i < 16; ++i) {
      CHECK(value[static_cast<size_t>(root[i])] == label[i]);
      CHECK((i == 15 || tokens[static_cast<size_t>(root[i])] >= 10));
    }
    CHECK(root.back() == std::ssize(tokens) - 1);
  });
  CHECK(heights == std::set<int64_t>{1, 2, 3, 4});
}

TEST_CASE("shapes: the mask is where the picture is bright, and tells the kind") {
  const auto module = opened("shapes: {samples: 40, size: 24, noise: 0}");
  std::set<int64_t> kinds;
  each(*module, [&](const data::Batch& b) {
    const auto image = b.input().to_vector<double>();
    const auto mask = ints(b, "mask");
    REQUIRE(mask.size() == 24 * 24);
    int64_t kind = 0, area = 0;
    for (size_t i = 0; i < mask.size(); ++i) {
      CHECK((image[i] >= 0.4) == (mask[i] > 0));
      if (mask[i] == 0) continue;
      CHECK((kind == 0 || kind == mask[i]));
      kind = mask[i];
      ++area;
    }
    CHECK(area > 15);
    kinds.insert(kind);
  });
  CHECK(kinds == std::set<int64_t>{1, 2, 3});
  CHECK(module->spec().classes == 4);
  const auto colour = opened("shapes: {samples: 9, size: 16, channels: 3, objects: 3, target: count}");
  CHECK(colour->spec().input().spec.shape == Shape{3, 16, 16});
  each(*colour, [](const data::Batch& b) { CHECK((ints(b, "count")[0] >= 0 && ints(b, "count")[0] < 3)); });
}

TEST_CASE("graphs: the class follows from the degrees, and each node knows its graph") {
  const auto module = opened("graphs: {samples: 60, nodes: 9, min_nodes: 6}", "batch: 20\n");
  std::set<int64_t> seen;
  each(*module, [&](const data::Batch& b) {
    const auto edges = ints(b, "edges"), graph = ints(b, "graph"), label = ints(b, "label");
    std::vector<int64_t> degree(graph.size());
    std::set<std::pair<int64_t, int64_t>> pairs;
    for (size_t e = 0; e < edges.size(); e += 2) {
      const auto from = static_cast<size_t>(edges[e]), to = static_cast<size_t>(edges[e + 1]);
      REQUIRE(to < graph.size());
      CHECK(graph[from] == graph[to]);
      CHECK(pairs.emplace(edges[e], edges[e + 1]).second);
      ++degree[from];
    }
    for (const auto& [from, to] : pairs) CHECK(pairs.contains({to, from}));
    for (size_t g = 0; g < label.size(); ++g) {
      std::vector<int64_t> d;
      for (size_t i = 0; i < graph.size(); ++i) {
        if (graph[i] == static_cast<int64_t>(g)) d.push_back(degree[i]);
      }
      std::sort(d.begin(), d.end());
      const int64_t n = std::ssize(d), least = d.front(), most = d.back();
      CHECK((n >= 6 && n <= 9));
      const int64_t expected = least == n - 1            ? 3
                               : most == n - 1           ? (least == 1 ? 1 : 4)
                               : least == 1 && most == 2 ? 2
                                                         : 0;
      CHECK(label[g] == expected);
      seen.insert(label[g]);
    }
  });
  CHECK(seen.size() == 5);
}

TEST_CASE("random columns have the shape, type, range and collation asked for") {
  const auto module = opened(
      "random: {samples: 64, inputs: {tokens: {shape: [5], dtype: int64, low: 3, high: 9}, "
      "image: {shape: [3, 4, 2], distribution: normal, mean: 2, std: 0.5, image: true}, "
      "nodes: {shape: [6, 2], min_length: 4, join: true, distribution: bernoulli, p: 0.25}, "
      "links: {shape: [3, 2], dtype: int64, join: true, rows_of: nodes}}, "
      "targets: {y: {shape: [], low: -1, high: 0}, t: {shape: [4], min_length: 1, dtype: int32, pad: 7}}, "
      "classes: 5}",
      "batch: 8\n");
  CHECK(module->spec().classes == 5);
  CHECK(module->spec().inputs == 4);
  std::set<int64_t> tokens;
  double sum = 0, ones = 0, nodes = 0;
  each(*module, [&](const data::Batch& b) {
    CHECK(b.column("tokens").shape() == Shape{8, 5});
    CHECK(b.column("image").is_channels_last());
    CHECK(b.column("nodes").dim(1) == 2);
    CHECK(b.column("links").shape() == Shape{24, 2});
    for (const int64_t t : ints(b, "tokens")) tokens.insert(t);
    for (const double v : b.column("image").to_vector<double>()) sum += v;
    for (const double v : b.column("nodes").to_vector<double>()) ones += v;
    nodes += static_cast<double>(b.column("nodes").numel());
    const auto links = ints(b, "links");
    for (const int64_t l : links) CHECK((l >= 0 && l < b.column("nodes").dim(0)));
    CHECK(*std::max_element(links.begin(), links.end()) >= 20);
    for (const double v : b.column("y").to_vector<double>()) CHECK((v >= -1 && v < 0));
    CHECK(b.column("t").dtype() == DType::kInt32);
  });
  CHECK(tokens == std::set<int64_t>{3, 4, 5, 6, 7, 8});
  CHECK(sum / (64 * 24) == Approx(2).margin(0.1));
  CHECK(ones / nodes == Approx(0.25).margin(0.06));
  // Small splits are drawn once; large ones at each read, to the same values.
  const std::string wide = "random: {samples: 3, inputs: {x: {shape: [30000000]}}}";
  CHECK(read_all(*opened(wide), "train") == read_all(*opened(wide), "train"));
}

TEST_CASE("generated samples follow from seed, split and index") {
  for (const std::string source : {"points", "curve", "sequences", "trees", "graphs", "shapes"}) {
    CAPTURE(source);
    const auto all = [&](const std::string& fields, const std::string& split) {
      return read_all(*opened(source + ": {samples: 20, test_samples: 20" + fields + "}"), split);
    };
    CHECK(all("", "train") == all("", "train"));
    CHECK(all("", "train") != all("", "test"));
    CHECK(all("", "train") != all(", seed: 1", "train"));
    const auto fewer = read_all(*opened(source + ": {samples: 5, test_samples: 0}"), "train");
    for (size_t c = 0; c < fewer.size(); ++c)
      CHECK(std::equal(fewer[c].begin(), fewer[c].end(), all("", "train")[c].begin()));
  }
}

TEST_CASE("what generated sources refuse") {
  const auto report = [](const std::string& source) { return plan_report("source: {" + source + "}"); };
  CHECK_THAT(report("sequences: {min_length: 12}"), Contains("min_length 12 is above length 10"));
  CHECK_THAT(report("sequences: {task: parity, form: seq2seq}"), Contains("one target per sequence"));
  CHECK_THAT(report("graphs: {min_nodes: 20}"), Contains("min_nodes 20 is above nodes 12"));
  CHECK_THAT(report("shapes: {target: label, objects: 2}"), Contains("a label is of one object"));
  CHECK_THAT(report("curve: {low: 2, high: 1}"), Contains("low 2 must be below high 1"));
  CHECK_THAT(report("random: {inputs: {x: {shape: [2], dtype: int64, low: 0.5, high: 3}}}"),
             Contains("c.yaml:1:31") && Contains("column 'x': int64 values need whole bounds"));
  CHECK_THAT(
      report("random: {inputs: {x: {shape: [2]}, e: {shape: [3], dtype: int64, join: true, rows_of: y}}}"),
      Contains("unknown column before this one 'y'"));
  CHECK_THAT(report("random: {inputs: {x: {shape: [2]}}, targets: {x: {shape: [2]}}}"),
             Contains("column 'x' is an input already"));
  CHECK_THAT(report("random: {inputs: {x: {shape: [100000, 100000]}}}"), Contains("more than 8 GiB"));
  CHECK_THAT(report("random: {inputs: {x: {shap: [2]}}}"), Contains("did you mean 'shape'?"));
}
