#pragma once
/// \file What losses are made of.

#include "dlb/nn/loss.h"

namespace dlb::nn {

/// The sum of values, over their number or another count.
LossSum total(const Tensor& values);
LossSum total(const Tensor& values, int64_t count);
/// The numbers as a tensor that fits `like`, or undefined when there are none.
Tensor weights(const std::vector<double>& values, const Tensor& like);
/// Class weights, one for each of the classes that the prediction has along `dim`.
Tensor class_weights(const std::vector<double>& values, const Tensor& prediction, std::string_view loss,
                     int64_t dim = 1);
/// The target in the prediction's type, once their shapes are known to be equal.
Tensor matching(const Tensor& prediction, const Tensor& target, std::string_view loss);
/// Raises "<loss> expects <what> <form>, got [4, 2]" unless `holds`.
void expect_form(bool holds, std::string_view loss, std::string_view what, std::string_view form,
                 const Tensor& got);
/// Raises an error unless two predictions have one shape.
void expect_alike(const Tensor& a, const Tensor& b, std::string_view loss);

}  // namespace dlb::nn
