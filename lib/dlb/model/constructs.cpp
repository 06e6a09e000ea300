#include "dlb/model/constructs.h"

#include <algorithm>

namespace dlb::model {

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
      field<&Parallel::merge>("merge", "how the branches' outputs are joined",
                              one_of({"concat", "add", "mul"})),
      field<&Parallel::dim>("dim", "dimension to concatenate along; negative counts from the last"),
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
      described<Use>("use", "build time: a block from `blocks`, with its parameters"),
  };
  return types;
}

bool is_construct(std::string_view name) {
  const auto& all = construct_types();
  return std::any_of(all.begin(), all.end(), [&](const Described& d) { return d.name == name; });
}

}  // namespace dlb::model
