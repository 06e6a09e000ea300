#pragma once
/// \file Walks the model's steps, reads their fields, and runs each layer on meta tensors as it goes.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dlb/model/blocks.h"
#include "dlb/model/constructs.h"
#include "dlb/model/env.h"
#include "dlb/model/program.h"
#include "dlb/model/runtime.h"

namespace dlb::model {

/// Bounds on what a config may expand to.
inline constexpr int kMaxLayers = 100'000;
inline constexpr int kMaxDepth = 200;
inline constexpr size_t kMaxErrors = 200;

/// One pass does all: after an error the value that flows on is unknown, later steps are still read for their
/// own errors, and only what depends on the unknown value is left out.
class Builder {
 public:
  Builder(config::Reader& reader, const ModelSource& source, DType dtype);
  std::unique_ptr<Model> build(const std::vector<NamedSpec>& inputs);
  /// As build(), without inputs and without the values of `facts`: only errors come of it.
  void check(std::vector<std::string> facts);

 private:
  /// A value between steps: a slot, or one of the two below.
  using Value = int;
  static constexpr Value kUnknown = -1;  ///< an error has been recorded
  static constexpr Value kNone = -2;     ///< there is no previous step
  static constexpr Value kLeftOut = -3;  ///< an optional input that is not given

  /// A program while it is built.
  struct Frame {
    Frame* outer = nullptr;  ///< of the program whose values it may use
    std::vector<Step> steps;
    int values = 0;
    std::vector<Value> inputs;        ///< its own, then those captured
    std::map<Value, Value> captured;  ///< values of the outer frame as this one's
    std::vector<Value> captures;      ///< values of the outer frame, in the order of the inputs
    size_t chain = 0;                 ///< how many uses of blocks are around the whole program
  };
  /// What is known of a value.
  struct ValueInfo {
    Tensor meta;
    Frame* frame;
    int number;  ///< within the frame
  };
  /// The inputs of a layer under construction: values of the current frame, without repeats.
  struct Wants {
    std::vector<Value> values;
    size_t of(Value v);
  };
  /// A block or network that calls run, while models are built.
  struct Callee {
    Instance* instance = nullptr;
    const Block* block = nullptr;
    std::map<std::string, config::Node> parameters;
    /// Forms in which it calls itself, with the errors' place and path: checked once it is there.
    std::vector<std::pair<std::vector<TensorSpec>, config::Node>> unchecked;
    bool failed = false;
  };

  /// A list of steps while it is built: what its steps are numbered by and the names they see.
  struct List {
    const List* outer = nullptr;  ///< whose value names are visible
    std::string prefix;
    int depth = 0;
    Value current = kNone;
    std::string current_name;                          ///< the last step's `as`
    std::map<std::string, std::vector<Value>> values;  ///< several: a list
    std::map<std::string, int> counters;
    std::map<std::string, std::string> taken;  ///< step name -> where
  };
  /// A step taken apart.
  struct Item {
    const config::Node& node;
    config::Choice choice;
    std::vector<Value> inputs;
    bool has_in = false;
    const config::Node* in = nullptr;
    const config::Node* as = nullptr;
    const config::Node* id = nullptr;
    const config::Node* max = nullptr;
    config::Mark mark() const { return choice.name_node.mark(); }
    const config::Node& mark_node() const { return choice.name_node; }
  };
  enum class Status { kGood, kUnknown, kWrong };

  // builder.cpp: lists, names, references
  void program(const config::Node& node, const std::string& prefix, const std::vector<ValueRef>& wanted);
  std::vector<Value> read_inputs(const config::Node* declared, List& list);
  std::vector<Value> read_outputs(const config::Node* outputs, const List& list,
                                  std::vector<std::string>& names);
  void steps(const config::Node& node, List& list, const Env& env);
  void step(const config::Node& node, List& list, const Env& env);
  bool modifiers(Item& item, const config::Node& map, bool call);
  void references(Item& item, const List& list, const Env& env);
  std::vector<Value> reference(const config::Node& name, const List& list, const Env& env);
  std::vector<Value> lookup(const config::Node& name, const List& list);
  Value lookup_one(const config::Node& name, const List& list);
  const std::vector<Value>* find_value(const std::string& name, const List& list) const;
  std::vector<std::string> value_names(const List& list) const;
  bool needs_input(const Item& item);
  std::string name_step(const Item& item, const std::string& type, List& list, const Env& env);
  void bind_outputs(const Item& item, const std::vector<Value>& outputs, List& list, const Env& env);
  std::string text_of(const config::Node& node, const Env& env, std::string_view what);
  void set_facts(Env& env, Value input) const;
  void lose_facts(Env& env) const;
  List inner(const List& list, const std::string& name, std::string_view part, Value input) const;

