#pragma once
/// \file Tensors of ONNX files to and from values; for the files of this folder that read and write ONNX.

#include <string>

#include "dlb/graph/value.h"

namespace onnx {
class TensorProto;
}

namespace dlb::io {

/// The value of a TensorProto. External data is read below `folder`; where that is empty there must be none.
/// Errors: data, unsupported, io; messages name `where`.
graph::Value onnx_value(const onnx::TensorProto& proto, const std::string& folder, const std::string& where);

/// The type of a TensorProto as graph::describe() has it of its value. Errors: data, unsupported.
std::string onnx_tensor_type(const onnx::TensorProto& proto, const std::string& where);

/// `count` elements as they stand packed in a file, little-endian, narrow ones from the low bits up.
Tensor unpack_elements(const char* raw, const Shape& shape, graph::Element e);

/// Fills a TensorProto.
void fill_onnx_tensor(const graph::Value& value, onnx::TensorProto& proto);

}  // namespace dlb::io
