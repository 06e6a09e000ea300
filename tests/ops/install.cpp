#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "dlb/backend/cpu/install.h"

#include <catch2/catch.hpp>

namespace {

/// Fills the operators' tables before the first test.
struct Install : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testRunStarting(const Catch::TestRunInfo&) override { dlb::backend::cpu::install(); }
};
CATCH_REGISTER_LISTENER(Install)

}  // namespace
