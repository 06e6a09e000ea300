#include <algorithm>

#include "dlb/base/files.h"
#include "dlb/data/array_source.h"
#include "dlb/data/audio_folder.h"
#include "dlb/data/cart_pole.h"
#include "dlb/data/clicks.h"
#include "dlb/data/csv_source.h"
#include "dlb/data/dataset.h"
#include "dlb/data/embedded.h"
#include "dlb/data/graph_source.h"
#include "dlb/data/graphs.h"
#include "dlb/data/grid_world.h"
#include "dlb/data/idx_source.h"
#include "dlb/data/image_folder.h"
#include "dlb/data/image_pairs.h"
#include "dlb/data/interactions.h"
#include "dlb/data/line_sources.h"
#include "dlb/data/manifest.h"
#include "dlb/data/matched_source.h"
#include "dlb/data/pair_source.h"
#include "dlb/data/points.h"
#include "dlb/data/random_source.h"
#include "dlb/data/sequences.h"
#include "dlb/data/set_manifest.h"
#include "dlb/data/shapes.h"
#include "dlb/data/synthetic.h"
#include "dlb/data/tagged_source.h"
#include "dlb/data/text_source.h"
#include "dlb/data/trees.h"
#include "dlb/data/voc_folder.h"

namespace dlb::data {

std::span<const SourceType> source_types() {
  static const SourceType list[] = {
      type_info<Source, IdxSource>("idx",
                                   "images and labels from IDX files (the format of MNIST), plain or gzip"),
      type_info<Source, ImageFolderSource>(
          "image_folder", "pictures in a folder per class, JPEG, PNG or BMP, or in a zip archive"),
      type_info<Source, ImagePairsSource>("image_pairs",
                                          "pictures with a mask or another picture each, in two folders"),
      type_info<Source, VocFolderSource>("voc_folder", "pictures with boxes in Pascal VOC's files, as masks"),
      type_info<Source, AudioFolderSource>("audio_folder",
                                           "sound in WAV files, with a class in its name or folder"),
      type_info<Source, PairsSource>("pairs",
                                     "two samples of another source, and whether they are of one class"),
      type_info<Source, TripletsSource>("triplets",
                                        "a sample of another source, one of its class and one of another"),
      type_info<Source, CartPoleSource>(
          "cartpole", "reinforcement learning: balance a pole on a cart, up to max_steps steps an episode"),
      type_info<Source, GridWorldSource>("grid_world",
                                         "reinforcement learning: walk from S to G on a board of fields"),
      type_info<Source, CsvSource>("csv", "rows of text files, with numbers and categories"),
      type_info<Source, NumpySource>("numpy", "arrays of npy and npz files"),
      type_info<Source, SafetensorsSource>("safetensors", "tensors of safetensors files"),
      type_info<Source, GraphSource>("graph", "a graph from text files, whose nodes are classified"),
      type_info<Source, InteractionsSource>("interactions", "ratings of items by users"),
      type_info<Source, CriteoSource>("criteo", "clicks, numbers and categories of the Criteo format"),
      type_info<Source, SyntheticSource>("synthetic",
                                         "made-up samples that a model can learn, for tests and benchmarks"),
      type_info<Source, RandomSource>("random", "columns of random numbers of any shape and type"),
      type_info<Source, PointsSource>("points",
                                      "made-up classes of points in the plane: moons, spirals, ..."),
      type_info<Source, CurveSource>("curve", "points of a function to fit: sine, step, ..."),
      type_info<Source, ShapesSource>("shapes", "made-up pictures of shapes, with masks, classes or counts"),
      type_info<Source, SequencesSource>("sequences",
                                         "made-up tasks on sequences of tokens: copy, sort, parity, ..."),
      type_info<Source, TreesSource>("trees", "made-up arithmetic expressions as trees, with their value"),
      type_info<Source, ClicksSource>("clicks", "made-up clicks, with numbers and categories"),
      type_info<Source, GraphsSource>("graphs", "made-up small graphs with a class each"),
      type_info<Source, TextSource>("text", "windows of running text, for language models"),
      type_info<Source, LinesSource>("lines",
                                     "one piece of text per line, such as names, for language models"),
      type_info<Source, LabelledLinesSource>("labelled_lines",
                                             "texts with a class: lines with a label, or a file per class"),
      type_info<Source, SentencePairsSource>(
          "sentence_pairs", "pairs of texts for sequence-to-sequence models, from files or made up"),
      type_info<Source, TaggedSource>("tagged", "sequences with a tag per word or character"),
  };
  return list;
}

namespace {

bool is_manifest_path(const std::string& name) { return name.ends_with(".yaml") || name.ends_with(".yml"); }

std::unique_ptr<Source> manifest_from_file(config::Reader& reader, const config::Node& node,
                                           const SourceOptions& options) {
  const std::string path = files::join(files::parent(options.config_file), node.as_string());
  constexpr size_t kLimit = 1 << 20;
  try {
    const std::string text = files::read_all(path, kLimit);
    if (SetManifest::is_one(text)) {
      std::optional<SetManifest> set = SetManifest::parse(reader.errors(), text, path);
      if (set) return std::make_unique<SetSource>(std::move(*set), config::Node(), options);
      return nullptr;
    }
    std::optional<Manifest> manifest = Manifest::parse(reader.errors(), text, path);
    if (manifest) return std::make_unique<ManifestSource>(std::move(*manifest), options);
  } catch (Error& e) {
    reader.errors().add(e.at(node.mark().str()));
  }
  return nullptr;
}

/// The source of a manifest in the binary. Only sets that an inline source reads have fields: its own.
std::unique_ptr<Source> builtin_source(config::Reader& reader, const config::Choice& chosen,
                                       const SourceOptions& options) {
  const std::string file = chosen.name + ".yaml";
  const std::string_view text = embedded_file(file);
  if (SetManifest::is_one(text)) {
    if (!chosen.body.is_null() && !chosen.body.is_map()) {
      reader.error(chosen.body, fmt::format("data set '{}': expected fields of its source, found {}",
                                            chosen.name, chosen.body.found()));
      return nullptr;
    }
    ErrorList errors;
    std::optional<SetManifest> set = SetManifest::parse(errors, text, "built-in datasets/" + file);
    errors.throw_if_any();
    return std::make_unique<SetSource>(std::move(*set), chosen.body, options);
  }
  if (!chosen.body.is_null()) {
    reader.error(chosen.body, fmt::format("data set '{}' has no fields", chosen.name));
    return nullptr;
  }
  return std::make_unique<ManifestSource>(builtin_manifest(chosen.name), options);
}

}  // namespace

std::unique_ptr<Source> make_source(config::Reader& reader, const config::Node& node,
                                    const SourceOptions& options) {
  if (node.is_string() && is_manifest_path(node.as_string()))
    return manifest_from_file(reader, node, options);
  const std::optional<config::Choice> chosen = reader.choice(node, "source");
  if (!chosen) return nullptr;
  const std::vector<std::string> manifests = manifest_names();
  if (std::find(manifests.begin(), manifests.end(), chosen->name) != manifests.end())
    return builtin_source(reader, *chosen, options);
  if (find_type(source_types(), chosen->name) == nullptr) {
    std::vector<std::string> valid = type_names(source_types());
    valid.insert(valid.end(), manifests.begin(), manifests.end());
    reader.unknown_name(chosen->name_node, chosen->name, valid, "source");
    return nullptr;
  }
  auto source = reader.make<Source>(*chosen, source_types(), "source");
  if (source == nullptr) return nullptr;
  try {
    source->bind({options.dir, options.config_file, chosen->body});
  } catch (Error& e) {
    reader.errors().add(e.at(node.mark().str()));
    return nullptr;
  }
  return source;
}

}  // namespace dlb::data
