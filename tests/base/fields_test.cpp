#include "dlb/base/fields.h"

#include <catch2/catch.hpp>

using namespace dlb;

namespace {

struct Shape {
  virtual ~Shape() = default;
};

struct Circle : Shape {
  double radius = 1;
  std::vector<int64_t> sizes = {1, 2};
  static Fields fields() {
    static const Field list[] = {required<&Circle::radius>("radius", "how far", positive()),
                                 field<&Circle::sizes>("sizes", "sizes")};
    return list;
  }
};

}  // namespace

TEST_CASE("a duration counts steps or epochs") {
  CHECK(Duration{500, false}.steps(7) == 500);
  CHECK(Duration{1.5, true}.steps(7) == 11);
  CHECK(Duration{2, true}.steps(100) == 200);
}

TEST_CASE("constraints say what they mean") {
  CHECK((positive().min == 0 && positive().min_open));
  CHECK((non_negative().min == 0 && !non_negative().min_open));
  CHECK((fraction().min == 0 && fraction().max == 1 && fraction().max_open && !fraction().min_open));
  CHECK((between(2, 3).min == 2 && between(2, 3).max == 3));
  const Constraint c = items(at_least(1), 1, 2);
  CHECK((c.min == 1 && c.min_items == 1 && c.max_items == 2));
  CHECK(one_of({"a", "b"}).choices == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a described type is made by name and its members are reached through its fields") {
  const TypeInfo<Shape> types[] = {type_info<Shape, Circle>("circle", "round")};
  const std::span<const TypeInfo<Shape>> all(types);
  CHECK(find_type(all, "square") == nullptr);
  CHECK(type_names(all) == std::vector<std::string>{"circle"});
  const auto made = find_type(all, "circle")->make();
  const Fields fields = types[0].fields();
  CHECK((fields[0].required && fields[0].type == FieldType::kFloat && fields[1].type == FieldType::kIntList));
  *static_cast<double*>(fields[0].at(made.fields_base)) = 4;
  CHECK(dynamic_cast<Circle&>(*made.object).radius == 4);
  const std::vector<Described> described = describe_types(all);
  CHECK((described.size() == 1 && described[0].doc == "round"));
  CHECK(static_cast<std::vector<int64_t>*>(fields[1].at(described[0].defaults_base))->size() == 2);
}
