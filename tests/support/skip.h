#pragma once
/// \file How a test says that it could not run here, so that the runner counts it as skipped.

#include <iostream>

/// Ends the enclosing test case as skipped: prints `SKIPPED: reason` and returns. `reason` is anything that
/// can be streamed. Use it for what a machine may lack (a data set outside the repository), never for a
/// behaviour that does not work.
#define DLB_SKIP(reason)                               \
  do {                                                 \
    std::cout << "SKIPPED: " << (reason) << std::endl; \
    return;                                            \
  } while (false)
