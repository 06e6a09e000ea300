#pragma once
/// \file Reading and writing of ONNX models and of values in its tensor format. **Source**: the ONNX
/// specification (IR.md, onnx.proto); types younger than libonnx's onnx.proto by their numbers.

#include <string>
#include <string_view>

#include "dlb/graph/graph.h"

namespace dlb::io {

/// Reads a model. Hostile input safe: memory stays within a small factor of the file's size, sizes are
/// checked before they are multiplied, external data lies below the model's folder and is not reached through
/// links. Errors: io, data, unsupported, naming the file and the part of the model.
graph::Model read_onnx(const std::string& path);
/// As read_onnx(); without external data.
graph::Model parse_onnx(std::string_view bytes, const std::string& name);

/// Reads a file with one value: a TensorProto, a SequenceProto or an OptionalProto, as `declared` says.
/// Errors: io, data, unsupported.
graph::Value read_onnx_value(const std::string& path, const graph::Declared& declared);
graph::Value parse_onnx_value(std::string_view bytes, const std::string& name,
                              const graph::Declared& declared);

/// The model as the bytes of a file, IR version 8. Errors: unsupported for functions and beyond 2 GiB.
std::string to_onnx(const graph::Model& model);
/// A TensorProto of a tensor or texts.
std::string to_onnx_tensor(const graph::Value& value, const std::string& name);

}  // namespace dlb::io
