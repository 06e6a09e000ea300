#include "dlb/io/array_value.h"

#include "dlb/base/error.h"
#include "dlb/io/onnx_tensor.h"

namespace dlb::io {

namespace {

graph::Element element_of(const Array& array) {
  const ElementType& type = array.type;
  const std::string name = element_name(type);
  const graph::Element e = graph::element_from_name(name);
  if (e == graph::Element::kUndefined || (type.swapped && type.bytes > 1)) {
    fail(ErrorKind::kUnsupported, "array '{}': elements of type {}{} are not supported", array.name,
         type.swapped ? "big-endian " : "", name);
  }
  return e;
}

}  // namespace

graph::Value to_value(const Array& array) {
  const graph::Element e = element_of(array);
  const size_t bytes = static_cast<size_t>(numel(array.shape)) * static_cast<size_t>(array.type.bytes);
  std::string raw(bytes, '\0');
  array.bytes->read(raw.data(), bytes, 0);
  return {unpack_elements(raw.data(), array.shape, e), e};
}

}  // namespace dlb::io
