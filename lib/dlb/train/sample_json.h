#pragma once
/// \file Samples as JSON that a page can draw: small pictures, masks, a few numbers.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "dlb/tensor/tensor.h"

namespace dlb::train {

/// Compact JSON; bytes that are no UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& value);

/// Whether one sample looks like an image: [C, H, W] with one or three channels and at least 4 by 4 pixels.
bool is_picture(const Tensor& sample);
/// {"height", "width", "channels", "data"}: at most 48 pixels a side, by means of squares of pixels; values
/// from the sample's smallest to its largest become bytes 0 to 255, rows of pixels in Base64.
std::string picture_json(const Tensor& sample);
/// {"height", "width", "data"}: class numbers of mask `row` of [N, height, width] as bytes, made smaller by
/// leaving out pixels.
std::string mask_json(const std::vector<int64_t>& classes, int64_t row, int64_t height, int64_t width);
/// {"values": [...], "of": N}: the first 16 numbers of a sample and how many there are; "" of bool and none.
std::string values_json(const Tensor& sample);

}  // namespace dlb::train
