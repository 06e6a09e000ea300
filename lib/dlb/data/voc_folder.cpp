#include "dlb/data/voc_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "dlb/base/files.h"
#include "dlb/data/csv_reader.h"
#include "dlb/data/image_decode.h"

namespace dlb::data {

namespace {

/// The text between <tag> (perhaps with attributes) and </tag>, from `at` on, which moves behind it; nothing
/// where there is none.
std::optional<std::string_view> element(std::string_view text, std::string_view tag, size_t& at) {
  const std::string start = fmt::format("<{}", tag), close = fmt::format("</{}>", tag);
  size_t begin = text.find(start, at);
  // A longer tag that begins alike is another one; what follows a space are attributes.
  while (begin != std::string_view::npos && text.find_first_of("> \t\r\n", begin) != begin + start.size())
    begin = text.find(start, begin + 1);
  if (begin == std::string_view::npos) return std::nullopt;
  begin = text.find('>', begin);
  const size_t end = begin == std::string_view::npos ? begin : text.find(close, begin);
  if (end == std::string_view::npos) return std::nullopt;
  at = end + close.size();
  return text.substr(begin + 1, end - begin - 1);
}

std::string_view child(std::string_view text, std::string_view tag, const std::string& name) {
  size_t at = 0;
  const auto found = element(text, tag, at);
  if (!found) fail(ErrorKind::kData, "annotation '{}' has no element <{}> where one is expected", name, tag);
  return *found;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

double number(std::string_view text, std::string_view tag, const std::string& name) {
  const std::string_view found = trimmed(child(text, tag, name));
  double value = 0;
  if (!parse_number(found, value) || !(std::abs(value) < 1e6))
    fail(ErrorKind::kData, "annotation '{}': <{}> is '{}'; expected a number of pixels", name, tag,
         found.substr(0, 40));
  return value;
}

class Masks final : public Dataset {
 public:
  struct Item {
    size_t image;
    VocAnnotation annotation;
  };
  Masks(SampleSpec spec, std::shared_ptr<const ImageFiles> images, std::vector<Item> items, bool ellipses)
      : spec_(std::move(spec)), images_(std::move(images)), items_(std::move(items)), ellipses_(ellipses) {}
  int64_t size() const override { return static_cast<int64_t>(items_.size()); }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    const Item& item = items_[static_cast<size_t>(index)];
    images_->read(item.image, static_cast<uint8_t*>(columns[0]));
    const ImageForm& form = images_->form();
    int64_t* mask = static_cast<int64_t*>(columns[1]);
    std::fill_n(mask, form.height * form.width, int64_t{0});
    const double sx = static_cast<double>(form.width) / item.annotation.width;
    const double sy = static_cast<double>(form.height) / item.annotation.height;
    for (const VocBox& box : item.annotation.boxes) paint(box, sx, sy, mask);
  }

 private:
  void paint(const VocBox& box, double sx, double sy, int64_t* mask) const {
    const ImageForm& form = images_->form();
    const double cx = (box.left + box.right) / 2 * sx, cy = (box.top + box.bottom) / 2 * sy;
    const double rx = (box.right - box.left) / 2 * sx, ry = (box.bottom - box.top) / 2 * sy;
    const auto limited = [](double v, int64_t most) {
      return std::clamp<int64_t>(static_cast<int64_t>(v), 0, most);
    };
    for (int64_t y = limited(cy - ry, form.height); y < limited(cy + ry + 1, form.height); ++y) {
      const double dy = (static_cast<double>(y) + 0.5 - cy) / ry;
      for (int64_t x = limited(cx - rx, form.width); x < limited(cx + rx + 1, form.width); ++x) {
        const double dx = (static_cast<double>(x) + 0.5 - cx) / rx;
        const bool inside = ellipses_ ? dx * dx + dy * dy <= 1 : std::abs(dx) <= 1 && std::abs(dy) <= 1;
        if (inside) mask[y * form.width + x] = box.label + 1;
      }
    }
  }

  SampleSpec spec_;
  std::shared_ptr<const ImageFiles> images_;
  std::vector<Item> items_;
  bool ellipses_;
};

}  // namespace

VocAnnotation parse_voc(const std::string& text, const std::vector<std::string>& classes,
                        const std::string& name) {
  const std::string_view whole = child(text, "annotation", name);
  const std::string_view extent = child(whole, "size", name);
  VocAnnotation result;
  result.width = number(extent, "width", name);
  result.height = number(extent, "height", name);
  if (result.width < 1 || result.height < 1)
    fail(ErrorKind::kData, "annotation '{}' says the picture has {} x {} pixels", name, result.width,
         result.height);
  size_t at = 0;
  while (const auto object = element(whole, "object", at)) {
    const std::string_view label = trimmed(child(*object, "name", name));
    const auto found = std::find(classes.begin(), classes.end(), label);
    if (found == classes.end()) {
      fail(ErrorKind::kData, "annotation '{}' has an object '{}', which is none of the classes: {}", name,
           label.substr(0, 40), fmt::join(classes, ", "));
    }
    const std::string_view bounds = child(*object, "bndbox", name);
    VocBox box;
    box.label = found - classes.begin();
    box.left = std::clamp(number(bounds, "xmin", name), 0.0, result.width);
    box.top = std::clamp(number(bounds, "ymin", name), 0.0, result.height);
    box.right = std::clamp(number(bounds, "xmax", name), 0.0, result.width);
    box.bottom = std::clamp(number(bounds, "ymax", name), 0.0, result.height);
    // Published sets have a few boxes of no extent, which mark nothing.
    if (box.right > box.left && box.bottom > box.top) result.boxes.push_back(box);
  }
  std::stable_sort(result.boxes.begin(), result.boxes.end(), [](const VocBox& a, const VocBox& b) {
    return (a.right - a.left) * (a.bottom - a.top) > (b.right - b.left) * (b.bottom - b.top);
  });
  return result;
}

Fields VocFolderSource::fields() {
  static const std::vector<Field> list = with_common({
      required<&VocFolderSource::path>("path",
                                       "the folder with JPEGImages and Annotations, in an archive or not"),
      required<&VocFolderSource::classes>(
          "classes", "names of the objects; class 0 of the mask is the ground", items({}, 1, 255)),
      field<&VocFolderSource::form_of_boxes>("form", "what is drawn for a box: the box, or the ellipse in it",
                                             one_of({"box", "ellipse"})),
  });
  return list;
}

void VocFolderSource::bind(const SourceOptions& options) {
  place_ = files::join(options.dir.empty() ? files::parent(options.config_file) : options.dir, path);
}

void VocFolderSource::scan() const {
  if (tree_ != nullptr) return;
  const auto tree = FileTree::open(place_);
  std::map<std::string, size_t> pictures, annotations;
  std::map<std::string, size_t> lists;
  for (size_t i = 0; i < tree->files().size(); ++i) {
    const std::string& file = tree->files()[i].path;
    const std::string base = files::base_name(file), stem = base.substr(0, base.rfind('.'));
    if (file.starts_with("JPEGImages/") && is_image_name(file)) pictures[stem] = i;
    if (file.starts_with("Annotations/") && file.ends_with(".xml")) annotations[stem] = i;
    if (file.starts_with("ImageSets/Main/") && file.ends_with(".txt")) lists[stem] = i;
  }
  if (pictures.empty()) fail(ErrorKind::kData, "'{}' has no pictures in a folder JPEGImages", tree->path());
  const auto add = [&](const std::string& split, const std::vector<std::string>& names,
                       const std::string& where) {
    std::vector<Sample> list;
    for (const int64_t at : mixed_order(static_cast<int64_t>(names.size()), seed, splits_.size())) {
      const std::string& name = names[static_cast<size_t>(at)];
      const auto picture = pictures.find(name), annotation = annotations.find(name);
      if (picture == pictures.end() || annotation == annotations.end()) {
        fail(ErrorKind::kData, "'{}' names '{}', which has no {} in '{}'", where, name,
             picture == pictures.end() ? "picture" : "annotation", tree->path());
      }
      list.push_back({picture->second, annotation->second});
    }
    if (!list.empty()) splits_.emplace_back(split, std::move(list));
  };
  if (!lists.contains("train")) {
    std::vector<std::string> names, held;
    for (const auto& [name, i] : pictures) names.push_back(name);
    const int64_t n = static_cast<int64_t>(names.size()), count = share_of(test_fraction, n);
    std::vector<std::string> parts[2];
    const std::vector<int64_t> order = mixed_order(n, seed, 100);
    for (int64_t i = 0; i < n; ++i)
      parts[i < count ? 1 : 0].push_back(names[static_cast<size_t>(order[static_cast<size_t>(i)])]);
    add("train", parts[0], tree->path());
    add("test", parts[1], tree->path());
  }
  for (const char* split : {"train", "val", "test"}) {
    const auto found = lists.find(split);
    if (!lists.contains("train") || found == lists.end()) continue;
    const std::string text = tree->read(found->second);
    std::vector<std::string> names;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view name = trimmed(std::string_view(text).substr(at, end - at));
      if (!name.empty()) names.emplace_back(name);
      at = end + 1;
    }
    add(split, names, tree->name(found->second));
  }
  if (splits_.empty() || splits_.front().first != "train")
    fail(ErrorKind::kData, "'{}' has no training pictures", tree->path());
  ImageForm made = form("voc_folder", *tree, splits_.front().second.front().image);
  made.stretch = true;
  images_ = std::make_shared<const ImageFiles>(tree, made, exact(), cache_bytes());
  tree_ = tree;
}

