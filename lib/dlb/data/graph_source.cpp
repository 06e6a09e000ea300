#include "dlb/data/graph_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "dlb/base/files.h"
#include "dlb/data/checksum.h"
#include "dlb/data/csv_reader.h"

namespace dlb::data {

namespace {

constexpr int64_t kIgnored = -100;
constexpr int64_t kMaxNodes = int64_t{1} << 31;
constexpr int64_t kMaxWidth = 1 << 24;
constexpr double kMaxValues = 4.0e9;
const std::vector<std::string> kSplits = {"train", "val", "test"};

[[noreturn]] void line_error(const CsvReader& reader, const std::string& message) {
  fail(ErrorKind::kData, "'{}' line {}: {}", reader.name(), reader.line(), message);
}

int64_t whole(const CsvReader& reader, size_t field, std::string_view what, int64_t least, int64_t most) {
  int64_t value = 0;
  const std::string_view text = reader.fields()[field];
  if (!parse_whole(text, value) || value < least || value > most)
    line_error(reader, fmt::format("{} '{}' must be a whole number from {} to {}", what, text, least, most));
  return value;
}

}  // namespace

struct GraphSource::Graph {
  SampleSpec spec;
  int64_t count = 0;
  std::vector<float> x;
  std::vector<int64_t> edges;
  std::vector<int64_t> labels;
  std::vector<std::string> split_of;
  std::set<std::string> splits;
  std::map<std::string, std::string> checksums;

