#pragma once
/// \file The result of a run as people read it.

#include <string>

#include "dlb/train/trainer.h"

namespace dlb::app {

/// "test    loss 0.0462  accuracy 0.9851": one line per split, then steps, time, hash and folder.
std::string run_text(const train::RunResult& result);

}  // namespace dlb::app
