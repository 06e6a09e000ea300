#pragma once
/// \file All that only moves elements: views, rearrangements, joining, padding.

#include "dlb/ops/arrange.h"
#include "dlb/ops/join.h"
#include "dlb/ops/pad.h"
#include "dlb/ops/view.h"
