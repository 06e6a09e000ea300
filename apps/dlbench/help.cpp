#include "commands.h"
#include "dlb/base/error.h"
#include "dlb/config/likely_name.h"
#include "dlb/config/schema.h"
#include "dlb/train/catalog.h"
#include "output.h"

namespace dlb::app {

namespace {

constexpr std::string_view kOverview =
    R"(dlbench trains, evaluates and inspects deep learning models described by YAML configs.

  dlbench new [FILE]              write a commented config to start from
  dlbench check CONFIG...         check everything: fields, data headers, shapes, parameters, FLOPs, memory
  dlbench train CONFIG            train; --set KEY=VALUE, --out DIR, --resume, --max-steps N, --threads N
  dlbench eval CONFIG|RUN         measure a trained model; --split val|test|train, --weights FILE
  dlbench export CONFIG|RUN       write the model, compared with itself: --to onnx|program|safetensors, --out FILE
  dlbench run MODEL               run an exported model: --input FILE, --expect FILE, --rtol, --atol
  dlbench profile CONFIG|RUN      where the time and the memory of a step go; --infer, --trace FILE, --compare OLD.json
  dlbench regress RECIPE...       run recipes, compare with their baselines; --update, --junit FILE, --no-speed
  dlbench runs [DIR]              the runs of a folder; --sort accuracy, --filter status=done
  dlbench compare A B             configs, results and curves of runs side by side; --html FILE
  dlbench report RUN              a run on one page: curves, results, predictions, config, environment
  dlbench help [CATEGORY] NAME    what can stand in a config, such as `dlbench help layer`, `dlbench help adam`
  dlbench ops [NAME]              operators: signature, dtypes, gradient, ONNX
  dlbench data list|show|verify   data sets: which are here, what is in one, whether its files are intact
  dlbench schema                  JSON schema of configs, for editors
  dlbench doctor                  what this machine offers
  dlbench COMMAND --help          all options of a command

Results go to stdout (--json: one JSON document), progress to stderr.
Exit codes: 0 success, 1 the run failed, 2 usage or config error, 3 the run missed what the config expects,
130 interrupted after a checkpoint.

Categories of `dlbench help`:
)";

/// The category that a word means: its name, its plural, or the key of a config that takes its types.
const train::Category* category_of(const std::string& word) {
  if (const train::Category* category = train::find_category(word)) return category;
  if (word == "model") return train::find_category("layer");
  if (word == "augment") return train::find_category("transform");
  if (word == "losses") return train::find_category("loss");
  return word.ends_with('s') ? train::find_category(word.substr(0, word.size() - 1)) : nullptr;
}

const Described* find(const train::Category& category, const std::string& name) {
  for (const Described& d : category.types) {
    if (d.name == name) return &d;
  }
  return nullptr;
}

std::vector<std::string> names_of(const train::Category& category) {
  std::vector<std::string> names;
  for (const Described& d : category.types) names.push_back(d.name);
  return names;
}

/// "unknown WHAT 'NAME'" with the nearest valid name, or all of them.
[[noreturn]] void unknown(std::string_view what, const std::string& name,
                          const std::vector<std::string>& valid, const std::vector<std::string>& shown) {
  Error e(ErrorKind::kConfig, fmt::format("unknown {} '{}'", what, name));
  if (const std::string near = config::likely_name(name, valid); !near.empty()) {
    e.message += fmt::format("; did you mean '{}'?", near);
  } else {
    e.hint = "valid:";
    for (const std::string& v : shown) e.hint += " " + v;
  }
  throw e;
}

void print_category(const train::Category& category) {
  print("{}: {}\n\n", category.title, category.doc);
  size_t width = 0;
  for (const Described& d : category.types) width = std::max(width, d.name.size());
  for (const Described& d : category.types) print("  {:<{}}  {}\n", d.name, width, d.doc);
  print("\n`dlbench help {} NAME` shows one of them.\n", category.name);
}

/// One word: a category, or a type of any category (`flatten` is both a transform and a layer), or a command.
void print_word(const CLI::App& app, const std::string& word) {
  bool found = false;
  const train::Category* category = category_of(word);
  if (category != nullptr) {
    print_category(*category);
    found = true;
  }
  for (const train::Category& c : train::catalog()) {
    const Described* type = &c == category ? nullptr : find(c, word);
    if (type == nullptr) continue;
    print("{}{} ", found ? "\n" : "", c.name);
    out(config::help_text(*type));
    found = true;
  }
  for (const CLI::App* command :
       app.get_subcommands([&](const CLI::App* c) { return c->get_name() == word; })) {
    if (found) {
      print("\n`dlbench {0} --help` shows the options of the command {0}.\n", word);
    } else {
      out(command->help(app.get_name()));
    }
    found = true;
  }
  if (found) return;
  std::vector<std::string> categories, all;
  for (const train::Category& c : train::catalog()) {
    categories.push_back(c.name);
    const std::vector<std::string> names = names_of(c);
    all.insert(all.end(), names.begin(), names.end());
  }
  all.insert(all.begin(), categories.begin(), categories.end());
  unknown("category or name", word, all, categories);
}

void print_help(const CLI::App& app, const std::string& word, const std::string& name) {
  if (word.empty()) return out(overview());
  if (name.empty()) return print_word(app, word);
  const train::Category* category = category_of(word);
  if (category == nullptr) {
    std::vector<std::string> categories;
    for (const train::Category& c : train::catalog()) categories.push_back(c.name);
    unknown("category", word, categories, categories);
  }
  const Described* type = find(*category, name);
  if (type == nullptr) unknown(category->name, name, names_of(*category), names_of(*category));
  out(config::help_text(*type));
}

}  // namespace

std::string overview() {
  std::string text(kOverview);
  for (const train::Category& c : train::catalog()) text += fmt::format("  {:<11} {}\n", c.name, c.doc);
  return text;
}

void add_help(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("help", "Show what can stand in a config");
  auto word = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  auto markdown = std::make_shared<bool>(false);
  command->add_option("CATEGORY", *word, "layer, optimizer, loss, ..., or the name of anything in them")
      ->type_name("");
  command->add_option("NAME", *name, "one of the category")->type_name("");
  command->add_flag("--markdown", *markdown, "the whole reference as Markdown");
  command->add_flag("--quiet", globals.quiet, "print warnings and errors only");
  command->callback([&app, word, name, markdown] {
    if (*markdown) {
      out(train::reference_markdown());
    } else {
      print_help(app, *word, *name);
    }
  });
}

}  // namespace dlb::app