  // builder_constructs.cpp
  void construct(Item& item, List& list, const Env& env);
  void sequential(const Item& item, List& list, const Env& env);
  void residual(const Item& item, List& list, const Env& env);
  void parallel(const Item& item, List& list, const Env& env);
  void repeat(const Item& item, List& list, const Env& env);
  void foreach (const Item& item, List & list, const Env& env);
  void collected(const Item& item, const Foreach& fields, List& list, const Env& env);
  void when(const Item& item, List& list, const Env& env);
  void bind_list(const Item& item, const std::vector<Value>& values, List& list, const Env& env);
  std::vector<Value> merge(const Item& item, const std::string& name, const std::vector<Value>& parts,
                           const std::string& how, int64_t dim, std::string_view part, size_t row);
  bool check_merge(const Item& item, const std::string& name, const std::vector<Value>& parts,
                   const std::string& how, int64_t dim, std::string_view part);
  void required_steps(const config::Node& node, Status status, List& list, const Env& env);
  void no_modifiers(const Item& item);
  void index_name(const config::Node& body, const std::string& key, const std::string& name,
                  const config::Node& steps);

  // builder_blocks.cpp: use and call
  const Block* find_block(const Item& item, const Env& env, bool call);
  bool block_inputs(Item& item, const Block& block, const List& list, const Env& env);
  bool bind_block(const Item& item, const Block& block, const Env& env, Env& parameters);
  std::vector<Value> block_steps(const Block& block, const std::vector<Value>& inputs, bool good, List& body,
                                 const Env& parameters);
  void use(Item& item, List& list, const Env& env);
  void call(Item& item, List& list, const Env& env);
  bool same_parameters(const Item& item, const Callee& callee, const Env& parameters);
  std::vector<Value> first_call(Callee& callee, const Item& item, bool good, const Env& parameters,
                                const std::string& name, const List& list);
  std::vector<Value> call_within(Callee& callee, const Item& item, const std::string& name, const List& list);
  void check_unchecked(Callee& callee);
  std::unique_ptr<nn::Layer> call_layer(const Callee& callee, const Item& item);
  void uncalled_networks();

  // builder_runtime.cpp: loop, scan, if
  void loop(Item& item, List& list, const Env& env);
  void scan(Item& item, List& list, const Env& env);
  void branch(Item& item, List& list, const Env& env);
  struct Carry {
    std::string name;  ///< "": the loop's input
    config::Node at;
    std::optional<Formula> start;
    Value value = kUnknown;  ///< in the body's frame
    Value result = kUnknown;
  };
  std::vector<Carry> read_carries(const Item& item, const config::Node& carry, List& around, const Env& env,
                                  Wants& wants, std::vector<Tensor>& starts, bool& good);
  void carry_values(std::vector<Carry>& carries, const std::vector<Tensor>& starts, List& body);
  bool carry_results(std::vector<Carry>& carries, const List& body, const std::string& construct);
  List around(const List& list, Value input) const;
  std::vector<Value> branch_values(const config::Node& steps_of, List& body, const Env& env, Value own,
                                   const std::vector<config::Node>& emit, Frame& frame);
  bool calls_open(const config::Node& node) const;

  // builder_formulas.cpp: formulas, and the steps that are one
  std::optional<Formula> formula(const config::Node& text, const List& list, const Env& env,
                                 const std::function<int(Value)>& input);
  std::optional<Formula> formula(const config::Node& text, const List& list, const Env& env, Wants& wants);
  void eval(Item& item, List& list, const Env& env);
  void print(Item& item, List& list, const Env& env);
  void assertion(Item& item, List& list, const Env& env);
  void detach(Item& item, List& list, const Env& env);
  Status read_formula_fields(Item& item, Fields fields, void* object, std::string_view first, const Env& env);
  std::vector<Tensor> metas(const std::vector<Value>& values) const;