  void read_nodes(const GraphSource& source, const std::string& path);
  void read_edges(const GraphSource& source, const std::string& path);
  void divide_rows();
};

Fields GraphSource::fields() {
  static const Field list[] = {
      required<&GraphSource::nodes>("nodes",
                                    "file with a line for each node: number, class, split, features"),
      required<&GraphSource::edges>("edges", "file with a line for each edge: two nodes"),
      field<&GraphSource::features>("features",
                                    "indices: the numbers of features that are 1; values: all features",
                                    one_of({"indices", "values"})),
      field<&GraphSource::width>("width", "number of features; 0: the largest number in the file plus one",
                                 between(0, static_cast<double>(kMaxWidth))),
      field<&GraphSource::directed>("directed", "edges count in the direction that is written only"),
      field<&GraphSource::self_loops>("self_loops", "an edge from each node to itself"),
      field<&GraphSource::normalize>("normalize", "row: the features of a node are divided by their sum",
                                     one_of({"none", "row"})),
  };
  return list;
}

void GraphSource::bind(const SourceOptions& options) {
  folder_ = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  graph_.reset();
}

void GraphSource::Graph::read_nodes(const GraphSource& source, const std::string& path) {
  const bool indices = source.features == "indices";
  CsvReader reader(ByteStream::open(path), {"whitespace", true, false});
  std::vector<std::pair<int64_t, int64_t>> ones;  // node, feature
  std::vector<float> values;
  int64_t width = source.width, classes = 0;
  while (reader.next()) {
    const auto fields = reader.fields();
    if (fields.size() < 3) {
      line_error(reader, fmt::format("{}; expected a node's number, class and split, then its features",
                                     field_count(fields.size())));
    }
    const int64_t node = whole(reader, 0, "node", 0, kMaxNodes);
    if (node != count)
      line_error(reader, fmt::format("node {}; expected {}: nodes stand in order, from 0", node, count));
    const int64_t label = whole(reader, 1, "class", -1, 1'000'000);
    const std::string split(fields[2]);
    if (split != "none" && std::find(kSplits.begin(), kSplits.end(), split) == kSplits.end())
      line_error(reader, fmt::format("split '{}' must be one of train, val, test, none", split));
    classes = std::max(classes, label + 1);
    labels.push_back(label < 0 ? kIgnored : label);
    split_of.push_back(split);
    if (split != "none") splits.insert(split);
    if (!indices && node == 0 && width == 0) width = static_cast<int64_t>(fields.size()) - 3;
    if (!indices && static_cast<int64_t>(fields.size()) - 3 != width)
      line_error(reader, fmt::format("{} features; expected {}", fields.size() - 3, width));
    for (size_t f = 3; f < fields.size(); ++f) {
      if (indices) {
        const int64_t most = (source.width > 0 ? source.width : kMaxWidth) - 1;
        const int64_t index = whole(reader, f, "feature", 0, most);
        ones.emplace_back(node, index);
        if (source.width == 0) width = std::max(width, index + 1);
        continue;
      }
      double value = 0;
      if (!parse_number(fields[f], value)) line_error(reader, fmt::format("'{}' is no number", fields[f]));
      values.push_back(static_cast<float>(value));
    }
    ++count;
    if (static_cast<double>(count) * static_cast<double>(width) > kMaxValues) {
      line_error(reader,
                 fmt::format("{} nodes of {} features are too many to be held in memory", count, width));
    }
  }
  if (count == 0) fail(ErrorKind::kData, "'{}' has no nodes", path);
  if (width == 0) fail(ErrorKind::kData, "'{}': the nodes have no features", path);
  if (!splits.contains("train")) fail(ErrorKind::kData, "'{}': no node is of the split 'train'", path);
  if (indices) {
    values.assign(static_cast<size_t>(count * width), 0.0F);
    for (const auto& [node, feature] : ones) values[static_cast<size_t>(node * width + feature)] = 1;
  }
  x = std::move(values);
  if (source.normalize == "row") divide_rows();
  spec.columns.push_back({"x", make_spec({count, width}, DType::kFloat32), Collate::kJoin});
  spec.classes = classes;
  checksums[path] = "sha256:" + sha256_of_file(path);
}

void GraphSource::Graph::divide_rows() {
  const size_t width = x.size() / static_cast<size_t>(count);
  for (auto row = x.begin(); row != x.end(); row += static_cast<std::ptrdiff_t>(width)) {
    float sum = 0;
    for (size_t f = 0; f < width; ++f) sum += row[static_cast<std::ptrdiff_t>(f)];
    if (sum == 0) continue;
    for (size_t f = 0; f < width; ++f) row[static_cast<std::ptrdiff_t>(f)] /= sum;
  }
}

void GraphSource::Graph::read_edges(const GraphSource& source, const std::string& path) {
  CsvReader reader(ByteStream::open(path), {"whitespace", true, false});
  while (reader.next()) {
    if (reader.fields().size() != 2)
      line_error(reader, fmt::format("{}; an edge has two nodes", field_count(reader.fields().size())));
    const int64_t from = whole(reader, 0, "node", 0, count - 1), to = whole(reader, 1, "node", 0, count - 1);
    edges.insert(edges.end(), {from, to});
    if (!source.directed && from != to) edges.insert(edges.end(), {to, from});
  }
  if (source.self_loops) {
    for (int64_t i = 0; i < count; ++i) edges.insert(edges.end(), {i, i});
  }
  const int64_t total = std::ssize(edges) / 2;
  spec.columns.push_back({"edges", make_spec({total, 2}, DType::kInt64), Collate::kJoin, 0, 0});
  spec.columns.push_back({"label", make_spec({count}, DType::kInt64), Collate::kJoin});
  spec.inputs = 2;
  spec.facts = {{"nodes", count}, {"edges", total}, {"features", spec.columns[0].spec.dim(1)}};
  checksums[path] = "sha256:" + sha256_of_file(path);
}

const GraphSource::Graph& GraphSource::graph() const {
  if (!graph_) {
    auto read = std::make_shared<Graph>();
    read->read_nodes(*this, files::join(folder_, nodes));
    read->read_edges(*this, files::join(folder_, edges));
    graph_ = std::move(read);
  }
  return *graph_;
}

std::vector<std::string> GraphSource::splits() const {
  const std::set<std::string>& present = graph().splits;
  std::vector<std::string> names;
  for (const std::string& name : kSplits) {
    if (present.contains(name)) names.push_back(name);
  }
  return names;
}

SampleSpec GraphSource::spec() { return graph().spec; }
int64_t GraphSource::size(const std::string& /*split*/) { return 1; }

std::shared_ptr<const Dataset> GraphSource::open(const std::string& split) {
  class Whole final : public Dataset {
   public:
    Whole(std::shared_ptr<const Graph> graph, const std::string& split)
        : graph_(std::move(graph)), labels_(graph_->labels) {
      for (size_t i = 0; i < labels_.size(); ++i) {
        if (graph_->split_of[i] != split) labels_[i] = kIgnored;
      }
    }
    int64_t size() const override { return 1; }
    const SampleSpec& spec() const override { return graph_->spec; }
    bool constant() const override { return true; }
    void lengths(int64_t /*index*/, int64_t* out) const override {
      out[0] = out[2] = graph_->count;
      out[1] = std::ssize(graph_->edges) / 2;
    }
    void read(int64_t /*index*/, void* const* columns) const override {
      std::copy(graph_->x.begin(), graph_->x.end(), static_cast<float*>(columns[0]));
      std::copy(graph_->edges.begin(), graph_->edges.end(), static_cast<int64_t*>(columns[1]));
      std::copy(labels_.begin(), labels_.end(), static_cast<int64_t*>(columns[2]));
    }

   private:
    std::shared_ptr<const Graph> graph_;
    std::vector<int64_t> labels_;
  };
  graph();
  return std::make_shared<Whole>(graph_, split);
}

std::map<std::string, std::string> GraphSource::checksums() const {
  return graph_ ? graph_->checksums : std::map<std::string, std::string>();
}

}  // namespace dlb::data
