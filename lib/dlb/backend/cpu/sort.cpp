#include <algorithm>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/lines.h"
#include "dlb/backend/cpu/sort_entries.h"
#include "dlb/ops/sort_defs.h"

namespace dlb::backend::cpu {

namespace {

/// A thread's lists.
template <class E>
struct Scratch {
  std::vector<E> entries;
  std::vector<E> spare;

  /// All elements of a line.
  template <class T>
  void fill(const T* x, const Lines& lines, bool flip) {
    entries.resize(static_cast<size_t>(lines.size));
    for (int64_t i = 0; i < lines.size; ++i) {
      entries[static_cast<size_t>(i)] = make_entry<E>(x[i * lines.inner], i, flip);
    }
  }

  /// The first k in order of all elements of a line, sorted. Candidates gather until there are twice as many
  /// as wanted; then the better half stays, and its last is the bar for those that follow.
  template <class T>
  void fill_first(const T* x, const Lines& lines, bool flip, int64_t k) {
    const auto wanted = static_cast<size_t>(k);
    const size_t room = std::max<size_t>(2 * wanted, 64);
    entries.clear();
    if (k == 0) return;
    const auto shrink = [&] {
      std::nth_element(entries.begin(), entries.begin() + static_cast<int64_t>(wanted - 1), entries.end());
      entries.resize(wanted);
    };
    bool barred = false;
    E bar(0, 0);
    for (int64_t i = 0; i < lines.size; ++i) {
      const E e = make_entry<E>(x[i * lines.inner], i, flip);
      if (barred && !(e < bar)) continue;
      entries.push_back(e);
      if (entries.size() < room) continue;
      shrink();
      bar = entries.back();
      barred = true;
    }
    if (entries.size() > wanted) shrink();
    std::sort(entries.begin(), entries.end());
  }

  int64_t kth(int64_t k) {
    const auto at = entries.begin() + k;
    std::nth_element(entries.begin(), at, entries.end());
    return at->index();
  }
};

/// Calls body(x, start, i, scratch) for line i at x; T is the element type and `scratch` of the entry type
/// that fits. The lines are shared out among the threads, unless there are fewer lines than threads: then one
/// goes after the other, and sorting a line uses all threads.
template <class F>
void with_lines(const Tensor& x, const Lines& lines, const F& body) {
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const data = x.data<T>();
    dispatch_entry<T>(lines.size, [&](auto* entry) {
      using E = std::remove_pointer_t<decltype(entry)>;
      const auto on_line = [&](int64_t i, Scratch<E>& scratch) { body(data + lines.start(i), i, scratch); };
      if (lines.count() >= threads()) {
        each_line(
            lines, [] { return Scratch<E>(); }, on_line);
      } else {
        Scratch<E> scratch;
        for (int64_t i = 0; i < lines.count(); ++i) on_line(i, scratch);
      }
    });
  });
}

void sort_kernel(const KernelArgs& k, const SortAttrs& a) {
  const Tensor x = row_major(k.in(0));
  const Lines lines(x.shape(), a.dim);
  const Tensor& values = k.out(0);
  int64_t* const indices = k.out(1).data<int64_t>();
  with_lines(x, lines, [&](const auto* line, int64_t i, auto& scratch) {
    using T = std::remove_cvref_t<decltype(*line)>;
    scratch.fill(line, lines, a.descending);
    sort_entries(scratch.entries, scratch.spare);
    T* const to = values.data<T>() + lines.start(i);
    int64_t* const index = indices + lines.start(i);
    for (int64_t j = 0; j < lines.size; ++j) {
      const int64_t from = scratch.entries[static_cast<size_t>(j)].index();
      to[j * lines.inner] = line[from * lines.inner];
      index[j * lines.inner] = from;
    }
  });
}

