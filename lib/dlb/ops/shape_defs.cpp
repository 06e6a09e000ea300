#include "dlb/ops/shape_defs.h"

namespace dlb {

Fields ReshapeAttrs::fields() {
  static const Field list[] = {field<&ReshapeAttrs::shape>("shape", "new shape; one size may be -1")};
  return list;
}
Fields PermuteAttrs::fields() {
  static const Field list[] = {field<&PermuteAttrs::dims>("dims", "old dimension at each new place")};
  return list;
}
Fields ExpandAttrs::fields() {
  static const Field list[] = {field<&ExpandAttrs::size>("size", "new shape; -1 keeps a size")};
  return list;
}
Fields SliceAttrs::fields() {
  static const Field list[] = {field<&SliceAttrs::dim>("dim", "dimension to cut"),
                               field<&SliceAttrs::start>("start", "first index"),
                               field<&SliceAttrs::end>("end", "index after the last"),
                               field<&SliceAttrs::step>("step", "distance", at_least(1))};
  return list;
}
Fields ContiguousAttrs::fields() {
  static const Field list[] = {field<&ContiguousAttrs::memory_format>(
      "memory_format", "order of the elements in memory", one_of({"contiguous", "channels_last"}))};
  return list;
}
Fields CatAttrs::fields() {
  static const Field list[] = {field<&CatAttrs::dim>("dim", "dimension along which to join")};
  return list;
}
Fields PadAttrs::fields() {
  static const Field list[] = {
      field<&PadAttrs::pad>("pad", "elements before and after, last dimension first; negative crops"),
      field<&PadAttrs::value>("value", "value of the new elements")};
  return list;
}
Fields FlipAttrs::fields() {
  static const Field list[] = {field<&FlipAttrs::dims>("dims", "dimensions to reverse")};
  return list;
}
Fields SliceScatterAttrs::fields() {
  static const Field list[] = {field<&SliceScatterAttrs::shape>("shape", "shape of the result"),
                               field<&SliceScatterAttrs::dim>("dim", "dimension that was cut"),
                               field<&SliceScatterAttrs::start>("start", "first index"),
                               field<&SliceScatterAttrs::step>("step", "distance", at_least(1))};
  return list;
}
Fields SplitAttrs::fields() {
  static const Field list[] = {field<&SplitAttrs::sizes>("sizes", "size of each part", non_negative()),
                               field<&SplitAttrs::dim>("dim", "dimension to cut")};
  return list;
}
Fields DiagonalAttrs::fields() {
  static const Field list[] = {
      field<&DiagonalAttrs::offset>("offset", "columns to the right of the main one"),
      field<&DiagonalAttrs::dim1>("dim1", "rows"), field<&DiagonalAttrs::dim2>("dim2", "columns")};
  return list;
}
Fields UnfoldDimAttrs::fields() {
  static const Field list[] = {field<&UnfoldDimAttrs::dim>("dim", "dimension to cut"),
                               field<&UnfoldDimAttrs::size>("size", "elements of a window", at_least(0)),
                               field<&UnfoldDimAttrs::step>("step", "distance of windows", at_least(1))};
  return list;
}
Fields AsStridedAttrs::fields() {
  static const Field list[] = {
      field<&AsStridedAttrs::size>("size", "shape of the view"),
      field<&AsStridedAttrs::stride>("stride", "elements between neighbours"),
      field<&AsStridedAttrs::offset>("offset", "elements from the first of the input")};
  return list;
}
Fields StridedSumAttrs::fields() {
  static const Field list[] = {field<&StridedSumAttrs::shape>("shape", "shape of the result"),
                               field<&StridedSumAttrs::strides>("strides", "elements between neighbours"),
                               field<&StridedSumAttrs::offset>("offset", "place of the first element")};
  return list;
}

}  // namespace dlb
