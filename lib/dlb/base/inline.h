#pragma once
/// \file Functions that are always inlined.

/// Inlined even without optimisation: an out-of-line copy could be shared between instruction sets by the
/// linker.
#define DLB_INLINE inline __attribute__((always_inline))
