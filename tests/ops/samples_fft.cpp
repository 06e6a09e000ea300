// Samples of Fourier transforms, windows and short-time transforms. Functions are called by name, as their
// table has them: the imaginary part is the second input and goes in as `imag`.
#include <optional>

#include "dlb/functional/function.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using In = std::vector<Tensor>;
using functional::List;
using functional::NamedValues;
using functional::Value;

/// Flat list of the tensors of a result.
In tensors(const Value& v) {
  if (v.is<Tensor>()) return {v.as<Tensor>()};
  In all;
  for (const Value& item : v.as<List>()) all.push_back(item.as<Tensor>());
  return all;
}

/// name(input, named..., imag = the second input).
Sample sample(const char* name, In inputs, const NamedValues& named) {
  Sample s;
  s.inputs = std::move(inputs);
  s.call = [=](const In& in) {
    NamedValues all = named;
    if (in.size() > 1) all.emplace_back("imag", in[1]);
    return tensors(functional::call(name, std::vector<Value>{in[0]}, all));
  };
  s.rejects = {DType::kBFloat16, DType::kFloat16};
  s.tolerance = 8;
  return s;
}

In real(Shape shape) { return {values(std::move(shape), -1, 1, 200)}; }
In complex(const Shape& shape) { return {values(shape, -1, 1, 201), values(shape, -1, 1, 202)}; }

void add_transforms(SampleTable& t) {
  for (const char* name : {"fft.fft", "fft.ifft", "fft.irfft", "fft.hfft"}) {
    t[name] = {sample(name, complex({3, 5}), {}),
               sample(name, complex({4, 2, 3}), {{"dim", int64_t{0}}, {"n", int64_t{7}}, {"norm", "ortho"}}),
               sample(name, real({2, 6}), {{"n", int64_t{4}}, {"norm", "forward"}}),
               sample(name, complex({0, 4}), {}), sample(name, complex({2, 59}), {})};
    t[name].push_back(sample(name, complex({300, 128}), {}));
    t[name].back().large = true;
  }
  for (const char* name : {"fft.rfft", "fft.ihfft"}) {
    t[name] = {sample(name, real({3, 5}), {}),
               sample(name, real({4, 2, 3}), {{"dim", int64_t{-3}}, {"n", int64_t{7}}, {"norm", "ortho"}}),
               sample(name, real({2, 6}), {{"n", int64_t{4}}, {"norm", "forward"}}),
               sample(name, real({0, 4}), {}),
               sample(name, real({2, 59}), {}),
               sample(name, real({301, 128}), {})};
    t[name].back().large = true;
  }
  const List sizes{int64_t{4}, int64_t{3}};
  const List crossed{int64_t{-1}, int64_t{0}};
  for (const char* name : {"fft.fftn", "fft.ifftn", "fft.fft2", "fft.ifft2", "fft.irfftn", "fft.irfft2"}) {
    t[name] = {sample(name, complex({2, 3, 4}), {}), sample(name, real({3, 4}), {{"norm", "forward"}}),
               sample(name, complex({3, 2, 5}), {{"s", sizes}, {"dim", crossed}, {"norm", "ortho"}}),
               sample(name, complex({0, 3, 2}), {{"dim", List{int64_t{1}, int64_t{2}}}})};
  }
  for (const char* name : {"fft.rfftn", "fft.rfft2"}) {
    t[name] = {sample(name, real({2, 3, 4}), {}),
               sample(name, real({3, 2, 5}), {{"s", sizes}, {"dim", crossed}, {"norm", "ortho"}}),
               sample(name, real({0, 3, 2}), {{"dim", List{int64_t{1}, int64_t{2}}}})};
  }
  // The operators themselves.
  t["fft"] = t["fft.fft"];
  t["rfft"] = t["fft.rfft"];
  t["irfft"] = t["fft.irfft"];
}