const std::vector<VocFolderSource::Sample>& VocFolderSource::samples(const std::string& split) const {
  scan();
  for (const auto& [name, list] : splits_) {
    if (name == split) return list;
  }
  fail(ErrorKind::kInternal, "voc_folder has no split '{}'", split);
}

std::vector<std::string> VocFolderSource::splits() const {
  scan();
  std::vector<std::string> names;
  for (const auto& [name, list] : splits_) names.push_back(name);
  return names;
}

SampleSpec VocFolderSource::spec() {
  scan();
  SampleSpec spec = labelled(images_->form().spec(), static_cast<int64_t>(classes.size()) + 1);
  spec.columns[1] = {"mask", make_spec({images_->form().height, images_->form().width}, DType::kInt64)};
  return spec;
}

int64_t VocFolderSource::size(const std::string& split) {
  return static_cast<int64_t>(samples(split).size());
}

std::shared_ptr<const Dataset> VocFolderSource::open(const std::string& split) {
  std::vector<Masks::Item> items;
  for (const Sample& sample : samples(split))
    items.push_back(
        {sample.image, parse_voc(tree_->read(sample.annotation), classes, tree_->name(sample.annotation))});
  return std::make_shared<Masks>(spec(), images_, std::move(items), form_of_boxes == "ellipse");
}

std::map<std::string, std::string> VocFolderSource::checksums() const {
  if (tree_ == nullptr) return {};
  return {{tree_->path(), tree_->digest()}};
}

}  // namespace dlb::data
