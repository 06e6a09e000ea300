#pragma once
/// \file Programs: a graph with its weights in one file, which runs without the config it was made from.
///
/// A program is a safetensors file, so that whoever reads those sees its weights:
///
///     __metadata__   format: "dlbench.program", version: "1", producer: "dlbench X.Y.Z", name: the graph's
///     NAME           an initializer of the graph; those with wider elements first, so that each is aligned
///     dlbench.graph  uint8[N], the last: the graph as an ONNX ModelProto
///
/// The message has the name, type and shape of each of these initializers, and EXTERNAL as the place of their
/// elements. Initializers of other types (texts, complex numbers, unsigned and narrow whole numbers, 8-bit
/// and 4-bit floats) are in the message alone, and so is whatever stands within nodes.
///
/// The version is raised whenever readers of the one before could not read or would misread a file.

#include <string>
#include <string_view>

#include "dlb/graph/graph.h"

namespace dlb::io {

inline constexpr int kProgramVersion = 1;

/// The model as the bytes of a program. The weights may take more than the 2 GiB of an ONNX file. Errors:
/// unsupported for functions, an initializer with the graph's name and a graph beyond 2 GiB; data for names
/// that are no UTF-8.
std::string to_program(const graph::Model& model);

/// Reads a program. Hostile input safe as parse_safetensors() and parse_onnx(); there is no external data.
/// Errors: io; unsupported for a later version; data where the file holds weights alone or no graph, and
/// unless its tensors are those that the graph leaves out.
graph::Model read_program(const std::string& path);
graph::Model parse_program(std::string_view bytes, const std::string& name);
/// Whether it is a safetensors file that says it is a program. Errors: data where its header is damaged.
bool is_program(std::string_view bytes, const std::string& name);

/// Whether a file is a model, by its bytes: it begins as a program does, or as an ONNX message, and is no
/// text. What cannot be read is none, for whoever opens it to say.
bool is_model_file(const std::string& path);
bool is_model(std::string_view bytes);

/// Reads a model file: a program if it begins as safetensors files do, else an ONNX model. Errors: as
/// read_program() and read_onnx().
graph::Model read_model(const std::string& path);
/// As read_model(); without external data.
graph::Model parse_model(std::string_view bytes, const std::string& name);

}  // namespace dlb::io
