#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/data/bpe.h"

namespace dlb::data {

namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFile = 64 << 20;

/// The text of a token in a file: each byte as the code point that stands for it.
std::string file_text(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) append_utf8(text, byte_alphabet().codes[static_cast<uint8_t>(c)]);
  return text;
}

/// The bytes of a token's text in a file, or nothing when a character of it stands for no byte.
std::optional<std::string> bytes_of(std::string_view text) {
  static const std::unordered_map<int32_t, char> bytes = [] {
    std::unordered_map<int32_t, char> map;
    for (size_t byte = 0; byte < 256; ++byte) map[byte_alphabet().codes[byte]] = static_cast<char>(byte);
    return map;
  }();
  std::string out;
  while (!text.empty()) {
    const CodePoint code = decode_utf8(text);
    const auto it = bytes.find(code.value);
    if (it == bytes.end()) return std::nullopt;
    out += it->second;
    text.remove_prefix(code.bytes);
  }
  return out;
}

Json parse_json(const std::string& path) {
  const std::string text = files::read_all(path, kMaxFile);
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    fail(ErrorKind::kData, "'{}' is no JSON file: {}", path, e.what());
  }
}

/// Puts a model together from what its files say.
class Assembly {
 public:
  explicit Assembly(std::string path) : path_(std::move(path)) {}

  /// A JSON map from tokens to ids.
  void add_vocab(const Json& vocab) {
    if (!vocab.is_object() || vocab.empty()) {
      fail(ErrorKind::kData, "'{}': expected a map from tokens to ids", path_);
    }
    for (const auto& [text, id] : vocab.items()) add(text, id);
  }

  /// A token that is one wherever its text stands.
  void add_special(const std::string& text, const Json& id) {
    check_text(text);
    const int32_t number = checked(text, id);
    const auto it = by_text_.find(text);
    if (it != by_text_.end() && it->second != number) {
      fail(ErrorKind::kData, "'{}': the token '{}' has the ids {} and {}", path_, text, it->second, number);
    }
    if (it == by_text_.end()) add(text, id);
    if (!special_texts_.emplace(text, true).second) {
      fail(ErrorKind::kData, "'{}': the added token '{}' stands twice", path_, text);
    }
    model_.specials.emplace_back(text, number);
  }

  void add_merge(std::string_view left, std::string_view right) {
    const int32_t a = part(left), b = part(right);
    std::string merged(left);
    merged += right;
    const auto it = by_text_.find(merged);
    if (it == by_text_.end()) {
      fail(ErrorKind::kData, "'{}': merge {} makes '{}', which is not in the vocabulary", path_,
           model_.merges.size() + 1, merged);
    }
    model_.merges.push_back({a, b, it->second});
  }

  void name(const std::string& path) { path_ = path; }

  BpeModel finish() {
    const size_t count = by_text_.size();
    model_.tokens.resize(count);
    std::vector<bool> seen(count);
    for (const auto& [text, id] : by_text_) {
      if (static_cast<size_t>(id) >= count || seen[static_cast<size_t>(id)]) {
        fail(ErrorKind::kData, "'{}': the {} tokens must have the ids 0 to {}, each once; '{}' has {}", path_,
             count, count - 1, text, id);
      }
      seen[static_cast<size_t>(id)] = true;
      std::optional<std::string> bytes = bytes_of(text);
      model_.tokens[static_cast<size_t>(id)] = bytes ? std::move(*bytes) : text;
    }
    for (const auto& [text, id] : model_.specials) model_.tokens[static_cast<size_t>(id)] = text;
    model_.byte_ids.resize(256);
    for (size_t byte = 0; byte < 256; ++byte) {
      const auto it = by_text_.find(file_text(std::string(1, static_cast<char>(byte))));
      if (it == by_text_.end()) {
        fail(ErrorKind::kData, "'{}': the vocabulary lacks the byte 0x{:02x} ('{}'), so it is not byte-level",
             path_, byte, file_text(std::string(1, static_cast<char>(byte))));
      }
      model_.byte_ids[byte] = it->second;
    }
    return std::move(model_);
  }

 private:
  int32_t checked(const std::string& text, const Json& id) const {
    if (!id.is_number_integer() || id.is_number_unsigned() == false ||
        id.get<uint64_t>() >= Vocabulary::kMaxTokens) {
      fail(ErrorKind::kData, "'{}': the id of token '{}' must be a number from 0 to {}, found {}", path_,
           text, Vocabulary::kMaxTokens - 1, id.dump(-1, ' ', false, Json::error_handler_t::replace));
    }
    return static_cast<int32_t>(id.get<uint64_t>());
  }

  void check_text(const std::string& text) const {
    if (text.empty()) fail(ErrorKind::kData, "'{}': a token is empty", path_);
  }

  void add(const std::string& text, const Json& id) {
    check_text(text);
    if (!by_text_.emplace(text, checked(text, id)).second) {
      fail(ErrorKind::kData, "'{}': the token '{}' stands twice", path_, text);
    }
  }

  int32_t part(std::string_view text) const {
    const auto it = by_text_.find(text);
    if (it == by_text_.end()) {
      fail(ErrorKind::kData, "'{}': '{}' of merge {} is not in the vocabulary", path_, text,
           model_.merges.size() + 1);
    }
    return it->second;
  }

