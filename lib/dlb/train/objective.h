#pragma once
/// \file The `loss` section: weighted losses on values of the model and columns of the data.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/data/loader.h"
#include "dlb/model/model.h"
#include "dlb/nn/loss.h"
#include "dlb/train/term_sum.h"

namespace dlb::train {

/// A name that `in` or `target` gives, and what it turned out to be.
struct ValueUse {
  enum class Kind { kModel, kColumn, kNumber };
  Kind kind = Kind::kModel;
  config::Node at;
  std::string name;
  double number = 0;
  bool per_sample = false;  ///< kNumber: the loss wants class numbers, one for each row of scores
  size_t index = 0;         ///< kModel: among a pass's outputs; kColumn: among the batch's columns
};

/// Where a loss or a metric takes its predictions and targets from. Empty lists: the model's outputs and the
/// data's target columns, in order.
struct ValueUses {
  std::vector<ValueUse> in, target;
  bool in_given = false;
  bool target_given = false;
};

/// Reads `in` and `target` of a loss or metric, which stand beside its name (`outer`) or among its fields
/// (`body`). A name of a data column means that column, for `in` too; any other name a value of the model.
/// `data` may be null. Records errors and then returns false.
bool read_uses(config::Reader& reader, const config::Node& outer, const config::Node& body,
               const data::SampleSpec* data, ValueUses& uses);
/// The value of `key` beside a name, or else among the fields; nullptr when in neither.
const config::Node* modifier(const config::Node& outer, const config::Node& body, std::string_view key);

/// Adds the model values among `uses` to `wanted` unless they are there.
void want(const ValueUses& uses, std::vector<model::ValueRef>& wanted);

/// What `uses` need of a pass's outputs and the batch: numbers as tensors of the first prediction's form.
std::vector<Tensor> gather_values(const std::vector<ValueUse>& uses, Inputs outputs, Inputs columns,
                                  const Tensor* like);

/// Stand-ins without data: of a batch's columns, and of a program's outputs (then the wanted values).
std::vector<Tensor> meta_columns(const data::SampleSpec& data, int64_t batch);
std::vector<Tensor> meta_outputs(const model::Model& model, size_t program);

/// Finds out where each value of `uses` lies, fills in defaults: as many outputs and target columns as there
/// are, up to what is allowed. Errors: config, when there are too few or too many.
struct Arity {
  std::string_view what;  ///< "mse", for messages
  std::pair<int, int> in{1, 1};
  std::pair<int, int> target{1, 1};
};
void bind_uses(ValueUses& uses, const Arity& arity, const config::Node& at, const model::Model& model,
               size_t program, const data::SampleSpec& data);

/// One loss of a list.
struct LossTerm {
  std::string name;  ///< in records: `as`, else the type's name, with a number where there are several
  std::string type;
  double weight = 1;
  std::unique_ptr<nn::Loss> loss;
  ValueUses uses;
  config::Node at;
  std::string label, where;  ///< what observers are told: "loss.NAME", "file:line"
};

/// "file:line" of a node, "" where it has no place.
std::string line_of(const config::Node& node);

/// What is minimised: sum over terms of weight * mean of the loss.
class Objective {
 public:
  /// Reads one loss or a list of them. Records errors and then returns nothing. `data` may be null.
  static std::unique_ptr<Objective> read(config::Reader& reader, const config::Node& node,
                                         const data::SampleSpec* data);
  /// Finds the terms' values in that program of the model and checks their shapes on stand-ins for a batch.
  /// Errors are recorded.
  void bind(config::Reader& reader, const model::Model& model, size_t program, const data::SampleSpec& data,
            int64_t batch);

  /// Each term's sum and count. `outputs` are those of one pass of the program, `columns` the batch's.
  std::vector<LossSum> evaluate(Inputs outputs, Inputs columns) const;

  /// sum over terms of weight * mean
  double value(const TermSums& sums) const;
  /// Adds `more` to `sums`.
  static void add(TermSums& sums, const TermSums& more);

  const std::vector<LossTerm>& terms() const { return terms_; }
  size_t program() const { return program_; }
  /// Model values that the terms read.
  void want(std::vector<model::ValueRef>& wanted) const;

 private:
  bool read_term(config::Reader& reader, const config::Node& node, const data::SampleSpec* data);
  void check(LossTerm& term, Inputs outputs, Inputs columns, const data::SampleSpec& data) const;

  std::vector<LossTerm> terms_;
  size_t program_ = 0;
};

/// An objective with the name of its phase, "" where there is only one.
struct NamedObjective {
  std::string name;
  std::shared_ptr<const Objective> objective;
};

/// What records call their losses: "loss", the sum over all objectives; "loss/PHASE" of each; with several
/// terms also their means, "loss/TERM" or "loss/PHASE/TERM".
std::vector<std::string> loss_names(const std::vector<NamedObjective>& objectives);
/// The values under those names; sums[i] belongs to objectives[i], one that is empty is left out.
void add_losses(const std::vector<NamedObjective>& objectives, const std::vector<TermSums>& sums,
                std::map<std::string, double>& values);

}  // namespace dlb::train