  // builder_frames.cpp
  template <class F>
  void inside(Frame& frame, Frame* outer, const F& build) {
    frame.outer = outer;
    frame.chain = chain_.size();
    Frame* const before = std::exchange(frame_, &frame);
    build();
    frame_ = before;
  }
  Value here(Value v) { return here(v, *frame_); }
  Value here(Value v, Frame& frame);
  Inner inner_program(Frame& frame, const std::vector<Value>& outputs, Wants& wants);
  Program finished(Frame& frame, const std::vector<Value>& outputs);
  /// Counts the work of a step that has absorbed another anew, where together they do another amount of it.
  void measure_fused(const Frame& frame, const Step& step, size_t absorbed);
  std::vector<Value> add_step(std::unique_ptr<nn::Layer> layer, const std::vector<Value>& inputs,
                              std::vector<Tensor> outputs, size_t row, const Item& item,
                              std::vector<std::pair<Tensor, Tensor>> transposes = {});
  void repeat_rows(size_t begin, int64_t times);

  // builder_layers.cpp
  void layer(Item& item, List& list, const Env& env);
  bool count_inputs(Item& item, const nn::Layer& layer, bool by_key);
  std::vector<Value> emit(std::unique_ptr<nn::Layer> layer, const std::vector<Value>& inputs, size_t row,
                          const Item& item, std::vector<nn::Build::Tie> ties = {});

  // builder_keys.cpp: keys of a layer that are no fields
  bool named_inputs(Item& item, std::span<const std::string_view> names, Fields fields, const List& list,
                    const Env& env);
  std::vector<nn::Build::Tie> read_ties(Item& item, const List& list, bool& good);
  bool check_ties(nn::Build& build, const std::string& type, const Item& item);
  static std::string place_of(const Item& item);
  size_t add_row(const Item& item, const std::string& name, const std::string& type, int depth);
  void finish_row(size_t row, Value output);
  Status read_fields(const config::Node& body, Fields fields, void* object, std::string_view what,
                     const Env& env);

  /// Runs `f` with a reader over `scope` and records what it complains about, except at `ignored` places.
  template <class F>
  auto reading(const config::Scope& scope, F f, const std::set<std::string>& ignored = {}) {
    ErrorList list;
    config::Reader reader(list, scope);
    auto result = f(reader);
    for (const Error& e : list.errors()) {
      if (!ignored.contains(e.where)) record(e);
    }
    return result;
  }
  void record(Error error);
  bool spend(const config::Node& node);
  bool known(const std::vector<Value>& values) const;
  const Tensor& meta(Value value) const { return values_[static_cast<size_t>(value)].meta; }
  Value new_value(Tensor meta) { return new_value(std::move(meta), *frame_); }
  Value new_value(Tensor meta, Frame& frame);
  std::vector<std::string> frames(const Item& item) const;

  config::Reader& reader_;
  const ModelSource& source_;
  Blocks blocks_;
  DType dtype_;
  std::vector<NamedSpec> inputs_;
  Frame* frame_ = nullptr;
  std::unique_ptr<Model> model_;
  std::vector<ValueInfo> values_;
  std::map<std::string, Callee> callees_;          ///< by name
  std::vector<Callee*> open_;                      ///< those under construction, outermost first
  std::map<std::string, std::string> root_names_;  ///< names without a prefix -> where
  std::vector<std::string> chain_;   ///< uses of blocks around the current step, outermost first
  std::vector<std::string> in_use_;  ///< names of those blocks
  std::set<std::string> blocks_used_;
  nn::Context context_;
  int64_t parameters_ = 0;
  int spent_ = 0;
  int depth_ = 0;
  size_t recorded_ = 0;
  bool blind_ = false;  ///< the input is not known
  std::vector<std::string> lost_facts_;
  bool names_lost_ = false;  ///< a step could not be taken apart: unknown value names are no news
  bool stopped_ = false;     ///< a bound was reached: nothing more is read
};

}  // namespace dlb::model