void add_shifts(SampleTable& t) {
  for (const char* name : {"fft.fftshift", "fft.ifftshift"}) {
    t[name] = {sample(name, real({5, 4}), {}),
               sample(name, real({5, 2, 3}), {{"dim", List{int64_t{-1}, int64_t{0}}}}),
               sample(name, real({0, 3}), {})};
    for (Sample& s : t[name]) s.rejects = {};
  }
}

/// A tensor made of numbers only.
Sample created(const char* name, const std::vector<Value>& args, const NamedValues& named = {}) {
  Sample s;
  s.call = [=](const In&) { return tensors(functional::call(name, args, named)); };
  s.gradient = false;
  return s;
}

void add_windows(SampleTable& t) {
  for (const char* name : {"fft.fftfreq", "fft.rfftfreq"}) {
    t[name] = {created(name, {int64_t{5}}), created(name, {int64_t{6}, 0.25}), created(name, {int64_t{0}})};
  }
  for (const char* name :
       {"bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"}) {
    t[name] = {created(name, {int64_t{7}}), created(name, {int64_t{8}, false}, {{"dtype", DType::kFloat64}}),
               created(name, {int64_t{0}}), created(name, {int64_t{1}})};
  }
  for (const char* name : {"bartlett", "blackman", "cosine", "exponential", "gaussian", "general_hamming",
                           "hamming", "hann", "kaiser", "nuttall"}) {
    std::string full = "signal.windows.";
    full += name;
    const auto made = [full](int64_t n, const NamedValues& named) {
      Sample s;
      s.call = [=](const In&) { return tensors(functional::call(full, std::vector<Value>{n}, named)); };
      s.gradient = false;
      return s;
    };
    t[full] = {made(7, {}), made(8, {{"sym", false}, {"dtype", DType::kFloat64}}), made(0, {}), made(1, {})};
  }
  const List a{0.4, 0.4, 0.2};
  t["signal.windows.general_cosine"] = {
      created("signal.windows.general_cosine", {int64_t{7}, a}),
      created("signal.windows.general_cosine", {int64_t{6}, a}, {{"sym", false}})};
}

void add_short_time(SampleTable& t) {
  const auto add = [&](const char* name, In inputs, const NamedValues& named, bool windowed, int64_t length) {
    Sample s;
    s.inputs = std::move(inputs);
    if (windowed) s.inputs.push_back(values({length}, 0.3, 1, 203));
    const bool inverse = std::string_view(name) == "istft";
    s.call = [=](const In& in) {
      NamedValues all = named;
      if (inverse) all.emplace_back("imag", in[1]);
      if (windowed) all.emplace_back("window", in.back());
      return tensors(functional::call(name, std::vector<Value>{in[0]}, all));
    };
    s.rejects = {DType::kBFloat16, DType::kFloat16, DType::kInt64,
                 DType::kInt32,    DType::kUInt8,   DType::kBool};
    s.tolerance = 20;
    t[name].push_back(s);
  };
  const auto number = [](int64_t n) { return Value(n); };
  add("stft", real({2, 13}), {{"n_fft", number(6)}, {"hop_length", number(2)}}, true, 6);
  add("stft", real({11}),
      {{"n_fft", number(5)},
       {"win_length", number(3)},
       {"hop_length", number(3)},
       {"onesided", false},
       {"center", false},
       {"normalized", true}},
      true, 3);
  add("stft", real({9}), {{"n_fft", number(4)}, {"pad_mode", "circular"}}, false, 0);
  add("stft", real({0, 9}), {{"n_fft", number(4)}}, false, 0);
  add("istft", complex({2, 4, 5}), {{"n_fft", number(6)}, {"hop_length", number(2)}}, true, 6);
  add("istft", complex({5, 4}),
      {{"n_fft", number(5)},
       {"hop_length", number(2)},
       {"onesided", false},
       {"normalized", true},
       {"length", number(9)}},
      false, 0);
  add("istft", complex({0, 3, 4}), {{"n_fft", number(4)}}, false, 0);
}

}  // namespace

void add_fft_samples(SampleTable& table) {
  add_transforms(table);
  add_shifts(table);
  add_windows(table);
  add_short_time(table);
}

}  // namespace dlb::testing
