#include <gtest/gtest.h>

#include "platform/http/http.h"
#include "platform/http/wire.h"

namespace mw::http {
namespace {

TEST(Headers, compare_names_without_case) {
    Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}};
    EXPECT_EQ(headers.get("content-type"), "text/plain");
    headers.set("x-a", "2");
    EXPECT_EQ(headers.get("X-A"), "2");
    EXPECT_EQ(headers.size(), 2u);
    EXPECT_FALSE(headers.has("X-B"));
}

struct TargetRow {
    const char* name;
    const char* target;
    const char* path;  // null: refused
};
class Target : public testing::TestWithParam<TargetRow> {};
TEST_P(Target, is_normalised_or_refused) {
    auto parsed = parse_target(GetParam().target);
    ASSERT_EQ(parsed.ok(), GetParam().path != nullptr);
    if (parsed) {
        EXPECT_EQ(parsed->first, GetParam().path);
    }
}
INSTANTIATE_TEST_SUITE_P(
    Rows, Target,
    testing::Values(
        TargetRow{"root", "/", "/"}, TargetRow{"plain", "/v1/devices", "/v1/devices"},
        TargetRow{"encoded", "/v1/a%20b%C3%A4", "/v1/a b\xC3\xA4"},
        TargetRow{"plus_stays", "/a+b", "/a+b"}, TargetRow{"empty_segments", "//v1///x/", "/v1/x"},
        TargetRow{"absolute_form", "http://h:1/v1/x?y", "/v1/x"},
        TargetRow{"absolute_form_bare", "https://h", "/"}, TargetRow{"fragment", "/a#b", "/a"},
        TargetRow{"parent", "/v1/../etc", nullptr},
        TargetRow{"parent_encoded", "/v1/%2e%2E/etc", nullptr}, TargetRow{"dot", "/./x", nullptr},
        TargetRow{"slash_encoded", "/a%2Fb", nullptr}, TargetRow{"backslash", "/a%5c..", nullptr},
        TargetRow{"zero_byte", "/a%00b", nullptr}, TargetRow{"half_escape", "/a%2", nullptr},
        TargetRow{"no_hex", "/a%zz", nullptr}, TargetRow{"relative", "x", nullptr},
        TargetRow{"base64", "/ocsp/MF%2FEw%2b/A//%3D", "/ocsp/MF_Ew-_A__="},
        TargetRow{"base64_parent", "/ocsp/..%2fetc", nullptr},
        TargetRow{"base64_behind_nothing", "//ocsp/a.b", nullptr},
        TargetRow{"base64_encoded_otherwise", "/%6fcsp/a.b", nullptr},
        TargetRow{"base64_zero", "/ocsp/a%00", nullptr}, TargetRow{"star", "*", nullptr},
        TargetRow{"nothing", "", nullptr}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Target, query_is_decoded_in_order) {
    auto parsed = *parse_target("/x?a=1&b=x+y%26&c&a=2&&=z");
    using P = std::pair<std::string, std::string>;
    EXPECT_EQ(parsed.second,
              (std::vector<P>{{"a", "1"}, {"b", "x y&"}, {"c", ""}, {"a", "2"}, {"", "z"}}));
}

TEST(Target, is_made_so_that_it_parses_back) {
    std::vector<std::pair<std::string, std::string>> query{{"q", "a b&c=%/\xC3\xA4"}, {"x", ""}};
    auto parsed = *parse_target(make_target("/v1/pump 7%/ä", query));
    EXPECT_EQ(parsed.first, "/v1/pump 7%/ä");
    EXPECT_EQ(parsed.second, query);
}

Handler nobody() {
    return [](Request) -> Task<Response> { co_return Response{}; };
}
TEST(Router, a_literal_wins_over_a_parameter_in_any_order) {
    Router router;
    router.add(Method::get, "/v1/devices/{name}", nobody());
    router.add(Method::get, "/v1/devices/special", nobody());
    router.add(Method::get, "/{rest...}", nobody());
    EXPECT_EQ(router.find(Method::get, "/v1/devices/special").route->pattern,
              "/v1/devices/special");
    auto match = router.find(Method::get, "/v1/devices/pump-7");
    EXPECT_EQ(match.params[0], (std::pair<std::string, std::string>{"name", "pump-7"}));
    EXPECT_EQ(router.find(Method::get, "/a/b/c").params[0].second, "a/b/c");
    EXPECT_EQ(router.find(Method::get, "/").route->pattern, "/{rest...}");
}
TEST(Router, tells_missing_path_from_missing_method) {
    Router router;
    router.add(Method::get, "/v1/x", nobody());
    router.add(Method::put, "/v1/x", nobody());
    EXPECT_EQ(router.find(Method::post, "/v1/x").allowed.size(), 2u);
    EXPECT_TRUE(router.find(Method::post, "/v1/y").allowed.empty());
    EXPECT_NE(router.find(Method::head, "/v1/x").route, nullptr);
    EXPECT_EQ(router.find(Method::get, "/v1/x/y").route, nullptr);
}

struct RangeRow {
    const char* header;
    std::uint64_t size;
    int kind;  // 0 all, 1 part, 2 refused
    std::uint64_t first, count;
};
TEST(Range, follows_rfc_9110) {
    const RangeRow rows[] = {
        {"", 10, 0, 0, 0},
        {"bytes=0-4", 10, 1, 0, 5},
        {"bytes=5-", 10, 1, 5, 5},
        {"bytes=-3", 10, 1, 7, 3},
        {"bytes=-30", 10, 1, 0, 10},
        {"bytes=9-100", 10, 1, 9, 1},
        {"bytes=10-", 10, 2, 0, 0},
        {"bytes=-0", 10, 2, 0, 0},
        {"bytes=0-", 0, 2, 0, 0},
        {"bytes=4-2", 10, 0, 0, 0},
        {"bytes=0-1,3-4", 10, 0, 0, 0},
        {"items=0-1", 10, 0, 0, 0},
        {"bytes=x-1", 10, 0, 0, 0},
        {"bytes=0-18446744073709551615", 10, 1, 0, 10},
        {"bytes=99999999999999999999-", 10, 0, 0, 0},
    };
    for (const auto& row : rows) {
        auto range = parse_range(row.header, row.size);
        ASSERT_EQ(range.ok(), row.kind != 2) << row.header;
        if (!range) continue;
        ASSERT_EQ(range->has_value(), row.kind == 1) << row.header;
        if (row.kind == 1) {
            EXPECT_EQ((*range)->first, row.first) << row.header;
            EXPECT_EQ((*range)->size, row.count) << row.header;
        }
    }
}

TEST(ServerEvent, has_one_data_line_per_line_and_no_way_out) {
    ServerEvent event{.data = "a\nb", .event = "x\ninjected: 1", .id = "7"};
    EXPECT_EQ(to_text(event), "id: 7\nevent: x injected: 1\ndata: a\ndata: b\n\n");
}

TEST(Response, header_values_cannot_end_their_line) {
    Response response;
    response.headers.add("X-Name", "a\r\nSet-Cookie: b");
    auto text = response_head_text(response, "", false, "", {0});
    EXPECT_EQ(text.find("\nSet-Cookie"), std::string::npos);
    EXPECT_NE(text.find("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), std::string::npos);
}

TEST(Response, errors_are_json_with_code_message_and_path) {
    auto response = Response::error(Error{Errc::invalid_input, "no"}, "spec.unit");
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body,
              R"({"error":{"code":"invalid_input","message":"no","path":"spec.unit"}})");
}

TEST(Url, is_taken_apart_or_refused_in_words) {
    auto url = *parse_url("https://hub.test:8443/base?x=1#y");
    EXPECT_TRUE(url.tls);
    EXPECT_EQ(url.host, "hub.test");
    EXPECT_EQ(url.port, 8443);
    EXPECT_EQ(url.path, "/base?x=1");
    EXPECT_EQ(parse_url("http://[::1]:80")->host, "::1");
    EXPECT_EQ(parse_url("http://h")->port, 80);
    for (auto bad : {"ftp://x", "https://", "http://h:0", "http://h:99999", "http://u:p@h/",
                     "http://[::1", "http://h:1x"})
        EXPECT_FALSE(parse_url(bad).ok()) << bad;
}

TEST(Reader, a_head_past_the_limit_is_refused_however_slowly_it_comes) {
    std::string text = "GET /x HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 200; ++i) text += "X-" + std::to_string(i) + ": yyyyyyyyyyyyyyyyyyyy\r\n";
    text += "\r\n";
    ASSERT_GT(text.size(), 4096u);
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{27}, std::size_t{1000}, text.size()}) {
        MessageReader reader(MessageReader::Kind::request, 4096);
        std::optional<Refusal> refused;
        std::size_t sent = 0;
        for (; !refused && sent < text.size(); sent += piece)
            refused =
                reader.feed(bytes_of(text).subspan(sent, std::min(piece, text.size() - sent)));
        ASSERT_TRUE(refused) << piece;
        EXPECT_EQ(refused->status, 431) << piece;
        EXPECT_LE(sent, 2 * 4096 + piece) << piece;
    }
}

// Wherever the network cuts it.
TEST(Reader, a_folded_header_is_refused_in_one_piece_and_in_two) {
    const std::string text = "PUT /x HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc: d\r\n\r\n";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        MessageReader reader(MessageReader::Kind::request, 4096);
        auto refused = reader.feed(bytes_of(text).first(cut));
        if (!refused) refused = reader.feed(bytes_of(text).subspan(cut));
        ASSERT_TRUE(refused) << cut;
        EXPECT_EQ(refused->status, 400) << cut;
    }
}

}  // namespace
}  // namespace mw::http
