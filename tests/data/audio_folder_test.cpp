#include "dlb/data/audio_folder.h"

#include <map>
#include <set>

#include "data/data_support.h"
#include "data/zip_support.h"
#include "support/shared_data.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

/// Sound of `frames` values of 16 bits, all `value`.
std::string tone(int frames, int value, int rate = 8000) {
  std::string data;
  for (int i = 0; i < frames; ++i) data += little_bytes(static_cast<uint64_t>(value), 2);
  return wav_bytes(1, 16, 1, rate, data);
}

/// LABEL_SPEAKER_INDEX.wav, two labels, two speakers, five of each, of value 1000 label + index and different
/// lengths.
void write_digits(const std::string& folder) {
  files::make_folders(folder);
  for (int label = 0; label < 2; ++label) {
    for (const char* speaker : {"ann", "bob"}) {
      for (int i = 0; i < 5; ++i)
        write(fmt::format("{}/{}_{}_{}.wav", folder, label, speaker, i), tone(6 + i, 1000 * label + i));
    }
  }
}

struct Sound {
  std::vector<double> values;
  int64_t label;
};

std::vector<Sound> sounds_of(data::DataModule& module, const std::string& split) {
  std::vector<Sound> out;
  auto loader = module.loader(split, false, 0);
  loader->start(0);
  while (const auto batch = loader->next()) {
    const auto labels = batch->target().to_vector<int64_t>();
    const auto values = batch->input().to_vector<double>();
    const size_t each = values.size() / labels.size();
    for (size_t i = 0; i < labels.size(); ++i) {
      Sound sound{{}, labels[i]};
      for (size_t k = 0; k < each; ++k) sound.values.push_back(values[i * each + k] * 32768);
      out.push_back(std::move(sound));
    }
  }
  return out;
}

std::string pattern_report(const std::string& text) {
  return report_of([&] { data::NamePattern pattern(text); });
}

}  // namespace

TEST_CASE("patterns take names apart") {
  using Parts = std::vector<std::string>;
  const data::NamePattern p("{label}_{speaker}_{index}.wav");
  CHECK(p.names() == Parts{"label", "speaker", "index"});
  CHECK(p.match("7_jackson_32.wav") == Parts{"7", "jackson", "32"});
  CHECK(p.match("7_jack_son_32.wav") == Parts{"7", "jack", "son_32"});
  CHECK_FALSE(p.match("7_jackson.wav"));
  CHECK_FALSE(p.match("7__32.wav"));
  CHECK_FALSE(p.match("7_jackson_32.mp3"));
  CHECK(data::NamePattern("take{n}").match("take12") == Parts{"12"});
  CHECK_FALSE(data::NamePattern("take{n}").match("take"));
  CHECK_FALSE(data::NamePattern("a{n}aa").match("aa"));
  CHECK_THAT(pattern_report("a.wav"), Contains("has no part such as {label}"));
  CHECK_THAT(pattern_report("{a}{b}.wav"), Contains("the parts 'a' and 'b' need text between them"));
  CHECK_THAT(pattern_report("{a}_{a}.wav"), Contains("has the part 'a' twice"));
  CHECK_THAT(pattern_report("{a"), Contains("expected a name and '}' after '{' at character 1"));
  CHECK_THAT(pattern_report("x{}"), Contains("after '{' at character 2"));
}

TEST_CASE("sound has its label from the name and one length") {
  TempFolder folder;
  write_digits(folder.path() + "/set");
  const std::string head = "source: {audio_folder: {path: set, pattern: \"{label}_{speaker}_{index}.wav\", ";
  auto module = plan(head + "test: index < 2, length: 8}}\nbatch: 3\n", folder.path());
  CHECK(module->size("train") == 12);
  CHECK(module->size("test") == 8);
  CHECK(module->spec().classes == 2);
  CHECK(module->spec().input().name == "sound");
  CHECK(module->spec().input().spec.shape == Shape{1, 8});
  module->open();
  for (const char* split : {"train", "test"}) {
    for (const Sound& sound : sounds_of(*module, split)) {
      const double value = sound.values[0];
      const int64_t index = static_cast<int64_t>(value) % 1000;
      CHECK(sound.label == (value >= 1000 ? 1 : 0));
      CHECK((index < 2) == (split == std::string("test")));
      for (size_t k = 0; k < 8; ++k)
        CHECK(sound.values[k] == (static_cast<int64_t>(k) < 6 + index ? value : 0));
    }
  }
  auto middle =
      plan(head + "test: \"speaker == 'ann'\", length: 12, align: center}}\nbatch: 3\n", folder.path());
  CHECK(middle->size("test") == 10);
  middle->open();
  for (const Sound& sound : sounds_of(*middle, "train")) {
    CHECK(sound.values[0] == 0);
    CHECK(sound.values[11] == 0);
  }
  auto share = plan(head + "test_fraction: 0.2, length: 8}}\nbatch: 3\n", folder.path());
  CHECK(share->size("test") == 4);
  share->open();
  std::map<int64_t, int> labels;
  for (const Sound& sound : sounds_of(*share, "test")) ++labels[sound.label];
  CHECK(labels == std::map<int64_t, int>{{0, 2}, {1, 2}});
  auto speakers = plan(head + "label: speaker, length: 8}}\nbatch: 3\n", folder.path());
  CHECK(speakers->spec().classes == 2);
}

TEST_CASE("a folder per label") {
  TempFolder folder;
  for (const char* name : {"no", "yes"}) {
    files::make_folders(folder.path() + "/set/" + name);
    for (int i = 0; i < 3; ++i)
      write(fmt::format("{}/set/{}/{}.wav", folder.path(), name, i), tone(5, name[0]));
  }
  auto module = plan("source: {audio_folder: {path: set, length: 5}}\n", folder.path());
  CHECK(module->size("train") == 6);
  module->open();
  for (const Sound& sound : sounds_of(*module, "train"))
    CHECK(sound.label == (sound.values[0] == 'y' ? 1 : 0));
}

TEST_CASE("the spoken digits, by their authors' rule") {
  const std::string path = shared_data("fsdd/fsdd-recordings.zip");
  if (path.empty()) DLB_SKIP("no fsdd");
  const Environment data("DLBENCH_DATA", files::parent(files::parent(path)));
  auto module = plan("source: fsdd\nbatch: 100\n");
  CHECK(module->size("train") == 2700);
  CHECK(module->size("test") == 300);
  CHECK(module->spec().classes == 10);
  module->open();
  std::map<int64_t, int> labels;
  double loudest = 0;
  for (const Sound& sound : sounds_of(*module, "test")) {
    ++labels[sound.label];
    for (const double v : sound.values) loudest = std::max(loudest, std::abs(v));
  }
  for (int64_t c = 0; c < 10; ++c) CHECK(labels[c] == 30);
  CHECK(loudest > 10000);
  CHECK(loudest <= 32768);
}
