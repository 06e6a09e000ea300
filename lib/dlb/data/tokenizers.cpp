#include "dlb/config/reader.h"
#include "dlb/data/bpe.h"
#include "dlb/data/simple_tokenizers.h"

namespace dlb::data {

std::span<const TokenizerType> tokenizer_types() {
  static const TokenizerType list[] = {
      type_info<TokenizerBuilder, CharTokenizerBuilder>("char", "one token per Unicode character"),
      type_info<TokenizerBuilder, ByteTokenizerBuilder>("byte", "one token per byte: 256, whatever the text"),
      type_info<TokenizerBuilder, WordTokenizerBuilder>(
          "word", "words between white space, with or without their punctuation"),
      type_info<TokenizerBuilder, BpeTokenizerBuilder>(
          "bpe", "byte-level byte-pair encoding as in GPT-2, trained on the text or loaded from files"),
  };
  return list;
}

std::unique_ptr<TokenizerBuilder> read_tokenizer(const config::Node& node, const std::string& folder) {
  if (node.is_null()) return std::make_unique<CharTokenizerBuilder>();
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  auto builder = reader.make<TokenizerBuilder>(node, tokenizer_types(), "tokenizer");
  errors.throw_if_any();
  try {
    builder->bind(folder);
  } catch (Error& e) {
    throw e.at(node.mark().str());
  }
  return builder;
}

}  // namespace dlb::data
