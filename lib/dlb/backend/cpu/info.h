#pragma once
/// \file What the CPU backend runs on: for `dlbench doctor` and run.json.

#include <string>
#include <vector>

namespace dlb::backend::cpu {

struct Info {
  std::string processor;         ///< model name
  std::vector<std::string> isa;  ///< of those the kernels use: "sse4.2", "avx2", "avx512", "avx512_bf16", ...
  std::string onednn;            ///< version
  std::string onednn_isa;        ///< the instruction set that oneDNN chose
  std::string openblas;          ///< version, threading and kernels
};
Info info();

}  // namespace dlb::backend::cpu
