#include "dlb/nn/parameter.h"

#include "dlb/nn/init.h"

namespace dlb::nn {

Fields Parameter::fields() {
  static const Field list[] = {
      required<&Parameter::shape>("shape", "sizes; [] is one number", non_negative()),
      field<&Parameter::init>("init", "initial values",
                              one_of({"normal", "zeros", "ones", "constant", "kaiming_uniform",
                                      "kaiming_normal", "xavier_uniform", "xavier_normal"})),
      field<&Parameter::init_std>("init_std", "standard deviation of `init: normal`", non_negative()),
      field<&Parameter::value>("value", "of `init: constant`"),
  };
  return list;
}

void Parameter::build(Build& b) {
  const Init initial = init == "ones"       ? constant_init(1)
                       : init == "constant" ? constant_init(value)
                                            : named_init(init, init_std);
  value_ = b.parameter("value", Shape(shape.begin(), shape.end()), initial);
}

Outputs Parameter::run(Context& /*c*/, Inputs /*inputs*/) {
  Outputs out;
  out.push_back(value_);
  return out;
}

}  // namespace dlb::nn
