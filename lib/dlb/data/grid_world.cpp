#include "dlb/data/grid_world.h"

#include <array>

namespace dlb::data {
namespace {

constexpr size_t kMaxSide = 64;
constexpr int64_t kActions = 4;

/// A board without its borders: fields are numbered row by row.
class Board {
 public:
  explicit Board(const std::vector<std::string>& rows)
      : rows_(rows), width_(static_cast<int64_t>(rows.front().size())) {}
  int64_t fields() const { return width_ * static_cast<int64_t>(rows_.size()); }
  char at(int64_t field) const {
    return rows_[static_cast<size_t>(field / width_)][static_cast<size_t>(field % width_)];
  }
  bool ends(int64_t field) const { return at(field) == 'G' || at(field) == 'X'; }
  /// Where a step leads.
  int64_t beside(int64_t field, int64_t action) const {
    constexpr std::array<std::array<int64_t, 2>, kActions> kSteps = {{{-1, 0}, {0, 1}, {1, 0}, {0, -1}}};
    const auto [down, right] = kSteps[static_cast<size_t>(action)];
    const int64_t y = field / width_ + down;
    const int64_t x = field % width_ + right;
    if (y < 0 || x < 0 || x >= width_ || y >= static_cast<int64_t>(rows_.size())) return field;
    return at(y * width_ + x) == '#' ? field : y * width_ + x;
  }
  std::vector<int64_t> starts() const {
    std::vector<int64_t> found;
    for (int64_t f = 0; f < fields(); ++f) {
      if (at(f) == 'S') found.push_back(f);
    }
    return found;
  }
  /// Whether a goal can be reached without a trap.
  bool solvable(int64_t start) const {
    std::vector<bool> seen(static_cast<size_t>(fields()), false);
    std::vector<int64_t> open = {start};
    while (!open.empty()) {
      const int64_t field = open.back();
      open.pop_back();
      if (at(field) == 'G') return true;
      if (seen[static_cast<size_t>(field)] || at(field) == 'X') continue;
      seen[static_cast<size_t>(field)] = true;
      for (int64_t a = 0; a < kActions; ++a) open.push_back(beside(field, a));
    }
    return false;
  }

 private:
  const std::vector<std::string>& rows_;
  int64_t width_;
};

class GridWorld final : public Environment {
 public:
  explicit GridWorld(const GridWorldSource& source)
      : rows_(source.board),
        board_(rows_),
        starts_(board_.starts()),
        slip_(source.slip),
        step_reward_(source.step_reward) {}

  void reset(RandomStream& random) override {
    field_ = starts_[static_cast<size_t>(random.below(starts_.size()))];
  }

  Outcome step(int64_t action, RandomStream& random) override {
    if (slip_ > 0) {
      const double u = random.uniform_double();
      if (u < slip_) action = (action + (u < slip_ / 2 ? 1 : kActions - 1)) % kActions;
    }
    field_ = board_.beside(field_, action);
    const char kind = board_.at(field_);
    return {kind == 'G' ? 1.0 : kind == 'X' ? -1.0 : step_reward_, board_.ends(field_)};
  }

  void observe(float* out) const override {
    std::fill_n(out, board_.fields(), 0.0F);
    out[field_] = 1;
  }

 private:
  std::vector<std::string> rows_;
  Board board_;
  std::vector<int64_t> starts_;
  double slip_, step_reward_;
  int64_t field_ = 0;
};

}  // namespace

Fields GridWorldSource::fields() {
  static const std::vector<Field> list = environment_fields({
      field<&GridWorldSource::board>(
          "board", "rows of fields: S start, G goal (reward 1), X trap (reward -1), # wall, . free",
          items(any_value(), 1, kMaxSide)),
      field<&GridWorldSource::slip>("slip", "probability that a step goes to one side instead",
                                    between(0, 1)),
      field<&GridWorldSource::step_reward>("step_reward", "reward of a step that does not end the episode"),
  });
  return list;
}

void GridWorldSource::bind(const SourceOptions& /*options*/) {
  const size_t width = board.front().size();
  if (width == 0 || width > kMaxSide)
    fail(ErrorKind::kConfig, "grid_world.board has rows of {} fields, expected 1 to {}", width, kMaxSide);
  for (size_t y = 0; y < board.size(); ++y) {
    if (board[y].size() != width) {
      fail(ErrorKind::kConfig, "grid_world.board must be a rectangle: row {} has {} fields, row 1 has {}",
           y + 1, board[y].size(), width);
    }
    if (const size_t bad = board[y].find_first_not_of("SGX#."); bad != std::string::npos) {
      fail(ErrorKind::kConfig, "grid_world.board has '{}' in row {}, expected one of S, G, X, #, .",
           board[y][bad], y + 1);
    }
  }
  const Board fields(board);
  const std::vector<int64_t> starts = fields.starts();
  if (starts.empty()) fail(ErrorKind::kConfig, "grid_world.board has no start S");
  for (const int64_t start : starts) {
    if (fields.solvable(start)) continue;
    fail(ErrorKind::kConfig, "grid_world.board: no goal G can be reached from the start in row {}, column {}",
         start / static_cast<int64_t>(width) + 1, start % static_cast<int64_t>(width) + 1);
  }
}

int64_t GridWorldSource::features() const {
  return static_cast<int64_t>(board.size()) * static_cast<int64_t>(board.front().size());
}

std::unique_ptr<Environment> GridWorldSource::make() const { return std::make_unique<GridWorld>(*this); }

}  // namespace dlb::data
