#include <algorithm>
#include <map>

#include "dlb/functional/function.h"

namespace dlb::functional {

std::span<const Function> all_functions() {
  static const std::vector<Function> functions = [] {
    std::vector<Function> all;
    for (const auto family :
         {&pointwise_functions, &activation_functions, &special_functions, &reduction_functions,
          &sorting_functions, &statistics_functions, &shape_functions, &indexing_functions,
          &creation_functions, &linalg_functions, &product_functions, &fft_functions, &spatial_functions,
          &normalization_functions, &layer_functions, &loss_functions, &sequence_functions,
          &random_functions}) {
      for (Function& f : family()) all.push_back(std::move(f));
    }
    return all;
  }();
  return functions;
}

std::vector<const Function*> find_functions(std::string_view name) {
  static const std::multimap<std::string_view, const Function*> by_name = [] {
    std::multimap<std::string_view, const Function*> map;
    for (const Function& f : all_functions()) map.emplace(f.name, &f);
    return map;
  }();
  std::vector<const Function*> found;
  const auto [first, last] = by_name.equal_range(name);
  for (auto it = first; it != last; ++it) found.push_back(it->second);
  return found;
}

}  // namespace dlb::functional
