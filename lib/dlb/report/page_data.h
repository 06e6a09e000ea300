#pragma once
/// \file What page.js draws, as JSON.

#include <string>
#include <vector>

#include "dlb/report/run.h"

namespace dlb::report {

/// {"runs": [{"name", "series": [{"metric", "split", "records", "thinned", "step": [], "epoch": [], "value":
/// []}], "best": {...}}], "predictions": {...}}; values that are not finite are null. `names` are those of
/// the runs in legends; predictions are shown of a lone run.
std::string page_data(const std::vector<const Run*>& runs, const std::vector<std::string>& names);

}  // namespace dlb::report
