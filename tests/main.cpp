// The one place that compiles Catch2's runner; every unit test program links it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

// What clang's OpenMP runtime keeps for its threads to the end of the program is no leak of ours.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp"; }
