#include "dlb/model/constructs.h"

#include <algorithm>

namespace dlb::model {

namespace {

Constraint merge_choices() { return one_of({"concat", "add", "mul", "max", "mean", "stack", "list"}); }

}  // namespace

Fields Sequential::fields() {
  static const Field list[] = {required<&Sequential::body>("body", "steps")};
  return list;
}

Fields Residual::fields() {
  static const Field list[] = {
      required<&Residual::body>("body", "steps whose output is added to the input"),
      field<&Residual::shortcut>("shortcut", "steps that the input passes before the addition"),
  };
  return list;
}

Fields Parallel::fields() {
  static const Field list[] = {
      required<&Parallel::branches>("branches", "lists of steps, each fed with the same input"),
      field<&Parallel::merge>("merge", "how the branches' outputs are joined", merge_choices()),
      field<&Parallel::dim>("dim", "of `concat` and `stack`: the dimension; negative counts from the last"),
  };
  return list;
}

Fields Repeat::fields() {
  static const Field list[] = {
      required<&Repeat::times>("times", "how often", non_negative()),
      required<&Repeat::body>("body", "steps to repeat, with new weights each time"),
      field<&Repeat::index>("index", "name that counts 0, 1, ... in the body's expressions"),
  };
  return list;
}

Fields Foreach::fields() {
  static const Field list[] = {
      evaluated(required<&Foreach::over>("over", "list of values")),
      required<&Foreach::var>("var", "name of the value in the body's expressions"),
      required<&Foreach::body>("body", "steps to build for each value"),
      field<&Foreach::collect>(
          "collect",
          "`last`: each body takes the output of the one before; else how their outputs are joined",
          one_of({"last", "concat", "add", "mul", "max", "mean", "stack", "list"})),
      field<&Foreach::dim>("dim", "of `concat` and `stack`: the dimension; negative counts from the last"),
  };
  return list;
}

Fields When::fields() {
  static const Field list[] = {
      required<&When::cond>("cond", "condition, such as $(stride != 1)"),
      required<&When::then>("then", "steps if the condition is true"),
      field<&When::otherwise>("else", "steps if it is false"),
  };
  return list;
}

Fields Loop::fields() {
  static const Field list[] = {
      field<&Loop::carry>("carry",
                          "names of values that change, and expressions for their start; without "
                          "it the input is carried"),
      field<&Loop::condition>("while", "expression: another iteration if it is true"),
      required<&Loop::max>("max", "number of iterations, or with `while` the most there may be", at_least(1)),
      required<&Loop::body>("body", "steps, the same weights each time; `as: name` sets what is carried"),
  };
  return list;
}

Fields Scan::fields() {
  static const Field list[] = {
      field<&Scan::over>("over", "value or list of values to go over; default: the input"),
      field<&Scan::axis>("axis", "dimension to go along; negative counts from the last"),
      field<&Scan::var>("var", "names of the slices in the body"),
      field<&Scan::carry>("carry", "names of values that change, and expressions for their start"),
      required<&Scan::body>("body", "steps for each slice; `as: name` sets what is carried"),
      field<&Scan::emit>("emit", "values of the body to stack along the axis; default: its last output"),
      field<&Scan::reverse>("reverse", "from the last slice to the first"),
  };
  return list;
}

Fields If::fields() {
  static const Field list[] = {
      required<&If::cond>("cond", "expression that gives one boolean, such as \"mean(abs(it)) > 1\""),
      required<&If::then>("then", "steps if it is true"),
      field<&If::otherwise>("else", "steps if it is false; default: the input as it is"),
      field<&If::emit>("emit", "names that both branches set; default: their last outputs"),
  };
  return list;
}

Fields Eval::fields() {
  static const Field list[] = {
      required<&Eval::expr>("expr", "expression; `it` is the previous step's output")};
  return list;
}

Fields Print::fields() {
  static const Field list[] = {
      field<&Print::expr>("expr", "expression or list of them; default: the previous step's output"),
      field<&Print::label>("label", "what to write before; default: the expression"),
      field<&Print::every>("every", "only in every so many batches", at_least(1)),
  };
  return list;
}

Fields Assert::fields() {
  static const Field list[] = {
      required<&Assert::cond>("cond", "expression that must give one boolean, true"),
      field<&Assert::message>("message", "what the error says"),
  };
  return list;
}

namespace {

struct Use {
  static Fields fields() { return {}; }
};

template <class T>
Described described(std::string name, std::string doc) {
  auto defaults = std::make_shared<T>();
  void* base = defaults.get();
  return {std::move(name), std::move(doc), T::fields(), std::move(defaults), base};
}

}  // namespace

const std::vector<Described>& construct_types() {
  static const std::vector<Described> types = {
      described<Sequential>("sequential", "steps one after the other, under a name of their own"),
      described<Residual>("residual", "body(x) + shortcut(x), or body(x) + x"),
      described<Parallel>("parallel", "branches side by side, outputs merged"),
      described<Repeat>("repeat", "build time: the body several times, with new weights each time"),
      described<Foreach>("foreach", "build time: the body for each value of a list"),
      described<When>("when", "build time: one of two lists of steps"),
      described<Use>("use", "build time: a block from `blocks`, with its parameters and new weights"),
      described<Use>("call", "run time: a block or a network from `models`, the same weights at each call"),
      described<Loop>("loop", "run time: the body several times, with the same weights"),
      described<Scan>("scan", "run time: the body for each slice of a sequence, with the same weights"),
      described<If>("if", "run time: one of two lists of steps"),
      described<Eval>("eval", "an expression on tensors"),
      described<Print>("print", "prints values, and passes its input on"),
      described<Assert>("assert", "stops the run unless a condition holds, and passes its input on"),
      described<Detach>("detach", "the input, through which no gradient flows"),
  };
  return types;
}

bool is_construct(std::string_view name) {
  const auto& all = construct_types();
  return std::any_of(all.begin(), all.end(), [&](const Described& d) { return d.name == name; });
}

}  // namespace dlb::model
