#pragma once
/// \file Weights from files of several formats.

#include <string>

#include "dlb/io/safetensors.h"

namespace dlb::io {

/// The tensors of a safetensors file, or the initializers and constants of a program or a file that ends in
/// .onnx, by name. Errors: io, data, unsupported.
Safetensors read_weights(const std::string& path);

}  // namespace dlb::io
