#pragma once
/// \file The folders of recipes.

#include <string>
#include <vector>

#include "dlb/config/document.h"

namespace dlb::regress {

/// recipes/NAME: config.yaml, expected.json and a README.md.
struct Recipe {
  std::string name;    ///< of the folder
  std::string folder;  ///< as it was given, without a slash at its end
  std::string config() const;
  std::string expected() const;
};

/// The recipes that the arguments name, in their order, each once. An argument is the folder of a recipe or
/// its config.yaml; a folder that has recipes below it stands for all of them, by name; in the last part of a
/// path that does not exist, * and ? stand for names. Errors: config, with all that is wrong.
std::vector<Recipe> find_recipes(const std::vector<std::string>& arguments);

/// Why the recipe cannot run here: a published data set that it uses is not on this machine. "" when all are.
/// What is wrong with the config otherwise is left to whoever loads it.
std::string absent_data(const config::Document& document, const std::string& file);

}  // namespace dlb::regress
