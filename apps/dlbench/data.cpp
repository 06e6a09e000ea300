#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/error.h"
#include "dlb/data/embedded.h"
#include "dlb/data/manifest.h"
#include "dlb/data/set_manifest.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

struct DataOptions {
  std::string name;
  std::string dir;
};

/// What a manifest of either form says.
struct Set {
  std::string name, description, licence, homepage, source, package, reference;
  std::vector<std::pair<std::string, std::string>> files;  ///< with checksums
  std::string folder;   ///< "built-in" for what the binary carries, "" when the files are not found
  std::string problem;  ///< then
};

template <class T>
Set named(const T& m) {
  return {m.name, m.description, m.licence, m.homepage, m.source, m.package, {}, {}, {}, {}};
}

/// Fills in the folder, or what is wrong.
template <class F>
void find_folder(Set& set, const F& folder) {
  try {
    set.folder = folder();
  } catch (const Error& e) {
    set.problem = e.message;
    if (!e.hint.empty()) set.problem += "\n  hint: " + e.hint;
  }
}

Set set_of(const DataOptions& options) {
  const std::string file = options.name + ".yaml";
  const std::string_view text = data::embedded_file(file);
  const data::SourceOptions where{options.dir, ""};
  if (data::SetManifest::is_one(text)) {
    ErrorList errors;
    std::optional<data::SetManifest> m = data::SetManifest::parse(errors, text, file);
    errors.throw_if_any();
    Set set = named(*m);
    set.reference = m->reference;
    for (const data::SetFile& f : m->files) set.files.emplace_back(f.file, f.checksum());
    const data::SetSource source(std::move(*m), {}, where);
    find_folder(set, [&] { return source.folder(); });
    return set;
  }
  data::Manifest m = data::builtin_manifest(options.name);
  Set set = named(m);
  for (const auto& [split, parts] : m.splits) {
    for (const data::ManifestFile* part : {&parts.images, &parts.labels})
      set.files.emplace_back(part->file, "md5:" + part->md5);
  }
  const data::ManifestSource source(std::move(m), where);
  find_folder(set, [&] {
    const std::string folder = source.folder();
    return folder.empty() ? std::string("built-in") : folder;
  });
  return set;
}

std::unique_ptr<data::Source> source_of(const DataOptions& options) {
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  auto source = data::make_source(reader, config::Node::string(options.name), {options.dir, ""});
  errors.throw_if_any();
  return source;
}

void check_name(const std::string& name) {
  const std::vector<std::string> names = data::manifest_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  Error e(ErrorKind::kConfig, fmt::format("unknown data set '{}'", name));
  if (const std::string near = nearest_name(name, names); !near.empty()) {
    e.message += fmt::format("; did you mean '{}'?", near);
  } else {
    e.hint = "`dlbench data list` lists all";
  }
  throw e;
}

void list(const DataOptions& options, const Globals& globals) {
  nlohmann::ordered_json sets = nlohmann::ordered_json::array();
  size_t width = 0;
  const std::vector<std::string> names = data::manifest_names();
  for (const std::string& name : names) width = std::max(width, name.size());
  size_t found = 0;
  for (const std::string& name : names) {
    const Set set = set_of({name, options.dir});
    const bool here = !set.folder.empty();
    found += here ? 1 : 0;
    if (globals.json) {
      sets.push_back({{"name", name},
                      {"description", set.description},
                      {"folder", here ? nlohmann::ordered_json(set.folder) : nlohmann::ordered_json()}});
    } else {
      print("{:<{}}  {}  {}\n", name, width, here ? "found" : "-    ", set.description);
    }
  }
  if (globals.json) return out_json({{"sets", sets}});
  print("\n{} of {} data sets found; `dlbench data show NAME` tells where one comes from.\n", found,
        names.size());
}

nlohmann::ordered_json describe_columns(const data::SampleSpec& spec) {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (size_t c = 0; c < spec.columns.size(); ++c) {
    const data::Column& column = spec.columns[c];
    const char* collate = column.collate == data::Collate::kStack ? "stack"
                          : column.collate == data::Collate::kPad ? "pad"
                                                                  : "join";
    columns.push_back({{"name", column.name},
                       {"role", c < spec.inputs ? "input" : "target"},
                       {"sample", spec_text(column.spec)},
                       {"collate", collate}});
  }
  return columns;
}

