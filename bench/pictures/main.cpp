/// Pictures and sound per second through a data section: decoding, augmentation and collation on one thread.
///
/// usage: bench_pictures CONFIG [EPOCHS]     (the config's data section; split train; nothing is kept decoded
/// where the section says cache_mb: 0)

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "dlb/base/files.h"
#include "dlb/config/document.h"
#include "dlb/data/data_config.h"

int main(int argc, char** argv) {
  using namespace dlb;
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_pictures CONFIG [EPOCHS]\n");
    return 2;
  }
  try {
    const auto document = config::Document::parse(files::read_all(argv[1]), argv[1]);
    ErrorList errors;
    const config::Scope scope;
    config::Reader reader(errors, scope);
    const config::Node* section = document.root().find("data");
    if (section == nullptr) fail(ErrorKind::kConfig, "{} has no data section", argv[1]);
    auto module = data::DataModule::plan(reader, *section, argv[1]);
    errors.throw_if_any();
    module->open();
    auto loader = module->loader("train", true, 0);
    const int epochs = argc > 2 ? std::atoi(argv[2]) : 1;
    for (int epoch = 0; epoch < epochs; ++epoch) {
      const auto start = std::chrono::steady_clock::now();
      int64_t samples = 0;
      loader->start(epoch);
      while (const auto batch = loader->next()) samples += batch->size;
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      std::printf("%lld samples in %.2f s: %.0f per second\n", static_cast<long long>(samples), seconds,
                  static_cast<double>(samples) / seconds);
    }
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return e.kind == ErrorKind::kConfig ? 2 : 1;
  }
  return 0;
}