void topk_kernel(const KernelArgs& k, const TopkAttrs& a) {
  const Tensor x = row_major(k.in(0));
  const Lines lines(x.shape(), a.dim);
  const Tensor& values = k.out(0);
  const Lines out_lines(values.shape(), a.dim);
  int64_t* const indices = k.out(1).data<int64_t>();
  if (values.numel() == 0) return;
  // Of a 0-d tensor even k = 0 gives the element, as in PyTorch.
  const int64_t wanted = out_lines.size;
  with_lines(x, lines, [&](const auto* line, int64_t i, auto& scratch) {
    using T = std::remove_cvref_t<decltype(*line)>;
    if (wanted * 4 >= lines.size) {
      scratch.fill(line, lines, a.largest);
      sort_entries(scratch.entries, scratch.spare);
    } else {
      scratch.fill_first(line, lines, a.largest, wanted);
    }
    T* const to = values.data<T>() + out_lines.start(i);
    int64_t* const index = indices + out_lines.start(i);
    for (int64_t j = 0; j < wanted; ++j) {
      const int64_t from = scratch.entries[static_cast<size_t>(j)].index();
      to[j * lines.inner] = line[from * lines.inner];
      index[j * lines.inner] = from;
    }
  });
}

/// Kernel of an operator that picks one element of each line: pick(line, lines, scratch) gives its index.
template <class Pick>
void pick_kernel(const KernelArgs& k, int64_t dim, const Pick& pick) {
  const Tensor x = row_major(k.in(0));
  const Lines lines(x.shape(), dim);
  const Tensor& values = k.out(0);
  int64_t* const indices = k.out(1).data<int64_t>();
  with_lines(x, lines, [&](const auto* line, int64_t i, auto& scratch) {
    using T = std::remove_cvref_t<decltype(*line)>;
    const int64_t at = pick(line, lines, scratch);
    values.data<T>()[i] = line[at * lines.inner];
    indices[i] = at;
  });
}

void kthvalue_kernel(const KernelArgs& k, const KthValueAttrs& a) {
  pick_kernel(k, a.dim, [&](const auto* line, const Lines& lines, auto& scratch) {
    scratch.fill(line, lines, false);
    return scratch.kth(a.k - 1);
  });
}

void median_kernel(const KernelArgs& k, const MedianAttrs& a) {
  pick_kernel(k, a.dim, [&](const auto* line, const Lines& lines, auto& scratch) {
    using T = std::remove_cvref_t<decltype(*line)>;
    int64_t numbers = lines.size;
    if constexpr (!std::is_integral_v<T>) {
      for (int64_t i = 0; i < lines.size; ++i) {
        const auto v = convert_element<sort_value_t<T>>(line[i * lines.inner]);
        if (v == v) continue;
        if (!a.ignore_nan) return i;
        --numbers;
      }
    }
    if (numbers == 0) return int64_t{0};
    scratch.fill(line, lines, false);
    return scratch.kth((numbers - 1) / 2);
  });
}

void mode_kernel(const KernelArgs& k, const ModeAttrs& a) {
  pick_kernel(k, a.dim, [&](const auto* line, const Lines& lines, auto& scratch) {
    scratch.fill(line, lines, false);
    sort_entries(scratch.entries, scratch.spare);
    const auto n = scratch.entries.size();
    size_t longest = 0;
    int64_t at = 0;
    for (size_t first = 0; first < n;) {
      size_t end = first + 1;
      while (end < n && scratch.entries[end].key() == scratch.entries[first].key()) ++end;
      if (end - first > longest) {
        longest = end - first;
        at = scratch.entries[end - 1].index();
      }
      first = end;
    }
    return at;
  });
}

}  // namespace

void install_sort() {
  set_kernel(op::sort(), DeviceKind::kCpu, &sort_kernel);
  set_kernel(op::topk(), DeviceKind::kCpu, &topk_kernel);
  set_kernel(op::kthvalue(), DeviceKind::kCpu, &kthvalue_kernel);
  set_kernel(op::median(), DeviceKind::kCpu, &median_kernel);
  set_kernel(op::mode(), DeviceKind::kCpu, &mode_kernel);
}

}  // namespace dlb::backend::cpu
