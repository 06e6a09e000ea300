#pragma once
/// \file One step of a built model: a layer, the slots it reads and writes, and its place in the config.

#include <string>
#include <vector>

#include "dlb/model/model.h"

namespace dlb::model {

struct Model::Step {
  nn::Layer* layer = nullptr;
  struct Arg {
    int slot = -1;
    bool last = false;  ///< nothing reads the slot after this
  };
  InlineVector<Arg, 2> args;
  InlineVector<int, 2> outs;  ///< -1: the output is not used
  size_t row = 0;             ///< in the report
  std::string place;          ///< "file:line:col"
  std::vector<std::string>
      frames;  ///< context lines of an error: "in model[3]", then the uses of blocks around it
};

}  // namespace dlb::model
