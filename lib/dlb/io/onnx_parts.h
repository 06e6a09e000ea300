#pragma once
/// \file ONNX models as parts of other files; for the files of this folder.

#include <map>
#include <string>
#include <string_view>

#include "dlb/graph/graph.h"

namespace dlb::io {

/// Initializers of a graph whose elements stand beside its message, by name.
using StoredTensors = std::map<std::string, graph::Value>;

/// As to_onnx(), but of the initializers in `stored` the message has only names, types and shapes; it says
/// that their elements are external, without a place.
std::string to_onnx_beside(const graph::Model& model, const StoredTensors& stored);
/// The model of such a message. Errors: as parse_onnx(); data unless `stored` is just what the message leaves
/// out.
graph::Model parse_onnx_beside(std::string_view bytes, const std::string& name, StoredTensors stored);

/// As read_onnx(), of a file whose bytes were read.
graph::Model parse_onnx_file(std::string_view bytes, const std::string& path);

}  // namespace dlb::io
