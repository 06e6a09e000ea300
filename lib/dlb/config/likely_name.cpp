#include "dlb/config/likely_name.h"

#include <algorithm>
#include <utility>

#include "dlb/base/error.h"

namespace dlb::config {

namespace {

/// Names that PyTorch, Keras and Caffe use for what has another name here, as folded_name() gives them.
constexpr std::pair<std::string_view, std::string_view> kElsewhere[] = {
    {"dense", "linear"},
    {"fc", "linear"},
    {"fullyconnected", "linear"},
    {"innerproduct", "linear"},
    {"conv", "conv2d"},
    {"convolution", "conv2d"},
    {"conv2dtranspose", "conv_transpose2d"},
    {"deconvolution", "conv_transpose2d"},
    {"maxpool", "max_pool2d"},
    {"maxpooling2d", "max_pool2d"},
    {"pooling", "max_pool2d"},
    {"avgpool", "avg_pool2d"},
    {"averagepooling2d", "avg_pool2d"},
    {"globalaveragepooling2d", "global_avg_pool"},
    {"globalmaxpooling2d", "global_max_pool"},
    {"lrn", "local_response_norm"},
    {"swish", "silu"},
    {"multiheadattention", "attention"},
    {"lambda", "eval"},
    {"crossentropyloss", "cross_entropy"},
    {"categoricalcrossentropy", "cross_entropy"},
    {"sparsecategoricalcrossentropy", "cross_entropy"},
    {"softmaxwithloss", "cross_entropy"},
    {"binarycrossentropy", "bce"},
    {"bceloss", "bce"},
    {"bcewithlogitsloss", "bce_with_logits"},
    {"sigmoidcrossentropyloss", "bce_with_logits"},
    {"meansquarederror", "mse"},
    {"euclideanloss", "mse"},
    {"meanabsoluteerror", "l1"},
    {"mae", "l1"},
    {"learningrate", "lr"},
    {"batchsize", "batch"},
    {"numepochs", "epochs"},
    {"numworkers", "threads"},
    {"dataset", "source"},
    {"units", "out"},
    {"filters", "out"},
    {"outfeatures", "out"},
    {"outchannels", "out"},
    {"kernelsize", "kernel"},
    {"numheads", "heads"},
    {"nhead", "heads"},
    {"numlayers", "layers"},
    {"numembeddings", "count"},
    {"embeddingdim", "dim"},
    {"hiddensize", "hidden"},
    {"vocabsize", "size"},
    {"vocab", "size"},
    {"dimfeedforward", "hidden"},
};

}  // namespace

std::string likely_name(std::string_view name, const std::vector<std::string>& valid) {
  const std::string wanted = folded_name(name);
  for (const auto& [elsewhere, here] : kElsewhere) {
    if (wanted == elsewhere && std::find(valid.begin(), valid.end(), here) != valid.end())
      return std::string(here);
  }
  return nearest_name(name, valid);
}

}  // namespace dlb::config
