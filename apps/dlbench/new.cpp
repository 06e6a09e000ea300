#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/data/embedded.h"
#include "dlb/data/manifest.h"
#include "dlb/data/set_manifest.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

constexpr std::string_view kMlp =
    R"(model:                            # a list of layers; each one's input is the previous one's output
  - flatten
  - linear: 128                   # a lone value is the first field: linear: {out: 128}
  - relu
  - dropout: 0.2
  - linear: $classes              # known from the data
)";

constexpr std::string_view kCnn =
    R"(model:                            # a list of layers; each one's input is the previous one's output
  - conv2d: {out: 32, kernel: 3, padding: 1}
  - relu
  - conv2d: {out: 64, kernel: 3, padding: 1}
  - relu
  - max_pool2d: 2                 # a lone value is the first field: max_pool2d: {kernel: 2}
  - flatten
  - dropout: 0.5
  - linear: 128
  - relu
  - linear: $classes              # known from the data
)";

constexpr std::string_view kResnet = R"(blocks:
  basic:                          # two convolutions beside a shortcut
    params: {c: int, stride: 1}
    steps:
      - residual:
          body:
            - conv2d: {out: $c, kernel: 3, stride: $stride, padding: 1, bias: false}
            - batch_norm
            - relu
            - conv2d: {out: $c, kernel: 3, padding: 1, bias: false}
            - batch_norm
          shortcut:
            when:
              cond: $(stride != 1 or in.channels != c)
              then: [conv2d: {out: $c, kernel: 1, stride: $stride, bias: false}, batch_norm]
      - relu
model:                            # a list of layers; each one's input is the previous one's output
  - conv2d: {out: 16, kernel: 3, padding: 1, bias: false}
  - batch_norm
  - relu
  - use: {basic: {c: 16}}
  - use: {basic: {c: 32, stride: 2}}
  - use: {basic: {c: 64, stride: 2}}
  - global_avg_pool
  - linear: $classes              # known from the data
)";

/// Data sets whose samples are images: what the models below are for.
std::vector<std::string> image_sets() {
  std::vector<std::string> names;
  for (const std::string& name : data::manifest_names()) {
    if (data::SetManifest::is_one(data::embedded_file(name + ".yaml"))) continue;
    if (data::builtin_manifest(name).shape.size() == 3) names.push_back(name);
  }
  return names;
}

struct NewOptions {
  std::string file;
  std::string kind = "cnn";
  std::string data = "digits";
};

std::string config_text(const NewOptions& options, const std::string& name, const std::string& file) {
  const std::string_view model = options.kind == "mlp" ? kMlp : options.kind == "cnn" ? kCnn : kResnet;
  // The digits' pixels go from 0 to 16, those of the others to 255.
  const std::string to_float = options.data == "digits" ? "to_float: {max: 16}" : "to_float";
  return fmt::format(R"(# Check it with `dlbench check {4}`, run it with `dlbench train {4}`.
# `dlbench help layer`, `help optimizer`, `help transform`, ... list what can stand here.
name: {0}
seed: 1                           # every random number follows from it
data:
  source: {1}
  val: {{from: train, fraction: 0.1}}   # held out of train, to choose the best checkpoint
  batch: 64
  transforms: [{2}]
{3}loss: cross_entropy
optimizer: {{adam: {{lr: 1e-3}}}}
schedule: {{cosine: {{warmup: 20}}}}  # in steps; "1 epoch" also works
metrics: [accuracy]
train:
  epochs: 5
  checkpoint: {{every: 1 epoch, keep: {{best: accuracy, last: 1}}}}
)",
                     name, options.data, to_float, model, file);
}

void create(const NewOptions& options, const Globals& globals) {
  std::string file = options.file;
  if (!file.ends_with(".yaml") && !file.ends_with(".yml")) file += ".yaml";
  const std::string base = files::base_name(file);
  const std::string name = base.substr(0, base.rfind('.'));
  if (name.empty() ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") !=
          std::string::npos) {
    fail(ErrorKind::kConfig, "'{}' cannot name an experiment; use letters, digits, '-', '_' and '.'", name);
  }
  if (files::exists(file)) fail(ErrorKind::kIo, "{} exists already; it is left as it is", file);
  files::write_atomic(file, config_text(options, name, file));
  if (globals.json) {
    out_json({{"config", file}});
  } else {
    print("{}\n", file);
  }
}

}  // namespace

void add_new(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("new", "Write a commented config to start from");
  auto options = std::make_shared<NewOptions>();
  options->file = "experiment.yaml";
  command->add_option("FILE", options->file, "the file to write (default experiment.yaml)")->type_name("");
  command->add_option("--kind", options->kind, "mlp, cnn or resnet (default cnn)")
      ->type_name("KIND")
      ->check(name_among({"mlp", "cnn", "resnet"}));
  command->add_option("--data", options->data, "a data set (default digits)")
      ->type_name("NAME")
      ->check(name_among(image_sets()));
  add_output_flags(*command, globals);
  command->callback([options, &globals] { create(*options, globals); });
}

}  // namespace dlb::app
