#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mw {
namespace {

TEST(Json, error_names_line_and_column) {
    auto value = parse_json("{\n  \"a\": nope}");
    ASSERT_FALSE(value);
    EXPECT_NE(value.error().message.find("line 2"), std::string::npos) << value.error().message;
}

TEST(Json, refuses_deep_nesting) {
    EXPECT_FALSE(parse_json(std::string(1000, '[') + std::string(1000, ']')));
    EXPECT_FALSE(parse_json("{} {}"));
    EXPECT_FALSE(parse_json(""));
}

TEST(Json, finds_and_sets_dotted_paths) {
    Json value = JsonObject{};
    set(value, "spec.source.speed", 50);
    EXPECT_EQ(find_integer(value, "spec.source.speed"), 50);
    EXPECT_EQ(find_number(value, "spec.source.speed"), 50.0);
    EXPECT_EQ(find(value, "spec.missing.path"), nullptr);
    EXPECT_FALSE(want_string(value, "spec.source"));
}

TEST(Json, writes_doubles_as_people_do) {
    const Json value = {{"a", 1.5}, {"b", 50.0}, {"c", 1e300}, {"d", 0.1}, {"e", -0.0}, {"n", NAN}};
    EXPECT_EQ(to_json(value), R"({"a":1.5,"b":50.0,"c":1e+300,"d":0.1,"e":-0.0,"n":null})");
    EXPECT_EQ(to_json(*parse_json(R"({"x":[],"y":{},"z":["\"",true,null,7]})")),
              R"({"x":[],"y":{},"z":["\"",true,null,7]})");
}

TEST(Yaml, reads_many_documents_and_types) {
    auto documents =
        parse_yaml("kind: Site\nname: north\nn: 3\nx: 1.5\nb: true\nt: \"3\"\n---\na: [1, 2]\n");
    ASSERT_TRUE(documents) << documents.error().message;
    ASSERT_EQ(documents->size(), 2u);
    const Json& first = documents->at(0);
    EXPECT_EQ(find_integer(first, "n"), 3);
    EXPECT_EQ(find_number(first, "x"), 1.5);
    EXPECT_EQ(find_bool(first, "b"), true);
    EXPECT_EQ(find_string(first, "t"), "3");
}

TEST(Yaml, aliases_are_written_out) {
    const auto all = parse_yaml("base: &b {x: 1, y: [2]}\none: *b\ntwo: [*b, &s z, *s]\n");
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(to_json(all->at(0)),
              R"({"base":{"x":1,"y":[2]},"one":{"x":1,"y":[2]},"two":[{"x":1,"y":[2]},"z","z"]})");
}

TEST(Yaml, texts_that_want_endless_memory_are_refused) {
    for (const char* endless : {", ##", "]", "a: 1\n---\n,", "}{"})
        EXPECT_FALSE(parse_yaml(endless)) << endless;
    std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string before = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
        laughs += name + ": &" + name + " [" + before;
        for (int j = 0; j < 9; ++j) laughs += ", " + before;
        laughs += "]\n";
    }
    EXPECT_FALSE(parse_yaml(laughs));
    EXPECT_FALSE(parse_yaml("&a [*a]"));
    EXPECT_FALSE(parse_yaml(std::string(100, '[') + std::string(100, ']')));
    EXPECT_FALSE(parse_yaml(std::string(100'000, '[')));
}

TEST(Yaml, round_trips) {
    auto value = *parse_json(R"({"a":{"b":[1,2.5,"x","3","true",null,false]},"e":{},"l":[]})");
    auto back = parse_yaml(to_yaml(value));
    ASSERT_TRUE(back) << to_yaml(value);
    EXPECT_EQ(back->at(0), value) << to_yaml(value);
}

// Readers of YAML 1.1 see booleans, dates and base 60 in plain words, and texts in 1e-07.
TEST(Yaml, is_the_same_to_older_readers) {
    for (const char* word : {"no", "Yes", "on", "y", "2026-01-31", "12:30", "0x1F", "1_000", ".5",
                             "2026-01-31T10:00:00Z", "TRUE", "+1", ".inf"}) {
        EXPECT_EQ(to_yaml(Json(word)), "\"" + std::string(word) + "\"\n");
        EXPECT_EQ(parse_yaml(to_yaml(Json(word)))->at(0), Json(word));
    }
    for (const char* plain : {"north", "1s", "l/min", "yesterday", "1.0.0", "v1"})
        EXPECT_EQ(to_yaml(Json(plain)), std::string(plain) + "\n");
    EXPECT_EQ(to_yaml(Json(1e-7)), "1.0e-07\n");
    EXPECT_EQ(parse_yaml(to_yaml(Json(1e-7)))->at(0), Json(1e-7));
    EXPECT_EQ(parse_yaml(to_yaml(Json(1e300)))->at(0), Json(1e300));
}

TEST(Yaml, refuses_with_position) {
    auto broken = parse_yaml("a: 1\nb: [1, 2\nc: 3\n");
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("line"), std::string::npos);
    auto twice = parse_yaml("a: 1\na: 2\n");
    ASSERT_FALSE(twice);
    EXPECT_NE(twice.error().message.find("'a' stands twice"), std::string::npos);
}

}  // namespace
}  // namespace mw
