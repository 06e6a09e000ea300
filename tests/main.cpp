// The one place that compiles Catch2's runner; every unit test program links it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
