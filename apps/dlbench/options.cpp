#include "options.h"

#include <charconv>

#include "dlb/base/threads.h"

namespace dlb::app {

namespace {

std::string suggestion(std::string_view name, const std::vector<std::string>& valid) {
  const std::string near = nearest_name(name, valid);
  return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

CLI::Validator validator(std::string name, std::function<std::string(std::string&)> check) {
  return CLI::Validator(std::move(check), "", std::move(name));
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

bool is_option(const std::string& argument) { return argument.size() > 1 && argument[0] == '-'; }

/// The first argument that nothing took, an option before others: what follows a misspelt option is lost
/// because of it.
std::string first_left_over(const CLI::App& app) {
  const std::vector<std::string> left = app.remaining(true);
  const auto option = std::find_if(left.begin(), left.end(), is_option);
  return option != left.end() ? *option : left.empty() ? "" : left.front();
}

}  // namespace

void add_set_option(CLI::App& command, std::vector<std::string>& overrides) {
  command.add_option("--set", overrides, "override a key of the config; may be repeated")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
}

void add_device_options(CLI::App& command, std::string& device, int& threads) {
  command.add_option("--device", device, "cpu, cuda, cuda:INDEX or auto")
      ->type_name("DEVICE")
      ->check(validator("DEVICE", [](std::string& text) -> std::string {
        const bool numbered = text.starts_with("cuda:") && text.size() > 5 &&
                              text.find_first_not_of("0123456789", 5) == std::string::npos;
        if (numbered || text == "cpu" || text == "cuda" || text == "auto") return {};
        return fmt::format("expected cpu, cuda, cuda:INDEX or auto, got '{}'", text);
      }));
  add_threads_option(command, threads);
}

void add_threads_option(CLI::App& command, int& threads) {
  command
      .add_option("--threads", threads,
                  fmt::format("threads (default: all that may be used, here {})", available_processors()))
      ->type_name("N")
      ->check(whole_number(1, 1024));
}

CLI::Validator whole_number(int64_t min, int64_t max) {
  return validator("N", [min, max](std::string& text) -> std::string {
    int64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status == std::errc() && end == text.data() + text.size() && value >= min && value <= max) return {};
    const std::string range =
        max == INT64_MAX ? fmt::format("of at least {}", min) : fmt::format("from {} to {}", min, max);
    return fmt::format("expected a whole number {}, got '{}'", range, text);
  });
}

CLI::Validator name_among(std::vector<std::string> names) {
  return validator("NAME", [names = std::move(names)](std::string& text) -> std::string {
    if (std::find(names.begin(), names.end(), text) != names.end()) return {};
    return fmt::format("expected one of {}, got '{}'{}", joined(names), text, suggestion(text, names));
  });
}

Error usage_error(const CLI::App& app, const CLI::ParseError& parse_error) {
  const std::vector<CLI::App*> used = app.get_subcommands();
  const std::string left_over = first_left_over(app);
  Error error(ErrorKind::kConfig, parse_error.what());
  if (used.empty()) {
    if (left_over.empty()) {
      error.message = "no command given";
    } else {
      const bool option = is_option(left_over);
      error.message = fmt::format("unknown {} '{}'{}", option ? "option" : "command", left_over,
                                  suggestion(left_over, option ? option_names(app) : command_names(app)));
    }
    error.hint = "see `dlbench help`";
    return error;
  }
  const CLI::App& command = *used.front();
  if (is_option(left_over)) {
    const std::string name = left_over.substr(0, left_over.find('='));
    error.message = fmt::format("unknown option '{}' of `{}`{}", name, command.get_name(),
                                suggestion(name, option_names(command)));
  } else if (!left_over.empty()) {
    error.message = fmt::format("unexpected argument '{}'", left_over);
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&parse_error) != nullptr) {
    const std::string name = error.message.substr(0, error.message.find(':'));
    const CLI::Option* option = command.get_option_no_throw(name);
    const bool repeated = option != nullptr && option->count() > 1;
    if (option != nullptr)
      error.message =
          repeated ? name + " can be given only once" : name + " needs " + option->get_type_name();
  } else if (dynamic_cast<const CLI::RequiredError*>(&parse_error) != nullptr) {
    for (const CLI::Option* option : command.get_options()) {
      if (option->get_required() && option->count() == 0)
        error.message = fmt::format("`{}` needs {}", command.get_name(), option->get_name());
    }
  }
  error.hint = fmt::format("see `dlbench {} --help`", command.get_name());
  // `--lr 0.1`, as other programs have it.
  if (is_option(left_over) && command.get_option_no_throw("--set") != nullptr) {
    error.hint += "; keys of the config are set by --set KEY=VALUE";
  }
  return error;
}

}  // namespace dlb::app
