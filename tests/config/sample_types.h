#pragma once
/// \file Described types for the tests: one with a field of every type, and a small category of choices.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/config/node.h"

namespace dlb::test {

struct Inner {
  int64_t depth = 1;
  static Fields fields() {
    static const Field list[] = {field<&Inner::depth>("depth", "how deep", at_least(1))};
    return list;
  }
};

struct Sample {
  int64_t out = 0;
  double rate = 0.1;
  bool flag = false;
  std::string name = "n";
  std::string mode = "same";
  double drop = 0;
  double free = 0;
  std::vector<int64_t> sizes = {1, 1};
  std::vector<double> scales;
  std::vector<std::string> names;
  Duration every{1, true};
  Inner inner;
  config::Node tree;
  std::optional<bool> opt_flag;
  std::optional<int64_t> opt_int;
  std::optional<double> opt_rate;
  std::optional<std::string> opt_name;
  std::optional<Duration> opt_every;

  static Fields fields() {
    static const Field list[] = {
        required<&Sample::out>("out", "output features", positive()),
        field<&Sample::rate>("rate", "step size", non_negative()),
        field<&Sample::flag>("flag", "switch"),
        field<&Sample::name>("name", "label"),
        field<&Sample::mode>("mode", "padding", one_of({"same", "valid"})),
        field<&Sample::drop>("drop", "share", fraction()),
        field<&Sample::free>("free", "any number"),
        field<&Sample::sizes>("sizes", "sizes", items(at_least(1), 1, 2)),
        field<&Sample::scales>("scales", "scales"),
        field<&Sample::names>("names", "names"),
        field<&Sample::every>("every", "how often"),
        field<&Sample::inner>("inner", "inner part"),
        field<&Sample::tree>("tree", "anything"),
        field<&Sample::opt_flag>("opt_flag", "maybe"),
        field<&Sample::opt_int>("opt_int", "maybe"),
        field<&Sample::opt_rate>("opt_rate", "maybe"),
        field<&Sample::opt_name>("opt_name", "maybe"),
        field<&Sample::opt_every>("opt_every", "maybe"),
    };
    return list;
  }
};

struct Optimizer {
  virtual ~Optimizer() = default;
};

struct Adam : Optimizer {
  double lr = 1e-3;
  std::optional<int64_t> period;
  static Fields fields() {
    static const Field list[] = {field<&Adam::lr>("lr", "learning rate | step", positive()),
                                 field<&Adam::period>("period", "restart", positive())};
    return list;
  }
};

struct Sgd : Optimizer {
  double lr = 0;
  bool nesterov = false;
  static Fields fields() {
    static const Field list[] = {required<&Sgd::lr>("lr", "learning rate", positive()),
                                 field<&Sgd::nesterov>("nesterov", "look ahead")};
    return list;
  }
};

struct Frozen : Optimizer {
  static Fields fields() { return {}; }
};

inline std::span<const TypeInfo<Optimizer>> optimizers() {
  static const TypeInfo<Optimizer> list[] = {type_info<Optimizer, Adam>("adam", "adaptive moments"),
                                             type_info<Optimizer, Sgd>("sgd", "gradient descent"),
                                             type_info<Optimizer, Frozen>("frozen", "does nothing")};
  return list;
}

}  // namespace dlb::test
