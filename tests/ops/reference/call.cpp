#include "call.h"

#include <utility>

#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::testing {

namespace {

Value map_value(const Value& v, const TensorMap& map, std::vector<Tensor>& leaves) {
  if (v.is<List>()) {
    List list;
    for (const Value& item : v.as<List>()) list.push_back(map_value(item, map, leaves));
    return list;
  }
  if (!v.is<Tensor>()) return v;
  const Tensor& before = v.as<Tensor>();
  Tensor after = map(before).detach();
  if (before.requires_grad() && is_floating(after.dtype())) {
    after.set_requires_grad(true);
    leaves.push_back(after);
  }
  return after;
}

/// OpInfo wraps some operators; these are its wrappers.
void reorder(const std::string& variant, std::vector<Value>& args, NamedValues& named) {
  // Functional forms of methods: x.where(condition, other), weight first for embeddings, tensors before the
  // equation.
  for (const char* swapped : {"where", "nn.functional.embedding", "nn.functional.embedding_bag", "einsum"}) {
    if (variant == swapped && args.size() > 1) std::swap(args[0], args[1]);
  }
  if (variant.starts_with("polygamma")) {
    for (auto& [name, value] : named) {
      if (name == "n") args.insert(args.begin() + 1, value);
    }
    std::erase_if(named, [](const auto& n) { return n.first == "n"; });
    if (args.size() > 1) std::swap(args[0], args[1]);
  }
  if (variant == "linalg.pinv.singular") {
    const Tensor a = args[0].as<Tensor>();
    const Tensor b = args[1].as<Tensor>();
    args = {matmul(a, transpose(b, -2, -1))};
  }
  // Where a tensor lives and whether it wants a gradient are not arguments of a function here.
  std::erase_if(named, [](const auto& n) {
    return n.first == "device" || n.first == "requires_grad" || n.first == "pin_memory" ||
           n.first == "layout";
  });
}

void gather_tensors(const Value& v, std::vector<Tensor>& out, Value* plain) {
  if (v.is<Tensor>()) {
    if (v.as<Tensor>().defined()) out.push_back(v.as<Tensor>());
  } else if (v.is<List>()) {
    for (const Value& item : v.as<List>()) gather_tensors(item, out, plain);
  } else if (plain != nullptr) {
    *plain = v;
  }
}

}  // namespace

Arguments replaced(const Case& c, const TensorMap& map) {
  Arguments out;
  for (const Value& v : c.args) out.args.push_back(map_value(v, map, out.leaves));
  for (const auto& [name, v] : c.named) out.named.emplace_back(name, map_value(v, map, out.leaves));
  return out;
}

functional::Binding bind(const Variant& variant, const Arguments& arguments) {
  Arguments copy = arguments;
  reorder(variant.name, copy.args, copy.named);
  if (variant.function.empty()) fail(ErrorKind::kConfig, "there is no function for {}", variant.name);
  return functional::bind(variant.function, copy.args, copy.named);
}

std::vector<Tensor> call(const Variant& variant, const Arguments& arguments, Value* plain) {
  std::vector<Tensor> out;
  gather_tensors(bind(variant, arguments).invoke(), out, plain);
  // The driver's rank and singular values are not part of what this variant differentiates.
  if (variant.name == "linalg.lstsq.grad_oriented") out.resize(2);
  return out;
}

}  // namespace dlb::testing
