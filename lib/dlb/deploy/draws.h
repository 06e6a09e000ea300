#pragma once
/// \file Random numbers that a model draws in evaluation: what they are, and how an exported graph gets them.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dlb/deploy/trace.h"
#include "dlb/graph/graph.h"

namespace dlb::deploy {

/// What numbers are drawn from: independent ones but for "randperm".
struct Distribution {
  std::string name;                          ///< as the function of expressions: "normal", "randint"
  std::map<std::string, double> parameters;  ///< limits that are infinite are left out
  friend bool operator==(const Distribution&, const Distribution&) = default;
};
/// "normal(mean=0, std=1)"
std::string describe(const Distribution& distribution);
/// Numbers of that distribution. Errors: config for one that there is not.
Tensor sample(const Distribution& distribution, const Shape& shape, DType dtype, const RngKey& key);

/// A size of a draw: of its own, or one of a model's input that is open, times / over + plus.
struct DrawSize {
  int64_t size = 0;     ///< its own, where `of` is ""; else of the model as it was traced
  std::string of = {};  ///< the name of the open size
  int64_t times = 1, over = 1, plus = 0;
  bool steps = false;  ///< how often a loop may run; what there are need be no more than it does run
  /// "batch", "2*batch"
  std::string text() const;
  int64_t at(int64_t open) const { return open * times / over + plus; }
};

/// An input of an exported graph in the place of random numbers.
struct DrawInput {
  std::string name;  ///< "draw_1"
  Distribution distribution;
  DType dtype = DType::kFloat32;
  std::vector<DrawSize> sizes;  ///< those of the loops around it, then its own
  size_t loops = 0;             ///< how many are around it
  std::string site;             ///< where in the program it is drawn
};
/// As the graph declares it, with its distribution in words.
graph::Declared declared(const DrawInput& input, const std::string& layer);

/// The entry `dlbench.draws` of a model's metadata: what each of those inputs is drawn from.
constexpr const char* kDrawsKey = "dlbench.draws";
std::string draws_text(const std::vector<DrawInput>& inputs);
/// By input; empty where the model has no such entry. Errors: data where it is damaged.
std::map<std::string, Distribution> read_draws(const graph::Model& model);

/// Whether this call of an operator draws random numbers.
bool does_draw(const OpDef& op, const void* attrs);
/// The stream that it draws from.
const RngKey& key_of(const OpDef& op, const void* attrs);
/// Whether such an operator can be said by numbers that are drawn beforehand.
bool is_drawn(const OpDef& op);
/// Of operators whose output is what is drawn.
Distribution distribution_of(const OpDef& op, const void* attrs);
/// The sites of a program's draws.
std::map<const TracedNode*, std::string> draw_sites(const TracedBlock& top);

/// Runs a model once and keeps what it draws.
class DrawLog {
 public:
  /// Errors: those of the model.
  DrawLog(model::Model& model, const std::vector<Tensor>& inputs);
  /// The numbers for an input of the graph; zeros where the model has drawn none. `open`: the open sizes.
  Tensor value(const DrawInput& input, const std::map<std::string, int64_t>& open) const;

 private:
  /// What a site gave, in each iteration of the loops around it.
  using Entries = std::map<std::vector<int64_t>, Tensor>;
  class Recording;
  std::map<std::string, Entries> entries_;
};

/// Lets the graph draw by itself: operators of ONNX in place of these inputs. Errors: unsupported where ONNX
/// has none for a distribution.
void draw_by_operators(graph::Model& model, const std::vector<DrawInput>& inputs);

}  // namespace dlb::deploy