  std::string path_;
  BpeModel model_;
  StringMap<int32_t> by_text_;
  StringMap<bool> special_texts_;
};

/// "a b" of a merge.
void add_merge_line(Assembly& model, const std::string& path, std::string_view line, size_t number) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    fail(ErrorKind::kData, "'{}': merge {} must be two tokens with a space between them, found '{}'", path,
         number, line.substr(0, 80));
  }
  model.add_merge(line.substr(0, space), line.substr(space + 1));
}

bool is_set(const Json& map, const char* key) {
  const auto it = map.find(key);
  return it != map.end() && !it->is_null() && *it != false && *it != "";
}

/// Refuses what would cut text in another way than we do.
void check_supported(const std::string& path, const Json& root, const Json& model) {
  const auto refuse = [&](const std::string& what) {
    fail(ErrorKind::kUnsupported, "'{}': {}; only byte-level BPE with GPT-2's pattern is supported", path,
         what);
  };
  const std::string type = model.value("type", Json("BPE")).dump();
  if (type != "\"BPE\"") refuse(fmt::format("model.type is {}", type));
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"}) {
    if (is_set(model, key)) refuse(fmt::format("model.{} is set", key));
  }
  if (is_set(root, "normalizer")) refuse("it has a normalizer");
  const auto rule = root.find("pre_tokenizer");
  if (rule == root.end() || !rule->is_object()) refuse("it has no pre_tokenizer");
  if (rule->value("type", Json()) != "ByteLevel") {
    refuse(fmt::format("pre_tokenizer.type is {}", rule->value("type", Json()).dump()));
  }
  if (rule->value("add_prefix_space", Json(true)) != false) refuse("pre_tokenizer.add_prefix_space is set");
  if (rule->value("use_regex", Json(true)) != true) refuse("pre_tokenizer.use_regex is false");
}

}  // namespace

BpeModel load_bpe(const std::string& path) {
  const Json root = parse_json(path);
  const auto model = root.is_object() ? root.find("model") : root.end();
  if (!root.is_object() || model == root.end() || !model->is_object() || !model->contains("vocab") ||
      !model->contains("merges") || !(*model)["merges"].is_array()) {
    fail(ErrorKind::kData, "'{}' is no tokenizer.json: expected a map with model.vocab and model.merges",
         path);
  }
  try {
    check_supported(path, root, *model);
    Assembly assembly(path);
    assembly.add_vocab((*model)["vocab"]);
    size_t number = 0;
    for (const Json& merge : (*model)["merges"]) {
      ++number;
      if (merge.is_string()) {
        add_merge_line(assembly, path, merge.get<std::string>(), number);
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        assembly.add_merge(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else {
        fail(ErrorKind::kData, "'{}': merge {} must be two tokens, found {}", path, number,
             merge.type_name());
      }
    }
    if (const auto added = root.find("added_tokens"); added != root.end() && !added->is_null()) {
      for (const Json& token : *added) {
        if (!token.is_object() || !token.contains("content") || !token["content"].is_string() ||
            !token.contains("id")) {
          fail(ErrorKind::kData, "'{}': an added token must have id and content", path);
        }
        assembly.add_special(token["content"].get<std::string>(), token["id"]);
      }
    }
    return assembly.finish();
  } catch (const Json::exception& e) {
    fail(ErrorKind::kData, "'{}' is no tokenizer.json: {}", path, e.what());
  }
}

BpeModel load_bpe(const std::string& vocab_path, const std::string& merges_path) {
  Assembly assembly(vocab_path);
  assembly.add_vocab(parse_json(vocab_path));
  assembly.name(merges_path);
  const std::string text = files::read_all(merges_path, kMaxFile);
  std::string_view rest = text;
  size_t number = 0;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (number == 0 && line.starts_with("#version"))) continue;
    add_merge_line(assembly, merges_path, line, ++number);
  }
  assembly.name(vocab_path);
  return assembly.finish();
}

std::string save_bpe(const BpeModel& model) {
  std::vector<bool> is_special(model.tokens.size());
  Json added = Json::array();
  for (const auto& [text, id] : model.specials) {
    is_special[static_cast<size_t>(id)] = true;
    added.push_back({{"id", id},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  Json vocab = Json::object();
  StringMap<bool> seen;
  for (size_t id = 0; id < model.tokens.size(); ++id) {
    const std::string text = is_special[id] ? model.tokens[id] : file_text(model.tokens[id]);
    if (!seen.emplace(text, true).second) {
      fail(ErrorKind::kUnsupported, "cannot save a tokenizer in which two tokens have the text '{}'", text);
    }
    vocab[text] = id;
  }
  Json merges = Json::array();
  for (const BpeMerge& merge : model.merges) {
    merges.push_back(Json::array({file_text(model.tokens[static_cast<size_t>(merge.left)]),
                                  file_text(model.tokens[static_cast<size_t>(merge.right)])}));
  }
  const Json level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", level},
                     {"post_processor", nullptr},
                     {"decoder", level},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", false},
                       {"vocab", vocab},
                       {"merges", merges}}}};
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace dlb::data
