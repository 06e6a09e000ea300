#include "dlb/backend/cpu/info.h"

#include <cblas.h>
#include <fmt/core.h>

#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>

namespace dlb::backend::cpu {

namespace {

std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string onednn_isa_name() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 with VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 with VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 with VNNI and BF16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AVX-512 with AMX";
    default:
      return "generic";
  }
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> out;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) out.emplace_back("sse4.2");
  if (__builtin_cpu_supports("avx2")) out.emplace_back("avx2");
  if (__builtin_cpu_supports("fma")) out.emplace_back("fma");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) out.emplace_back("avx512");
  if (__builtin_cpu_supports("avx512vnni")) out.emplace_back("avx512_vnni");
  if (__builtin_cpu_supports("avx512bf16")) out.emplace_back("avx512_bf16");
#endif
  return out;
}

}  // namespace

Info info() {
  const dnnl_version_t* v = dnnl_version();
  return {processor_name(), instruction_sets(), fmt::format("{}.{}.{}", v->major, v->minor, v->patch),
          onednn_isa_name(), openblas_get_config()};
}

}  // namespace dlb::backend::cpu