/// Everything about a set; what needs its files only where they are found.
nlohmann::ordered_json describe(const DataOptions& options, const Set& set) {
  nlohmann::ordered_json j = {{"name", set.name}, {"description", set.description}, {"licence", set.licence}};
  for (const auto& [key, value] : {std::pair{"homepage", &set.homepage},
                                   {"source", &set.source},
                                   {"package", &set.package},
                                   {"reference", &set.reference}}) {
    if (!value->empty()) j[key] = *value;
  }
  nlohmann::ordered_json files = nlohmann::ordered_json::object();
  for (const auto& [file, digest] : set.files) files[file] = digest;
  j["files"] = files;
  j["folder"] = nullptr;
  if (set.folder.empty()) return j;
  j["folder"] = set.folder;
  const auto opened = source_of(options);
  data::Source& source = *opened;
  const data::SampleSpec spec = source.spec();
  nlohmann::ordered_json splits = nlohmann::ordered_json::object();
  for (const std::string& split : source.splits()) splits[split] = source.size(split);
  j["splits"] = splits;
  j["columns"] = describe_columns(spec);
  if (spec.classes > 0) j["classes"] = spec.classes;
  for (const auto& [name, value] : spec.facts) j["facts"][name] = value;
  return j;
}

void show(const DataOptions& options, const Globals& globals) {
  check_name(options.name);
  const Set set = set_of(options);
  const nlohmann::ordered_json j = describe(options, set);
  if (globals.json) return out_json(j);
  for (const char* key :
       {"name", "description", "licence", "homepage", "source", "package", "reference", "folder"}) {
    if (j.contains(key) && j[key].is_string()) print("{:<13}{}\n", key, j[key].get<std::string>());
  }
  for (const auto& [file, digest] : j["files"].items())
    print("{:<13}{}  {}\n", "file", file, digest.get<std::string>());
  if (!set.problem.empty()) return print("\n{}\n", set.problem);
  for (const auto& [split, size] : j["splits"].items())
    print("{:<13}{} {}\n", "split", split, size.get<int64_t>());
  for (const auto& column : j["columns"]) {
    print("{:<13}{} {}{}\n", column["role"].get<std::string>(), column["name"].get<std::string>(),
          column["sample"].get<std::string>(),
          column["collate"] == "stack" ? ""
          : column["collate"] == "pad" ? ", padded"
                                       : ", joined");
  }
  if (j.contains("classes")) print("{:<13}{}\n", "$classes", j["classes"].get<int64_t>());
  if (j.contains("facts")) {
    for (const auto& [name, value] : j["facts"].items())
      print("{:<13}{}\n", "$" + name, value.get<int64_t>());
  }
}

void verify(const DataOptions& options, const Globals& globals) {
  check_name(options.name);
  const auto source = source_of(options);
  for (const std::string& split : source->splits()) source->open(split);
  const std::map<std::string, std::string> checksums = source->checksums();
  if (globals.json) {
    nlohmann::ordered_json files = nlohmann::ordered_json::object();
    for (const auto& [file, digest] : checksums) files[file] = digest;
    return out_json({{"name", options.name}, {"status", "intact"}, {"files", files}});
  }
  for (const auto& [file, digest] : checksums) print("{}  {}\n", digest, file);
  print("{}: {} intact\n", options.name,
        checksums.size() == 1 ? "1 file is" : fmt::format("{} files are", checksums.size()));
}

}  // namespace

void add_data(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("data", "List data sets, show where one comes from, verify its files");
  command->require_subcommand(1);
  auto options = std::make_shared<DataOptions>();
  const auto add = [&](const char* name, const char* doc, bool of_one, auto action) {
    CLI::App* sub = command->add_subcommand(name, doc);
    if (of_one) sub->add_option("NAME", options->name, "the data set")->required()->type_name("");
    sub->add_option("--dir", options->dir, "look for its files in this folder alone")->type_name("FOLDER");
    add_output_flags(*sub, globals);
    sub->callback([options, &globals, action] { action(*options, globals); });
  };
  add("list", "All data sets, and which are found on this machine", false, list);
  add("show", "Origin, licence, files, splits and columns of a data set", true, show);
  add("verify", "Read a data set and compare its files with their checksums", true, verify);
}

}  // namespace dlb::app
