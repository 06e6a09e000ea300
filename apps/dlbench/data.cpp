#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/error.h"
#include "dlb/data/manifest.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

struct DataOptions {
  std::string name;
  std::string dir;
};

data::ManifestSource source_of(const DataOptions& options) {
  const std::vector<std::string> names = data::manifest_names();
  if (std::find(names.begin(), names.end(), options.name) == names.end()) {
    Error e(ErrorKind::kConfig, fmt::format("unknown data set '{}'", options.name));
    if (const std::string near = nearest_name(options.name, names); !near.empty()) {
      e.message += fmt::format("; did you mean '{}'?", near);
    } else {
      e.hint = "`dlbench data list` lists all";
    }
    throw e;
  }
  return data::ManifestSource(data::builtin_manifest(options.name), {options.dir, ""});
}

/// The folder of the files, "built-in", or "" and what is wrong.
std::string place_of(const data::ManifestSource& source, std::string* problem) {
  try {
    const std::string folder = source.folder();
    return folder.empty() ? "built-in" : folder;
  } catch (const Error& e) {
    *problem = e.message;
    if (!e.hint.empty()) *problem += "\n  hint: " + e.hint;
    return {};
  }
}

void list(const DataOptions& options, const Globals& globals) {
  nlohmann::ordered_json sets = nlohmann::ordered_json::array();
  size_t width = 0;
  const std::vector<std::string> names = data::manifest_names();
  for (const std::string& name : names) width = std::max(width, name.size());
  size_t found = 0;
  for (const std::string& name : names) {
    const data::ManifestSource source = source_of({name, options.dir});
    std::string problem;
    const std::string place = place_of(source, &problem);
    found += place.empty() ? 0 : 1;
    if (globals.json) {
      sets.push_back({{"name", name},
                      {"description", source.manifest().description},
                      {"folder", place.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(place)}});
    } else {
      print("{:<{}}  {}  {}\n", name, width, place.empty() ? "-    " : "found",
            source.manifest().description);
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
nlohmann::ordered_json describe(data::ManifestSource& source, std::string& problem) {
  const data::Manifest& m = source.manifest();
  nlohmann::ordered_json j = {{"name", m.name}, {"description", m.description}, {"licence", m.licence}};
  if (!m.homepage.empty()) j["homepage"] = m.homepage;
  if (!m.source.empty()) j["source"] = m.source;
  if (!m.package.empty()) j["package"] = m.package;
  nlohmann::ordered_json files = nlohmann::ordered_json::object();
  for (const auto& [split, parts] : m.splits) {
    files[parts.images.file] = "md5:" + parts.images.md5;
    files[parts.labels.file] = "md5:" + parts.labels.md5;
  }
  for (const data::ListedFile& file : m.files) files[file.file] = file.checksum();
  j["files"] = files;
  const std::string place = place_of(source, &problem);
  if (place.empty()) {
    j["folder"] = nullptr;
    return j;
  }
  j["folder"] = place;
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
  data::ManifestSource source = source_of(options);
  std::string problem;
  const nlohmann::ordered_json j = describe(source, problem);
  if (globals.json) return out_json(j);
  for (const char* key : {"name", "description", "licence", "homepage", "source", "package", "folder"}) {
    if (j.contains(key) && j[key].is_string()) print("{:<13}{}\n", key, j[key].get<std::string>());
  }
  for (const auto& [file, digest] : j["files"].items())
    print("{:<13}{}  {}\n", "file", file, digest.get<std::string>());
  if (!problem.empty()) return print("\n{}\n", problem);
  for (const auto& [split, size] : j["splits"].items())
    print("{:<13}{} {}\n", "split", split, size.get<int64_t>());
  for (const auto& column : j["columns"]) {
    const std::string collate =
        column["collate"] == "stack" ? "" : ", " + column["collate"].get<std::string>() + "ed";
    print("{:<13}{} {}{}\n", column["role"].get<std::string>(), column["name"].get<std::string>(),
          column["sample"].get<std::string>(), column["collate"] == "pad" ? ", padded" : collate);
  }
  if (j.contains("classes")) print("{:<13}{}\n", "$classes", j["classes"].get<int64_t>());
  if (j.contains("facts")) {
    for (const auto& [name, value] : j["facts"].items())
      print("{:<13}{}\n", "$" + name, value.get<int64_t>());
  }
}

void verify(const DataOptions& options, const Globals& globals) {
  data::ManifestSource source = source_of(options);
  for (const std::string& split : source.splits()) source.open(split);
  const std::map<std::string, std::string> checksums = source.checksums();
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
